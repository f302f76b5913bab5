using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using CallServer.Server.Net;
using CallServer.Surface;

namespace CallServer.Server.Configuration;

/// <summary>Turns a file into a checked configuration, or into the list of every mistake in it.</summary>
internal static class ConfigurationLoader
{
    /// <summary>The members of <c>server</c> by which callers prove who they are.</summary>
    private static readonly string[] Proofs = ["token", "readToken", "controlToken", "oidc"];

    /// <summary>
    /// Reads a file with the environment's overrides. Throws ConfigurationException with every mistake.
    /// </summary>
    public static ServerConfiguration Load(
        string path,
        IReadOnlyDictionary<string, string> environment,
        GatewayProtocols protocols
    ) => Read(ConfigurationFile.Octets(path), path, environment, protocols);

    /// <summary>
    /// Reads the octets of a file with the environment's overrides. Throws ConfigurationException with every mistake.
    /// </summary>
    public static ServerConfiguration Read(
        byte[] octets,
        string source,
        IReadOnlyDictionary<string, string> environment,
        GatewayProtocols protocols
    ) =>
        Of(ConfigurationFile.Parse(octets, source), source, environment, protocols) with
        {
            Digest = SHA256.HashData(octets),
        };

    private static ServerConfiguration Of(
        Document document,
        string source,
        IReadOnlyDictionary<string, string> environment,
        GatewayProtocols protocols
    )
    {
        var mistakes = new List<ConfigurationMistake>();
        document = EnvironmentOverrides.Apply(document, environment, mistakes);
        var reading = new Reading(source, new DocumentReader(source, mistakes), mistakes);
        var configuration = reading.Whole(document, protocols);
        if (configuration is null || mistakes.Count > 0)
            throw new ConfigurationException([
                .. mistakes.Distinct().OrderBy(mistake => mistake.Line == 0 ? int.MaxValue : mistake.Line),
            ]);
        return configuration;
    }

    private sealed class Reading(string source, DocumentReader read, List<ConfigurationMistake> mistakes)
    {
        private readonly List<ConfigurationMistake> warnings = [];

        /// <summary>
        /// The whole configuration; null if something in it is wrong, and the mistakes then say what.
        /// </summary>
        public ServerConfiguration? Whole(Document root, GatewayProtocols protocols)
        {
            if (root.Kind != DocumentKind.Members)
            {
                read.Fail(root, $"an object is expected here, not {root.KindInWords}");
                return null;
            }

            Shape.Root.Check(root, read.Fail);

            var profiles = read.Section(root, "profiles");
            if (profiles is not null)
            {
                protocols = protocols.WithProfiles(profiles, out var wrong);
                mistakes.AddRange(wrong.Select(mistake => ConfigurationMistake.Of(source, mistake)));
            }

            var server = read.Section(root, "server");
            var cdr = CdrSection.Read(read.Section(root, "cdr"), read, Warn);
            var polling = read.Section(root, "polling");
            var listeners = read.Section(root, "listeners");
            var usual = new Pacing(
                TimeSpan.FromSeconds(10),
                TimeSpan.FromSeconds(1),
                4,
                GatewayConfiguration.UsualFactsEvery
            );
            var plain = Pace(polling, usual);
            var bounds = GatewayBounds.Read(read, polling, GatewayBounds.Usual);
            var token = Token(Keys.Server.Token.In(server));
            var readToken = Token(Keys.Server.ReadToken.In(server));
            var controlToken = Token(Keys.Server.ControlToken.In(server));
            Distinct(server, readToken, token, controlToken);
            var name = Name(server);
            var listen = Listen(server);
            var store = StoreSettings.Read(read, root, server);
            var keep = Keeping.Read(read.Section(root, "keep"), read);
            var pairs = new PairReader(read);
            var backup = pairs.Backup(root);

            return new ServerConfiguration
            {
                Source = source,
                Name = name,
                Listen = listen,
                Hosts = Hosts(server),
                ControlsPerSecond = read.Integer(server, Keys.Server.ControlsPerSecond) ?? 50,
                Data = store.File,
                Store = store.Address,
                StorePassword = store.Password,
                Token = token,
                ReadToken = readToken,
                ControlToken = controlToken,
                Tls = TlsReader.Read(read, server, SystemClock.Timers.GetUtcNow(), Warn),
                Oidc = OidcReader.Read(read, server),
                Privacy = PrivacyConfiguration.Read(read, read.Section(root, "privacy")),
                Umask = Umask(Keys.Server.Umask.In(server)),
                EventReaders = read.Integer(server, Keys.Server.EventReaders) ?? 100,
                GatewaysInFlight = read.Integer(polling, Keys.Polling.GatewaysInFlight) ?? 256,
                Deadline = read.Duration(polling, Keys.Polling.Deadline) ?? TimeSpan.FromMinutes(2),
                BackoffLimit = read.Duration(polling, Keys.Polling.BackoffLimit) ?? TimeSpan.FromMinutes(1),
                Memory = read.Size(polling, Keys.Polling.Memory) ?? GatewayBounds.UsualMemory,
                Backup = backup,
                Fleet = FleetReader.Read(read, root, store),
                Pair = pairs.Pair(root, backup, listen),
                CdrFile = cdr.File,
                CdrCsv = cdr.Csv,
                CdrRotation = cdr.Rotation,
                CdrInterim = cdr.Interim,
                CdrHttp = cdr.Http,
                Keep = keep,
                CdrFollowsLinks = cdr.FollowsLinks,
                Radius = RadiusReader.Read(read, root, name),
                MgcpListener = read.EndPoint(listeners, Keys.Listeners.Mgcp),
                TrapListener = read.EndPoint(listeners, Keys.Listeners.Traps),
                Gateways = Gateways(root, plain, bounds, protocols, Describe(profiles)),
                Warnings = warnings,
            };
        }

        private static string Describe(Document? profiles)
        {
            var text = new StringBuilder();
            if (profiles is not null)
                Write(profiles);
            return text.ToString();

            void Write(Document node)
            {
                text.Append((int)node.Kind).Append(node.Scalar).Append('{');
                foreach (var (name, child) in node.Members)
                {
                    text.Append(name).Append(':');
                    Write(child);
                }

                foreach (var item in node.Items)
                    Write(item);
                text.Append('}');
            }
        }

        private void Warn(Document at, string message) =>
            warnings.Add(new ConfigurationMistake(source, at.Line, at.Path, message));

        private int Umask(Document? node)
        {
            if (read.Text(node) is not { } text)
                return FileModes.UsualMask;
            if (FileModes.Parse(text) is { } mask)
                return mask;
            read.Fail(
                node!,
                $"'{text}' is no octal mask that keeps others out, such as \"0027\" (the group may read) or \"0077\""
            );
            return FileModes.UsualMask;
        }

        private string Name(Document? server)
        {
            var node = Keys.Server.Name.In(server);
            if (read.Text(node) is not { } name)
                return Environment.MachineName.ToLowerInvariant();
            if (name.Length > 255 || name.Any(c => char.IsControl(c) || char.IsWhiteSpace(c)))
                read.Fail(node!, "a name is 1 to 255 printable characters without spaces");
            return name;
        }

        private Uri Listen(Document? server)
        {
            var fallback = new Uri("http://127.0.0.1:8080");
            var node = Keys.Server.Listen.In(server);
            if (read.Text(node) is not { } text)
                return fallback;
            if (
                !Uri.TryCreate(text, UriKind.Absolute, out var listen)
                || listen.Host.Length == 0
                || listen.PathAndQuery != "/"
                || listen.UserInfo.Length > 0
            )
            {
                read.Fail(node!, $"'{text}' is not http://ADDRESS:PORT or https://ADDRESS:PORT");
                return fallback;
            }

            if (listen.Scheme != Uri.UriSchemeHttp && listen.Scheme != Uri.UriSchemeHttps)
            {
                read.Fail(node!, $"{listen.Scheme} is not served: http or https is expected");
                return fallback;
            }

            var tls = DocumentReader.Member(server, "tls");
            if (listen.Scheme == Uri.UriSchemeHttps && tls is null)
                read.Fail(
                    node!,
                    "https needs a certificate: \"tls\": { \"certificate\": \"FILE.pem\", \"key\": \"FILE.pem\" }"
                );
            else if (listen.Scheme == Uri.UriSchemeHttp && tls is not null)
                read.Fail(tls, "has no effect while server.listen is http://…: make that https://…");

            if (
                listen.HostNameType is UriHostNameType.Dns
                && !listen.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
            )
            {
                read.Fail(
                    node!,
                    $"'{listen.Host}' is no address of this machine: an IP address or localhost is expected"
                );
                return fallback;
            }

            if (!listen.IsLoopback && Proofs.All(proof => DocumentReader.Member(server, proof) is null))
                read.Fail(
                    node!,
                    "listening on anything but loopback needs a token: \"token\": \"env:NAME\" or \"file:PATH\""
                );
            return listen;
        }

        /// <summary>A token that only reads is of no use if it is the same as one that controls.</summary>
        private void Distinct(Document? server, byte[]? readToken, params byte[]?[] others)
        {
            if (readToken is not null && others.Any(other => ServerConfiguration.Same(other, readToken)))
                read.Fail(
                    DocumentReader.Member(server, "readToken")!,
                    "is the same as a token that controls: then whoever may read may do everything"
                );
        }

        /// <summary>The token must be valid in a header (RFC 6750 §2.1) and too long to guess.</summary>
        private byte[]? Token(Document? node)
        {
            if (read.Secret(node) is not { } token)
                return null;
            if (token.Length < 16)
                read.Fail(node!, "the token is too short: 16 characters or more are expected");
            else if (token.Any(octet => octet is <= 0x20 or >= 0x7F))
                read.Fail(
                    node!,
                    "the token holds a space or what no header carries: visible ASCII is expected"
                );
            return token;
        }

        /// <summary>Names that clients may use for this server, besides its addresses.</summary>
        private List<string> Hosts(Document? server)
        {
            var hosts = new List<string>();
            if (Keys.Server.Hosts.In(server) is not { } list)
                return hosts;
            if (list.Kind != DocumentKind.Items)
                read.Fail(list, $"a list of host names is expected here, not {list.KindInWords}");
            foreach (var item in list.Items)
            {
                if (read.Text(item) is not { } host)
                    continue;
                if (Uri.CheckHostName(host) == UriHostNameType.Unknown)
                    read.Fail(item, $"'{host}' is no host name: no scheme and no port stand here");
                else
                    hosts.Add(host);
            }

            return hosts;
        }

        private Pacing Pace(Document? node, Pacing fallback)
        {
            var pacing = new Pacing(
                read.Duration(node, Keys.Pace.Interval) ?? fallback.Interval,
                read.Duration(node, Keys.Pace.Timeout) ?? fallback.Timeout,
                read.Integer(node, Keys.Pace.Attempts) ?? fallback.Attempts,
                read.Integer(node, Keys.Pace.FactsEvery) ?? fallback.FactsEvery
            );
            var at = Keys.Pace.Interval.In(node) ?? Keys.Pace.Timeout.In(node);
            if (pacing.Interval < pacing.Timeout && at is not null)
                read.Fail(
                    at,
                    $"the interval of {Durations.Format(pacing.Interval)} is shorter than the time-out of {Durations.Format(pacing.Timeout)}"
                );
            return pacing;
        }

        private List<GatewayConfiguration> Gateways(
            Document root,
            Pacing plain,
            GatewayBounds usual,
            GatewayProtocols protocols,
            string profiles
        )
        {
            var gateways = new List<GatewayConfiguration>();
            var lines = new Dictionary<string, int>(StringComparer.Ordinal);
            if (DocumentReader.Member(root, "gateways") is not { } list)
            {
                read.Fail(root, "lacks \"gateways\"");
                return gateways;
            }

            if (list.Kind != DocumentKind.Items)
                read.Fail(list, $"a list is expected here, not {list.KindInWords}");
            foreach (var item in list.Items)
            {
                if (item.Kind != DocumentKind.Members)
                    read.Fail(item, $"an object is expected here, not {item.KindInWords}");
                else if (Gateway(item, plain, usual, protocols, profiles, lines) is { } gateway)
                    gateways.Add(gateway);
            }

            return gateways;
        }

        private GatewayConfiguration? Gateway(
            Document node,
            Pacing plain,
            GatewayBounds usual,
            GatewayProtocols protocols,
            string profiles,
            Dictionary<string, int> lines
        )
        {
            var before = mistakes.Count;
            var id = Id(node, lines);
            var uri = Address(node, protocols);
            var pacing = Pace(node, plain);
            var secrets = new GatewaySecrets(
                read.Secret(node, Keys.Gateway.Community),
                read.Secret(node, Keys.Gateway.Auth),
                read.Secret(node, Keys.Gateway.Priv)
            );
            // A secret that is named but cannot be read is one mistake, not two.
            if (uri is not null && mistakes.Count == before)
            {
                foreach (var wrong in uri.Check(secrets))
                    read.Fail(DocumentReader.Member(node, wrong.Secret) ?? node, wrong.Mistake);
            }

            if (uri is { IsProfiled: false } && Keys.Pace.FactsEvery.In(node) is { } spared)
                read.Fail(spared, $"{uri.Scheme} gateways tell all facts at every audit");
            var neverComplete = NeverComplete(node);
            var bounds = GatewayBounds.Read(read, node, usual);
            if (id is null || uri is null || mistakes.Count > before)
                return null;
            var target = protocols
                .Target(id, uri, secrets, pacing.Timeout, pacing.Attempts, pacing.FactsEvery)
                .Bounded(bounds.ReplyOctets, bounds.AuditOctets, bounds.Connections);
            return new GatewayConfiguration
            {
                Id = id,
                Uri = uri,
                Interval = pacing.Interval,
                Timeout = pacing.Timeout,
                Attempts = pacing.Attempts,
                FactsEvery = pacing.FactsEvery,
                ReadsHistory = ReadsHistory(node, uri),
                NeverComplete = neverComplete,
                Bounds = bounds,
                Secrets = secrets,
                Profiles = profiles,
                Target = neverComplete ? target.NeverComplete() : target,
            };
        }

        /// <summary>The only value is <c>never</c>: completeness has to be proven and cannot be declared.</summary>
        private bool NeverComplete(Document node)
        {
            var at = Keys.Gateway.Complete.In(node);
            if (at is null || read.Text(at) is not { } word)
                return false;
            if (word != "never")
                read.Fail(
                    at,
                    $"\"never\" is expected here, not '{word}': a snapshot proves by itself that it is complete"
                );
            return true;
        }

        private bool ReadsHistory(Document node, GatewayUri uri)
        {
            if (Keys.Gateway.History.In(node) is not { } at)
                return true;
            var reads = read.Switch(node, Keys.Gateway.History) ?? false;
            if (reads && !uri.TellsHistory)
                read.Fail(at, $"{uri.Scheme} gateways tell no history");
            return reads;
        }

        private string? Id(Document node, Dictionary<string, int> lines)
        {
            if (Keys.Gateway.Id.In(node) is not { } at)
            {
                read.Fail(node, "lacks \"id\"");
                return null;
            }

            if (read.Text(at) is not { } id)
                return null;
            if (id.Length > 255 || id.Any(c => char.IsControl(c) || char.IsWhiteSpace(c)))
                read.Fail(at, "a gateway's id is 1 to 255 printable characters without spaces");
            else if (!lines.TryAdd(id, at.Line))
                read.Fail(
                    at,
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"the id '{id}' stands on line {lines[id]} already"
                    )
                );
            return id;
        }

        private GatewayUri? Address(Document node, GatewayProtocols protocols)
        {
            if (Keys.Gateway.Uri.In(node) is not { } at)
            {
                read.Fail(node, "lacks \"uri\"");
                return null;
            }

            if (read.Text(at) is not { } text)
                return null;
            if (!protocols.TryParse(text, out var uri, out var wrong))
            {
                foreach (var mistake in wrong)
                    read.Fail(at, mistake);
            }

            return uri;
        }
    }

    private readonly record struct Pacing(TimeSpan Interval, TimeSpan Timeout, int Attempts, int FactsEvery);
}

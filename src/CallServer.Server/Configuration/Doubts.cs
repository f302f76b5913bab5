using System.Globalization;
using System.Net;
using CallServer.Surface;

namespace CallServer.Server.Configuration;

/// <summary>What is legal in a configuration, and unwise.</summary>
internal sealed class Doubts(Document root, string source)
{
    // A pause of the network or of a collection is shorter, and a takeover for nothing does harm.
    private static readonly TimeSpan HastyTakeover = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan RareLook = TimeSpan.FromMinutes(5);

    private readonly List<ConfigurationMistake> doubts = [];

    /// <summary>All doubts about a configuration that was read from this document.</summary>
    public IReadOnlyList<ConfigurationMistake> About(ServerConfiguration configuration)
    {
        AboutServer(configuration);
        AboutCdrs(configuration);
        AboutBackup(configuration);
        AboutFleet(configuration);
        AboutGateways(configuration);
        return doubts;
    }

    private void AboutServer(ServerConfiguration configuration)
    {
        var server = DocumentReader.Member(root, "server");
        if (!configuration.Listen.IsLoopback && configuration.Tls is null)
            Doubt(
                Keys.Server.Listen.In(server) ?? root,
                "HTTP is not encrypted here: the token and the record go over the network as they are; keep that network closed, or put a proxy with TLS in front"
            );
        AboutSecret(Keys.Server.Token.In(server));
        AboutSecret(Keys.Server.ReadToken.In(server));
        AboutSecret(Keys.Server.ControlToken.In(server));
        AboutSecret(Keys.Store.Password.In(root));
        AboutSecret(Keys.Pair.Secret.In(DocumentReader.Member(root, "pair")));
        AboutSecret(Keys.Radius.Secret.In(DocumentReader.Member(root, "radius")));
        AboutSecret(Keys.CdrHttp.Token.In(DocumentReader.Member(DocumentReader.Member(root, "cdr"), "http")));
    }

    private void AboutCdrs(ServerConfiguration configuration)
    {
        var cdr = DocumentReader.Member(root, "cdr");
        if (configuration is { CdrFile: null, CdrCsv: null, CdrHttp: null, Radius: null })
            Doubt(
                cdr ?? root,
                $"no CDR leaves the server: they stay in the store for {Durations.Format(configuration.Keep.Cdrs)}; cdr.file, cdr.csv, cdr.http or radius would hand them on"
            );
        else if (
            configuration is not { CdrFile: null, CdrCsv: null }
            && configuration.CdrRotation.Every is null
            && configuration.CdrRotation.Size is null
            && cdr is not null
        )
            Doubt(cdr, "the CDR files grow for ever: rotate or rotateSize would begin new ones");
    }

    private void AboutBackup(ServerConfiguration configuration)
    {
        if (configuration.Backup is not { } backup || backup.Heartbeat * backup.Misses >= HastyTakeover)
            return;
        Doubt(
            DocumentReader.Member(root, "backup")!,
            $"it takes over after {Durations.Format(backup.Heartbeat * backup.Misses)} without a heartbeat: a short pause of the network is enough"
        );
    }

    private void AboutFleet(ServerConfiguration configuration)
    {
        if (configuration.Fleet is not { } fleet)
            return;
        Doubt(
            Keys.Fleet.Listen.In(DocumentReader.Member(root, "fleet")) ?? root,
            IPAddress.IsLoopback(fleet.Listen.Address)
                ? "hosts on other machines cannot reach this address"
                : "whoever reaches this port may give this host orders: hosts do not authenticate each other there, and nothing is encrypted; keep that network closed"
        );
    }

    private void AboutGateways(ServerConfiguration configuration)
    {
        var places = DocumentReader.Member(root, "gateways")?.Items ?? [];
        if (configuration.Gateways.Count == 0)
            Doubt(DocumentReader.Member(root, "gateways") ?? root, "no gateway is asked");
        var asked = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var (gateway, place) in configuration.Gateways.Zip(places))
        {
            AboutGateway(gateway, place);
            // The same host may well be asked for several contexts, users or endpoints: only the same URI is a doubt.
            if (!asked.TryAdd(gateway.Uri.Text, gateway.Id))
                Doubt(
                    Keys.Gateway.Uri.In(place) ?? place,
                    $"{asked[gateway.Uri.Text]} has the same URI: one gateway under two names is counted and billed twice"
                );
        }
    }

    private void AboutGateway(GatewayConfiguration gateway, Document place)
    {
        var uri = Keys.Gateway.Uri.In(place) ?? place;
        if (gateway.Uri.TakesCommunity && Keys.Gateway.Community.In(place) is null)
            Doubt(uri, "no community is given, so that it is asked with public, which everybody knows");
        if (gateway.Uri.IsProfiled && gateway.Uri.Profile is null)
            Doubt(
                uri,
                "no profile= is given: the first audit after every start tries them all, and another one may be found after an upgrade; callserver doctor tells which it is"
            );
        if (gateway.NeverComplete)
            Doubt(
                Keys.Gateway.Complete.In(place) ?? place,
                "no connection of it is ever ended by its absence: each stays until the gateway's history, a release or an operator ends it"
            );
        var silence = gateway.Timeout * gateway.Attempts;
        if (silence > gateway.Interval)
            Doubt(
                place,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"its silence is known only after more than {Durations.Format(silence)} (timeout × attempts), longer than its interval of {Durations.Format(gateway.Interval)}"
                )
            );
        if (gateway.Interval > RareLook)
            Doubt(
                Keys.Pace.Interval.In(place) ?? place,
                $"it is asked every {Durations.Format(gateway.Interval)}: starts and ends that it does not date are known no better than that"
            );
        AboutSecret(Keys.Gateway.Community.In(place));
        AboutSecret(Keys.Gateway.Auth.In(place));
        AboutSecret(Keys.Gateway.Priv.In(place));
    }

    /// <summary>A secret's file that everybody on the machine may read.</summary>
    private void AboutSecret(Document? node)
    {
        const string FilePrefix = "file:";
        if (
            OperatingSystem.IsWindows()
            || node is not { Kind: DocumentKind.Text }
            || !node.Scalar.StartsWith(FilePrefix, StringComparison.Ordinal)
        )
            return;
        var path = node.Scalar[FilePrefix.Length..];
        if (File.Exists(path) && (File.GetUnixFileMode(path) & UnixFileMode.OtherRead) != 0)
            Doubt(node, $"everybody on this machine may read {path}: chmod o-r takes that away");
    }

    private void Doubt(Document at, string message) =>
        doubts.Add(new ConfigurationMistake(source, at.Line, at.Path, message));
}

using System.CommandLine;
using CallServer.Host.Cli.Completion;
using CallServer.Server.Configuration;
using CallServer.Surface;

namespace CallServer.Host.Cli.Auditing;

/// <summary>
/// The options of the commands that ask gateways themselves: secrets, the time that one may take, and the user's own
/// profiles.
/// </summary>
internal sealed class AskingOptions
{
    private static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(10);

    private readonly Option<TimeSpan?> timeout = Options.Duration(
        "--timeout",
        $"The longest that one gateway may take [default: {Durations.Format(DefaultTimeout)}]"
    );

    private readonly Option<SecretReference?> community = Options.Secret(
        "--community-from",
        "Where the SNMPv2c community is kept [default: the community 'public']"
    );

    private readonly Option<SecretReference?> auth = Options.Secret(
        "--auth-from",
        "Where the SNMPv3 passphrase for authentication is kept, or the SIP password of the user in from="
    );

    private readonly Option<SecretReference?> priv = Options.Secret(
        "--priv-from",
        "Where the SNMPv3 passphrase for encryption is kept"
    );

    private readonly Option<string?> profiles = new("--profiles")
    {
        Description =
            "SNMP profiles of your own: a JSON object that maps names to profiles; they are tried before the built-in ones",
        HelpName = "FILE",
        CompletionSources = { Suggestions.OfFiles },
    };

    private readonly Option<string?> config = new("--config")
    {
        Description = "A server's configuration: its \"profiles\" are tried too; nothing else in it is used",
        HelpName = "FILE",
        CompletionSources = { Suggestions.OfFiles },
    };

    /// <summary>The argument that names the gateways; its description begins with these words.</summary>
    public static Argument<string[]> Uris(
        GatewayProtocols protocols,
        ArgumentArity arity,
        string beginning = ""
    )
    {
        ArgumentNullException.ThrowIfNull(protocols);
        var uris = new Argument<string[]>("URI")
        {
            HelpName = "URI",
            Description =
                beginning + string.Join(", ", protocols.Forms.SkipLast(1)) + $", or {protocols.Forms[^1]}",
            Arity = arity,
        };
        uris.CompletionSources.Add(context => Suggestions.OfUris(context, protocols));
        return uris;
    }

    public void AddTo(Command command)
    {
        foreach (Option option in new Option[] { timeout, community, auth, priv, profiles, config })
            command.Options.Add(option);
    }

    /// <summary>The longest that one gateway may take.</summary>
    public TimeSpan Within(ParseResult parsed) => parsed.GetValue(timeout) ?? DefaultTimeout;

    /// <summary>Where the secrets of these gateways stand; null for each that is not given.</summary>
    public (SecretReference? Community, SecretReference? Auth, SecretReference? Priv) Secrets(
        ParseResult parsed
    ) => (parsed.GetValue(community), parsed.GetValue(auth), parsed.GetValue(priv));

    /// <summary>
    /// The protocols with the user's own profiles; those of --profiles take precedence over those of --config.
    /// </summary>
    public GatewayProtocols Protocols(ParseResult parsed, GatewayProtocols protocols)
    {
        if (parsed.GetValue(config) is { } configuration && ProfilesOf(configuration) is { } its)
            protocols = protocols.WithProfiles(its, configuration);
        return parsed.GetValue(profiles) is { } own
            ? protocols.WithProfiles(ConfigurationFile.Read(own), own)
            : protocols;
    }

    /// <summary>The gateways to ask. Throws CommandFailedException with every mistake.</summary>
    public IReadOnlyList<AuditOrder> Orders(
        ParseResult parsed,
        IReadOnlyList<string> texts,
        GatewayProtocols protocols
    )
    {
        var command = parsed.CommandResult.Command;
        var known = command
            .Options.Where(option => !option.Hidden)
            .Select(option => option.Name)
            .Append("--help");
        var (community, auth, priv) = Secrets(parsed);
        return new AuditPlan(protocols, Within(parsed), command.Name, [.. known]).Make(
            texts,
            community,
            auth,
            priv
        );
    }

    private static Document? ProfilesOf(string configuration) =>
        ConfigurationFile
            .Read(configuration)
            .Members.Where(member => member.Key == "profiles")
            .Select(member => member.Value)
            .FirstOrDefault();
}

using System.CommandLine;
using System.CommandLine.Completions;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Net;
using CallServer.Gateway;
using CallServer.Server.Configuration;

namespace CallServer.Host.Cli.Simulation;

/// <summary>The options of <c>callserver gateway</c>, and the gateway that they describe.</summary>
internal sealed class GatewayOptions
{
    /// <summary>The protocols by their options' names, in the order in which they name connections.</summary>
    private readonly (string Protocol, Option<int?> Port)[] ports =
    [
        ("snmp", Port("--snmp", "Answer SNMP on this UDP port; 0 takes any free one")),
        ("mgcp", Port("--mgcp", "Answer MGCP on this UDP port; 0 takes any free one")),
        ("h248", Port("--h248", "Answer H.248 in text on this UDP port; 0 takes any free one")),
        (
            "sip",
            Port(
                "--sip",
                "Answer SIP's SUBSCRIBE to dialogs on this port, over UDP and TCP; 0 takes any free one"
            )
        ),
        (
            "ng",
            Port("--ng", "Answer rtpengine's ng on this port, over UDP, TCP and HTTP; 0 takes any free one")
        ),
        (
            "jsonrpc",
            Port(
                "--jsonrpc",
                "Answer Kamailio's JSON-RPC on this port, over UDP and HTTP; 0 takes any free one"
            )
        ),
        (
            "esl",
            Port(
                "--esl",
                "Answer FreeSWITCH's event socket on this TCP port, with the password ClueCon; 0 takes any free one"
            )
        ),
        (
            "ari",
            Port("--ari", "Answer Asterisk's REST Interface on this port, over HTTP; 0 takes any free one")
        ),
        (
            "mi",
            Port(
                "--mi",
                "Answer OpenSIPS's Management Interface on this port, over HTTP; 0 takes any free one"
            )
        ),
        (
            "restconf",
            Port(
                "--restconf",
                "Answer RESTCONF as a Cisco IOS-XE does on this port, over HTTP without TLS; 0 takes any free one"
            )
        ),
    ];

    /// <summary>Where it listens; null is loopback.</summary>
    public Option<IPAddress?> Address { get; } =
        new("--address")
        {
            Description =
                "Listen on this address, for others than this machine; 0.0.0.0 is all it has [default: 127.0.0.1]",
            HelpName = "ADDRESS",
            CustomParser = result => Options.Read<IPAddress?>(result, text => At(text)),
        };

    private readonly Option<string> profile = new("--profile")
    {
        Description = $"Whose SNMP tables it serves: {string.Join(", ", SimulatedGateway.Profiles)}",
        HelpName = "NAME",
        DefaultValueFactory = _ => "cisco-voice",
        CompletionSources = { _ => SimulatedGateway.Profiles.Select(name => new CompletionItem(name)) },
    };

    private readonly Option<int> connections = new("--connections")
    {
        Description = "How many connections it carries",
        HelpName = "N",
        Required = true,
        CustomParser = result => Options.Read(result, text => (int)Number(text, 0, 1_000_000, whole: true)),
    };

    private readonly Option<double> churn = new("--churn")
    {
        Description = "How many connections are opened each second, and as many closed [default: 0]",
        HelpName = "PER_SECOND",
        CustomParser = result => Options.Read(result, text => Number(text, 0, 100_000)),
    };

    public Option<ulong> Seed { get; } =
        new("--seed")
        {
            Description = "The same seed gives the same connections",
            HelpName = "S",
            DefaultValueFactory = _ => 1,
        };

    public Option<TimeSpan?> Delay { get; } =
        Options.Duration("--delay", "How long every answer takes, half of it on the way in [default: none]");

    public Option<double> Loss { get; } =
        new("--loss")
        {
            Description = "The share of the datagrams that is lost, each way: 0.01 is 1 % [default: 0]",
            HelpName = "FRACTION",
            CustomParser = result => Options.Read(result, text => Number(text, 0, 1)),
        };

    public Option<FileInfo?> Truth { get; } =
        new("--truth")
        {
            Description =
                "Append every open and close with its true time to this file, one JSON object a line",
            HelpName = "FILE",
        };

    public Option<TimeSpan?> StopAfter { get; } =
        Options.Duration("--stop-after", "End by itself after this time [default: at SIGTERM or Ctrl-C]");

    private readonly Option<DateTimeOffset?> since = new("--since")
    {
        Description =
            "Simulate from this UTC time on; then the same seed gives the same times, too [default: now]",
        HelpName = "TIME",
        CustomParser = result => Options.Read<DateTimeOffset?>(result, text => Time(text)),
    };

    private readonly Option<string[]> trunks = new("--trunk")
    {
        Description =
            "Carry one end of N calls more; the gateway with the same words and ':far' carries the other. Needs --since",
        HelpName = "SEED:N[:CHURN][:far]",
    };

    private readonly Option<TimeSpan> clockSkew = new("--clock-skew")
    {
        Description = "How far its calendar clock is ahead; behind, if negative [default: 0]",
        HelpName = "TIME",
        CustomParser = result => Options.Read(result, text => Skew(text)),
    };

    public Option<TimeSpan?> RebootAfter { get; } =
        Options.Duration(
            "--reboot-after",
            "Go down after this time, with all calls, for two seconds [default: never]"
        );

    private readonly Option<string> domain = new("--domain")
    {
        Description = "What follows the @ of its MGCP endpoints' names",
        HelpName = "NAME",
        DefaultValueFactory = _ => "[127.0.0.1]",
    };

    private readonly Option<string?> callAgent = new("--call-agent")
    {
        Description = "Where MGCP's RSIP goes, at the start and after a reboot [default: nowhere]",
        HelpName = "HOST:PORT",
        CustomParser = result => Options.Read<string?>(result, text => Agent(text)),
    };

    private readonly Option<string?> sipUser = new("--sip-user")
    {
        Description = "Accept SIP only with this user's digest [default: from everybody]",
        HelpName = "NAME",
    };

    private readonly Option<SecretReference?> sipPasswordFrom = Options.Secret(
        "--sip-password-from",
        "Where that user's password is kept"
    );

    private readonly Option<SecretReference?> community = Options.Secret(
        "--community-from",
        "Where the SNMPv2c community is kept [default: the community 'public']"
    );

    private readonly Option<string?> user = new("--user")
    {
        Description = "Speak SNMPv3 to this user, and not SNMPv2c",
        HelpName = "NAME",
    };

    private readonly Option<string?> auth = new("--auth")
    {
        Description = "How that user is authenticated: md5, sha1, sha256, sha384 or sha512",
        HelpName = "HOW",
    };
    private readonly Option<string?> priv = new("--priv")
    {
        Description = "How messages are encrypted: aes128",
        HelpName = "HOW",
    };
    private readonly Option<SecretReference?> authFrom = Options.Secret(
        "--auth-from",
        "Where the passphrase for --auth is kept"
    );
    private readonly Option<SecretReference?> privFrom = Options.Secret(
        "--priv-from",
        "Where the passphrase for --priv is kept"
    );

    private readonly Option<string[]> vices = new("--vice")
    {
        Description = $"What is wrong with it: {string.Join(", ", SimulatedGateway.ViceWords)}",
        HelpName = "VICE",
        Hidden = true,
    };

    /// <summary>Adds the options. The protocols' ports come first in help; hidden options are not shown.</summary>
    public void AddTo(Command command)
    {
        Option[] others =
        [
            Address,
            profile,
            connections,
            churn,
            Seed,
            since,
            trunks,
            Delay,
            Loss,
            clockSkew,
            RebootAfter,
            Truth,
            StopAfter,
            community,
            user,
            auth,
            authFrom,
            priv,
            privFrom,
            domain,
            callAgent,
            sipUser,
            sipPasswordFrom,
            vices,
        ];
        foreach (var (_, port) in ports)
            command.Options.Add(port);
        foreach (var option in others)
            command.Options.Add(option);
    }

    /// <summary>The requested protocols and their ports.</summary>
    public IEnumerable<(string Protocol, int Port)> Spoken(ParseResult parsed) =>
        from each in ports
        let port = parsed.GetValue(each.Port)
        where port is not null
        select (each.Protocol, port.Value);

    /// <summary>Creates the gateway as of a time. Reports every mistake.</summary>
    public SimulatedGateway Make(ParseResult parsed, Model.Instant now)
    {
        var spoken = Spoken(parsed).Select(each => each.Protocol).ToList();
        var mistakes = new List<string>();
        if (spoken.Count == 0)
            mistakes.Add("--snmp PORT is needed, or another protocol: the gateway has to speak something");
        if (parsed.GetValue(trunks) is { Length: > 0 } && parsed.GetValue(since) is null)
            mistakes.Add("--trunk needs --since: both gateways count from the same time");
        if (parsed.GetValue(sipUser) is null != parsed.GetValue(sipPasswordFrom) is null)
            mistakes.Add("--sip-user and --sip-password-from need each other");
        var settings = new GatewaySettings
        {
            Protocols = spoken,
            Profile = parsed.GetValue(profile)!,
            Connections = parsed.GetValue(connections),
            Churn = parsed.GetValue(churn),
            Seed = parsed.GetValue(Seed),
            Since = parsed.GetValue(since) is { } time ? Model.InstantModule.ofDateTime(time) : null,
            Trunks = parsed.GetValue(trunks) ?? [],
            ClockSkew = parsed.GetValue(clockSkew),
            Domain = parsed.GetValue(domain)!,
            CallAgent = parsed.GetValue(callAgent)!,
            SipUser = parsed.GetValue(sipUser)!,
            SipPassword = Options.Reveal(parsed.GetValue(sipPasswordFrom))!,
            Community = parsed.GetValue(user) is null
                ? Options.RevealText(parsed.GetValue(community)) ?? "public"
                : null!,
            User = parsed.GetValue(user)!,
            Auth = parsed.GetValue(auth)!,
            AuthPassphrase = Options.Reveal(parsed.GetValue(authFrom))!,
            Priv = parsed.GetValue(priv)!,
            PrivPassphrase = Options.Reveal(parsed.GetValue(privFrom))!,
            Vices = parsed.GetValue(vices) ?? [],
        };
        SimulatedGateway? gateway = null;
        if (mistakes.Count == 0 && !SimulatedGateway.TryCreate(settings, now, out gateway, out var wrong))
            mistakes.AddRange(wrong);
        return gateway
            ?? throw new CommandFailedException(
                ExitCode.Usage,
                [.. mistakes.Select(mistake => $"callserver: {mistake}")]
            );
    }

    /// <summary>The URI for an audit of it.</summary>
    public string Uri(ParseResult parsed, GatewayPort port) =>
        port.Protocol switch
        {
            "snmp" => SnmpUri(parsed, port.Address),
            "mgcp" when parsed.GetValue(domain) is [not '[', ..] name =>
                $"mgcp://{port.Address}?endpoints=*@{name}",
            "sip" when parsed.GetValue(sipUser) is { } name =>
                $"sip:gw@{port.Address}?from=sip:{System.Uri.EscapeDataString(name)}@127.0.0.1",
            "sip" => $"sip:gw@{port.Address}",
            var protocol => $"{protocol}://{port.Address}",
        };

    private string SnmpUri(ParseResult parsed, IPEndPoint address)
    {
        var name = parsed.GetValue(user) is { } user3 ? $"{System.Uri.EscapeDataString(user3)}@" : "";
        var protection =
            (parsed.GetValue(auth) is { } how ? $"&auth={how}" : "")
            + (parsed.GetValue(priv) is { } cipher ? $"&priv={cipher}" : "");
        return $"snmp://{name}{address}?profile={parsed.GetValue(profile)}{protection}";
    }

    private static DateTimeOffset Time(string text) =>
        DateTimeOffset.TryParse(
            text,
            CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal,
            out var time
        )
            ? time
            : throw new FormatException($"'{text}' is no time such as 2026-01-31T10:00:00Z");

    private static IPAddress At(string text) =>
        IPAddress.TryParse(text, out var address)
            ? address
            : throw new FormatException($"'{text}' is no address such as 0.0.0.0");

    private static TimeSpan Skew(string text)
    {
        var isBehind = text.StartsWith('-');
        return Durations.TryParse(text.TrimStart('-'), out var skew)
            ? (isBehind ? -skew : skew)
            : throw new FormatException($"'{text}' is not {Durations.Expected}, nor that behind a minus");
    }

    private static string Agent(string text) =>
        IPEndPoint.TryParse(text, out var address) && address.Port != 0
            ? address.ToString()
            : throw new FormatException($"'{text}' is no address such as 127.0.0.1:2727");

    private static Option<int?> Port(string name, string description) =>
        new(name)
        {
            Description = description,
            HelpName = "PORT",
            CustomParser = result =>
                Options.Read<int?>(result, text => (int)Number(text, 0, 65535, whole: true)),
        };

    private static double Number(string text, double least, double most, bool whole = false) =>
        double.TryParse(
            text,
            whole ? NumberStyles.None : NumberStyles.AllowDecimalPoint,
            CultureInfo.InvariantCulture,
            out var number
        )
        && number >= least
        && number <= most
            ? number
            : throw new FormatException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"'{text}' is no {(whole ? "whole number" : "number")} from {least} to {most}"
                )
            );
}

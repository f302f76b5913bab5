using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using CallServer.Gateway;
using CallServer.Host.Configuration;

namespace CallServer.Host.Cli.Simulation;

/// <summary><c>callserver gateway</c>: a media gateway on loopback to try things on.</summary>
public sealed class GatewayCommand(Terminal terminal, Surroundings surroundings)
{
    private static readonly string[] Later = ["--mgcp", "--sip", "--ng"];

    private readonly Option<int?> snmp = Port("--snmp", "Answer SNMP on this UDP port; 0 takes any free one");
    private readonly Option<int?>[] later =
    [
        .. Later.Select(name => Port(name, "Not built yet", hidden: true)),
    ];

    private readonly Option<string> profile = new("--profile")
    {
        Description = $"What kind of gateway: {string.Join(", ", SimulatedGateway.Profiles)}",
        HelpName = "NAME",
        DefaultValueFactory = _ => "cisco-voice",
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
        Description = "Connections opened a second, and as many closed [default: 0]",
        HelpName = "PER_SECOND",
        CustomParser = result => Options.Read(result, text => Number(text, 0, 100_000)),
    };

    private readonly Option<ulong> seed = new("--seed")
    {
        Description = "The same seed brings the same connections",
        HelpName = "S",
        DefaultValueFactory = _ => 1,
    };

    private readonly Option<TimeSpan?> delay = Options.Duration(
        "--delay",
        "How long every answer takes, half of it on the way in [default: none]"
    );

    private readonly Option<double> loss = new("--loss")
    {
        Description = "How many of the datagrams are lost, each way: 0.01 is 1 % [default: 0]",
        HelpName = "FRACTION",
        CustomParser = result => Options.Read(result, text => Number(text, 0, 1)),
    };

    private readonly Option<FileInfo?> truth = new("--truth")
    {
        Description = "Append every open and close with its true time to this file, one JSON object a line",
        HelpName = "FILE",
    };

    private readonly Option<TimeSpan?> stopAfter = Options.Duration(
        "--stop-after",
        "End by itself after this time [default: at SIGTERM or Ctrl-C]"
    );

    private readonly Option<SecretReference?> community = Options.Secret(
        "--community-from",
        "Where the SNMPv2c community stands [default: the community 'public']"
    );

    private readonly Option<string?> user = new("--user")
    {
        Description = "Speak SNMPv3 to this user, and not SNMPv2c",
        HelpName = "NAME",
    };

    private readonly Option<string?> auth = new("--auth")
    {
        Description = "md5, sha1, sha256, sha384 or sha512",
        HelpName = "HOW",
    };
    private readonly Option<string?> priv = new("--priv") { Description = "aes128", HelpName = "HOW" };
    private readonly Option<SecretReference?> authFrom = Options.Secret(
        "--auth-from",
        "Where the passphrase for it stands"
    );
    private readonly Option<SecretReference?> privFrom = Options.Secret(
        "--priv-from",
        "Where the passphrase for it stands"
    );

    private readonly Option<string[]> vices = new("--vice")
    {
        Description = $"What is wrong with its agent: {string.Join(", ", SimulatedGateway.ViceWords)}",
        HelpName = "VICE",
        Hidden = true,
    };

    public Command Build()
    {
        var command = new Command("gateway", "Simulates a media gateway on this machine, to try things on.")
        {
            snmp,
            profile,
            connections,
            churn,
            seed,
            delay,
            loss,
            truth,
            stopAfter,
            community,
            user,
            auth,
            authFrom,
            priv,
            privFrom,
            vices,
        };
        foreach (var option in later)
            command.Options.Add(option);
        command.SetAction((parsed, cancel) => RunAsync(parsed, cancel));
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancel)
    {
        var gateway = Make(parsed);
        using var socket = Open(parsed.GetValue(snmp)!.Value);
        using var lines = Append(parsed.GetValue(truth));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        using var running = new GatewayLoop(
            gateway,
            socket,
            surroundings.Clock,
            new PathSettings(
                parsed.GetValue(delay) ?? TimeSpan.Zero,
                parsed.GetValue(loss),
                parsed.GetValue(seed)
            ),
            lines
        );
        running.Start();
        var address = (IPEndPoint)socket.LocalEndPoint!;
        await terminal.Out.WriteLineAsync("ready");
        await terminal.Out.WriteLineAsync($"{Uri(parsed, address)}  {gateway.Count} connections");
        await terminal.Out.FlushAsync(cancel);
        if (parsed.GetValue(stopAfter) is { } life)
            stop.CancelAfter(life);
        await running.ServeAsync(stop.Token);
        return ExitCode.Complete;
    }

    private SimulatedGateway Make(ParseResult parsed)
    {
        var mistakes = later
            .Where(option => parsed.GetValue(option) is not null)
            .Select(option => $"{option.Name} is not built yet; --snmp is")
            .ToList();
        if (parsed.GetValue(snmp) is null && mistakes.Count == 0)
            mistakes.Add("--snmp PORT is needed: the gateway has to speak something");
        var settings = new GatewaySettings
        {
            Profile = parsed.GetValue(profile)!,
            Connections = parsed.GetValue(connections),
            Churn = parsed.GetValue(churn),
            Seed = parsed.GetValue(seed),
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
        var made = SimulatedGateway.TryCreate(
            settings,
            surroundings.Clock.Now.Steady,
            out var gateway,
            out var wrong
        );
        mistakes.AddRange(wrong);
        return made && mistakes.Count == 0
            ? gateway
            : throw new CommandFailedException(
                ExitCode.Usage,
                [.. mistakes.Select(mistake => $"callserver: {mistake}")]
            );
    }

    private static Socket Open(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        try
        {
            socket.ReceiveBufferSize = 4 * 1024 * 1024;
            socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
            return socket;
        }
        catch (SocketException fault)
        {
            socket.Dispose();
            var why = fault.SocketErrorCode switch
            {
                SocketError.AddressAlreadyInUse => "something else listens there",
                SocketError.AccessDenied => "ports below 1024 are not for everybody",
                var code => code.ToString(),
            };
            throw new CommandFailedException(
                ExitCode.Usage,
                $"callserver: --snmp: UDP port {port} cannot be opened: {why}"
            );
        }
    }

    private static StreamWriter? Append(FileInfo? file)
    {
        try
        {
            return file is null
                ? null
                : new StreamWriter(
                    new FileStream(file.FullName, FileMode.Append, FileAccess.Write, FileShare.Read)
                )
                {
                    AutoFlush = true,
                    NewLine = "\n",
                };
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new CommandFailedException(ExitCode.Usage, $"callserver: --truth: {fault.Message}");
        }
    }

    /// <summary>What an audit of it is given.</summary>
    private string Uri(ParseResult parsed, IPEndPoint address)
    {
        var name = parsed.GetValue(user) is { } user3 ? $"{System.Uri.EscapeDataString(user3)}@" : "";
        var protection =
            (parsed.GetValue(auth) is { } how ? $"&auth={how}" : "")
            + (parsed.GetValue(priv) is { } cipher ? $"&priv={cipher}" : "");
        return $"snmp://{name}{address}?profile={parsed.GetValue(profile)}{protection}";
    }

    private static Option<int?> Port(string name, string description, bool hidden = false) =>
        new(name)
        {
            Description = description,
            HelpName = "PORT",
            Hidden = hidden,
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

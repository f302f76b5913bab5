using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using CallServer.Gateway;
using CallServer.Host.Tests.Cli;
using CallServer.Host.Tests.Storage;

namespace CallServer.Host.Tests.Documents;

/// <summary>
/// What stands in for the gateways and secrets of a page: for each URI a simulated gateway of its kind, which knows the
/// secret that the same line names.
/// </summary>
internal sealed partial class Surrogates(TestDirectory folder) : IAsyncDisposable
{
    private const string Secret = "a secret of the test's own";

    private readonly Dictionary<string, SimulatedAgent> agents = new(StringComparer.Ordinal);

    /// <summary>What the comment above a block asks for.</summary>
    /// <param name="Connections">How many connections each gateway has.</param>
    /// <param name="Vices">What is wrong with each gateway.</param>
    /// <param name="Profile">The kind of SNMP agent; null for that of the URI.</param>
    /// <param name="Locked">Whether it wants a secret even if the line names none.</param>
    /// <param name="Nobody">Whether nobody listens there.</param>
    public sealed record Wanted(
        int Connections = 3,
        string[]? Vices = null,
        string? Profile = null,
        bool Locked = false,
        bool Nobody = false
    );

    /// <summary>A text of the page with addresses and secrets of this machine.</summary>
    public string InPlaceOf(string text, Wanted wanted) =>
        string.Join('\n', text.Split('\n').Select(line => Line(line, wanted)));

    private string Line(string line, Wanted wanted)
    {
        File.WriteAllText(folder.File("secret"), Secret);
        var isSecret = wanted.Locked || SecretPlace().IsMatch(line);
        return SecretPlace()
            .Replace(
                GatewayUri().Replace(line, uri => Uri(uri, isSecret, wanted)),
                $"file:{folder.File("secret")}"
            );
    }

    private string Uri(Match uri, bool isSecret, Wanted wanted)
    {
        var (scheme, user, rest) = (
            uri.Groups["scheme"].Value,
            uri.Groups["user"].Value,
            uri.Groups["rest"].Value
        );
        var protocol = scheme.Split(':', '+')[0];
        // A simulated gateway has no certificate.
        if (scheme == "restconf://")
            (scheme, rest) = ("restconf+http://", "");
        var port = wanted.Nobody ? Closed() : Agent(protocol, user, rest, isSecret, wanted).Port;
        return string.Create(CultureInfo.InvariantCulture, $"{scheme}{user}127.0.0.1:{port}{rest}");
    }

    private SimulatedAgent Agent(string protocol, string user, string rest, bool isSecret, Wanted wanted)
    {
        var vices = wanted.Vices ?? [];
        var key =
            $"{protocol} {user} {rest} {isSecret} {wanted.Connections} {wanted.Profile} {string.Join(',', vices)}";
        if (!agents.TryGetValue(key, out var agent))
            agents[key] = agent = new SimulatedAgent(Settings(protocol, user, rest, isSecret, wanted));
        return agent;
    }

    private static GatewaySettings Settings(
        string protocol,
        string user,
        string rest,
        bool isSecret,
        Wanted wanted
    )
    {
        var octets = System.Text.Encoding.UTF8.GetBytes(Secret);
        var settings = new GatewaySettings
        {
            Protocols = [protocol],
            Profile = wanted.Profile ?? Option(rest, "profile") ?? "cisco-voice",
            Connections = wanted.Connections,
            Vices = wanted.Vices ?? [],
        };
        if (protocol == "snmp" && user.Length > 0)
        {
            settings.Community = null;
            settings.User = user.TrimEnd('@');
            settings.Auth = Option(rest, "auth");
            settings.AuthPassphrase = octets;
            settings.Priv = Option(rest, "priv");
            settings.PrivPassphrase = octets;
        }
        else if (protocol == "snmp" && isSecret)
            settings.Community = Secret;
        else if (protocol == "esl" && isSecret)
            settings.EslPassword = octets;
        else if (protocol == "sip" && isSecret && FromUser().Match(rest) is { Success: true } from)
            (settings.SipUser, settings.SipPassword) = (from.Groups[1].Value, octets);
        return settings;
    }

    private static string? Option(string query, string name) =>
        Regex.Match(query, $@"[?&]{name}=([^&]+)") is { Success: true } option
            ? option.Groups[1].Value
            : null;

    /// <summary>A port where nobody listens: the system has just handed it out and taken it back.</summary>
    private static int Closed()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var agent in agents.Values)
            await agent.DisposeAsync();
    }

    [GeneratedRegex(
        @"(?<scheme>\b(?:snmp|mgcp|h248|ng(?:\+tcp|\+http)?|jsonrpc(?:\+http)?|esl|ari|mi|restconf(?:\+http)?)://|\bsip:)(?<user>[\w.]+@)?(?<host>[\w.-]+)(?::\d+)?(?<rest>[^\s""']*)"
    )]
    private static partial Regex GatewayUri();

    [GeneratedRegex(@"\b(?:env:\w+|file:[\w./-]+)")]
    private static partial Regex SecretPlace();

    [GeneratedRegex(@"[?&]from=sip:([^@]+)@")]
    private static partial Regex FromUser();
}

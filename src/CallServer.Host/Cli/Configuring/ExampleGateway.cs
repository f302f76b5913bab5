using System.Globalization;
using System.Net;
using CallServer.Host.Cli.Auditing;
using CallServer.Server;
using CallServer.Server.Configuration;
using CallServer.Surface;

namespace CallServer.Host.Cli.Configuring;

/// <summary>One gateway in an example of a configuration.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Uri">Where it is, with the profile that was found.</param>
/// <param name="Remark">What an audit of it learnt, on one line.</param>
internal sealed record ExampleGateway(string Id, string Uri, string Remark)
{
    private static readonly TimeSpan UsualInterval = TimeSpan.FromSeconds(10);

    /// <summary>The places of its secrets, by their keys.</summary>
    public IReadOnlyList<(string Key, string Place)> Secrets { get; init; } = [];

    /// <summary>The interval, where an audit takes too long for the usual one.</summary>
    public string? Interval { get; init; }

    /// <summary>The gateway that <c>callserver gateway</c> simulates.</summary>
    public static ExampleGateway Simulated { get; } =
        new(
            "gw1",
            "snmp://127.0.0.1:1161?profile=cisco-voice",
            "simulated by: callserver gateway --snmp 1161 --connections 100 --churn 1"
        );

    /// <summary>A gateway that was asked.</summary>
    public static ExampleGateway Of(
        GatewayUri uri,
        Sight sight,
        (SecretReference? Community, SecretReference? Auth, SecretReference? Priv) secrets,
        ExampleNames names
    )
    {
        var result = sight.Result;
        var took = result.Answered - result.Asked;
        return new ExampleGateway(
            names.Next(uri.Host),
            Named(uri, result),
            sight.Unnamed ?? Learnt(result, took)
        )
        {
            Secrets =
            [
                .. new[]
                {
                    (uri.TakesCommunity, Key: "community", Place: secrets.Community),
                    (uri.TakesAuth, Key: "auth", Place: secrets.Auth),
                    (uri.TakesPriv, Key: "priv", Place: secrets.Priv),
                }
                    .Where(secret => secret.Item1 && secret.Place is not null)
                    .Select(secret => (secret.Key, secret.Place!.Text)),
            ],
            // An audit should be over long before the next one begins.
            Interval =
                took * 4 > UsualInterval && !result.Silent
                    ? Durations.Format(TimeSpan.FromSeconds(Math.Ceiling(took.TotalSeconds * 4 / 10) * 10))
                    : null,
        };
    }

    /// <summary>The URI with the profile that was found.</summary>
    private static string Named(GatewayUri uri, AuditResult result) =>
        uri is { IsProfiled: true, Profile: null } && result.Profile.Length > 0
            ? uri.WithProfile(result.Profile)
            : uri.Text;

    private static string Learnt(AuditResult result, TimeSpan took)
    {
        var verdict = result.Complete
            ? $"complete: {string.Join(", ", result.Proof)}"
            : string.Join("; ", result.Reasons);
        return Printable.Of(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{result.Count} {(result.Count == 1 ? "connection" : "connections")} in {took.TotalMilliseconds:0} ms with {result.Requests} {(result.Requests == 1 ? "request" : "requests")}; {verdict}"
            )
        );
    }
}

/// <summary>Ids for gateways: a host's own name, or a number; each once.</summary>
internal sealed class ExampleNames
{
    private readonly HashSet<string> taken = new(StringComparer.OrdinalIgnoreCase);

    public string Next(string host)
    {
        var name = IPAddress.TryParse(host, out _) ? "" : host.Split('.')[0];
        if (name.Length > 0 && taken.Add(name))
            return name;
        var number = 1;
        while (!taken.Add($"gw{number}"))
            number++;
        return $"gw{number}";
    }
}

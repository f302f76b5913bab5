using System.Globalization;
using CallServer.Interop.Peers;

namespace CallServer.Interop.Running.Page;

/// <summary>Simulated media gateways, each of which speaks one protocol or several.</summary>
internal static class SimulatedNetwork
{
    private static readonly string[] Schemes = ["snmp:", "mgcp:", "sip:", "ng:"];

    /// <summary>Starts one that shows the same calls over all protocols, and returns its URIs.</summary>
    public static Task<IReadOnlyList<string>> StartAsync(Scope scope, int connections, double churn = 0) =>
        StartAsync(
            scope,
            Schemes,
            ["--snmp", "0", "--mgcp", "0", "--sip", "0", "--ng", "0", .. Options(connections, churn)]
        );

    /// <summary>Starts one that speaks SNMP, and returns its URI.</summary>
    public static async Task<string> StartSnmpAsync(
        Scope scope,
        int connections,
        double churn = 0,
        int seed = 1,
        string? delay = null
    ) =>
        (
            await StartAsync(
                scope,
                Schemes[..1],
                [
                    "--snmp",
                    "0",
                    "--seed",
                    $"{seed}",
                    .. delay is null ? Array.Empty<string>() : ["--delay", delay],
                    .. Options(connections, churn),
                ]
            )
        ).Single();

    private static string[] Options(int connections, double churn) =>
        [
            "--connections",
            connections.ToString(CultureInfo.InvariantCulture),
            "--churn",
            churn.ToString(CultureInfo.InvariantCulture),
        ];

    private static async Task<IReadOnlyList<string>> StartAsync(
        Scope scope,
        IEnumerable<string> schemes,
        string[] options
    )
    {
        var process = CallServerProcess.Start(scope, ["gateway", .. options]);
        var uris = new List<string>();
        foreach (var scheme in schemes)
        {
            var line = await process.LineAsync(line => line.StartsWith(scheme, StringComparison.Ordinal));
            uris.Add(line.Split(' ')[0]);
        }

        return uris;
    }
}

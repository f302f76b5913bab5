using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.Json;
using CallServer.Bench.Performance.Tools;
using CallServer.Host.Cli.Output;
using CallServer.Interop.Peers;

namespace CallServer.Bench.Performance.Lines;

/// <summary>
/// An audit of a trunking gateway over MGCP, all endpoints busy. Beside it: a call agent that asks each endpoint for its
/// connections, and for each of those, one transaction at a time.
/// </summary>
internal sealed class MgcpLine : ILine
{
    private const int Far = 20;

    public string Name => "mgcp";

    public string What => $"audit over MGCP of a simulated gateway {Far} ms away, every endpoint busy";

    public async Task<Measured> RunAsync(Size size, CancellationToken cancel)
    {
        var (endpoints, times) = size == Size.Long ? (672, 3) : (24, 1);
        await using var scope = new Scope();
        await using var gateway = Child.Start(
            "gateway",
            "--mgcp",
            "0",
            "--connections",
            endpoints.ToString(CultureInfo.InvariantCulture),
            "--stop-after",
            "10m"
        );
        var line =
            await gateway.LineAsync("mgcp://", cancel)
            ?? throw Trouble.Failed($"no gateway: {string.Join('\n', gateway.LastWords)}");
        gateway.Ignore();
        var port = new Uri(line.Split(' ')[0]).Port;
        using var far = new FarAway(port, TimeSpan.FromMilliseconds(Far));

        var (audits, singles, wrong) = (new List<WholeProcess>(), new List<double>(), new List<string>());
        for (var time = 0; time < times; time++)
        {
            cancel.ThrowIfCancellationRequested();
            audits.Add(
                await WholeProcess.CallServerAsync(
                    scope,
                    "audit",
                    $"mgcp://127.0.0.1:{far.Port}",
                    "--json",
                    "--timeout",
                    "60s"
                )
            );
            using var told = JsonDocument.Parse(audits[^1].Output);
            var busy = told
                .RootElement.Member("connections")
                .EnumerateArray()
                .Select(connection => connection.Text("endpoint")!)
                .ToHashSet();
            if (audits[^1].ExitCode != 0 || busy.Count != endpoints)
                wrong.Add($"an audit ended with {audits[^1].ExitCode}, {busy.Count} of {endpoints} are busy");
            // Half a minute each.
            if (time == 0)
                singles.Add(await OneAtATimeAsync(far.Port, busy));
        }

        return new Measured(
            [
                new Row($"{endpoints} endpoints", new Samples("s", audits.Select(audit => audit.Seconds)))
                {
                    Beside = "AUEP and AUCX of each, one transaction at a time",
                    Rival = new Samples("s", singles),
                    Reach = new Reach(Ratio: 15),
                    Note = $"CPU {new Samples("s", audits.Select(audit => audit.Cpu))}",
                },
            ],
            wrong
        );
    }

    private static async Task<double> OneAtATimeAsync(int port, IEnumerable<string> endpoints)
    {
        await using var agent = new MgcpClient(new IPEndPoint(IPAddress.Loopback, port));
        var watch = Stopwatch.StartNew();
        foreach (var endpoint in endpoints)
        {
            var told = await agent.AskAsync("AUEP", endpoint, "F: I");
            var ids = told.Split("\r\n")
                .FirstOrDefault(line => line.StartsWith("I:", StringComparison.Ordinal));
            foreach (
                var id in (ids ?? throw Trouble.Failed($"no connection on {endpoint}: {told}"))[2..]
                    .Split(',')
            )
                await agent.AskAsync("AUCX", endpoint, $"I: {id.Trim()}\nF: C,N,L,M,LC,P");
        }
        return watch.Elapsed.TotalSeconds;
    }
}

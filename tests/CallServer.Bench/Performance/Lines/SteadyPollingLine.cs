using System.Globalization;
using CallServer.Bench.Fleet;
using CallServer.Bench.Start;
using CallServer.Server.Net;

namespace CallServer.Bench.Performance.Lines;

/// <summary>What a server costs that polls a large fleet, while some calls come and go.</summary>
internal sealed class SteadyPollingLine : ILine
{
    private const double ChangedInAnInterval = 0.01;

    public string Name => "steady-polling";

    public string What => "a server that polls a large fleet for a minute";

    public async Task<Measured> RunAsync(Size size, CancellationToken cancel)
    {
        var (gateways, connections, interval, intervals) =
            size == Size.Long
                ? (1000, 100, TimeSpan.FromSeconds(10), 6)
                : (10, 50, TimeSpan.FromSeconds(1), 3);
        var churn = connections * ChangedInAnInterval / interval.TotalSeconds;
        var plan = new FleetPlan(gateways, connections, churn, [CarriedKind.Of("cisco-voice")], 2);
        using var folder = new TempFolder();
        await using var fleet = await CarriedFleet.StartAsync(plan, folder.Path, cancel);
        await using var server = new ServerUnderTest(folder.Path, interval, interval / 5, fleet.Uris);
        var reader = new FleetReader(server, fleet, new SystemClock());
        server.Start();
        await reader.AllHeardAsync(cancel);
        await Task.Delay(interval, cancel);

        var (from, cpu, fleetCpu) = (reader.Now, server.Process.Cpu, fleet.Cpu);
        var pausedBefore = await PausesAsync(server, cancel);
        await Task.Delay(interval * intervals, cancel);
        var (to, peak) = (reader.Now, server.Process.PeakMemory);
        var pauses = await PausesAsync(server, cancel) - pausedBefore;
        var seconds = (to - from) / 1e6;
        var cores = (server.Process.Cpu - cpu).TotalSeconds / seconds;
        var fleetCores = (fleet.Cpu - fleetCpu).TotalSeconds / seconds;

        var audits = (await server.Client.AllAsync("audits", null, cancel))
            .Items.Select(FleetAudit.Of)
            .ToList();
        var late = Late(audits, from, to, interval).DefaultIfEmpty().MaxBy(each => each.Share);
        var record = await reader.ReadAsync(whole: false, cancel);
        var verdict = FleetVerdict.Of(await reader.TruthAsync(cancel), record, from);
        var what = $"{gateways:N0} gateways × {connections} connections every {interval.TotalSeconds:0} s";
        return new Measured(
            [
                new Row($"{what}: cores used", new Samples("cores", cores))
                {
                    Reach = new Reach(0.5),
                    Note = FormattableString.Invariant(
                        $"{audits.Count(audit => audit.Asked >= from && audit.Asked < to) / seconds:0} audits a second; gateways on the same cores: {fleetCores:0.00} cores"
                    ),
                },
                new Row($"{what}: resident at most", new Samples("MB", peak / 1e6))
                {
                    Reach = new Reach(400),
                },
                new Row(
                    $"{what}: how late the latest audit began, of its interval",
                    new Samples("%", 100 * late.Share)
                )
                {
                    Reach = new Reach(5),
                    Note = FormattableString.Invariant(
                        $"{(late.Asked - from) / 1e6:0} s after measuring began; the collector stopped all threads for {pauses:0.00} s altogether"
                    ),
                },
            ],
            [
                .. verdict.Faults.Take(5),
                .. late.Asked == 0 ? ["no gateway was audited twice"] : Array.Empty<string>(),
            ]
        );
    }

    /// <summary>For how many seconds the collector has stopped all threads of the server so far.</summary>
    private static async Task<double> PausesAsync(ServerUnderTest server, CancellationToken cancel)
    {
        using var http = new HttpClient();
        var metrics = await http.GetStringAsync($"{server.Address}/metrics", cancel);
        return metrics
            .Split('\n')
            .Where(line => line.StartsWith("dotnet_gc_pause_time_seconds_total", StringComparison.Ordinal))
            .Sum(line => double.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture));
    }

    /// <summary>When each audit began, and how much later than its interval, as a share of the interval.</summary>
    private static IEnumerable<(long Asked, double Share)> Late(
        IEnumerable<FleetAudit> audits,
        long from,
        long to,
        TimeSpan interval
    ) =>
        audits
            .GroupBy(audit => audit.Gateway)
            .Select(own => own.Select(audit => audit.Asked).Order().ToList())
            .SelectMany(asked => asked.Zip(asked.Skip(1)))
            .Where(pair => pair.Second >= from && pair.First < to)
            .Select(pair =>
                (pair.Second, Math.Max(0, (pair.Second - pair.First) / interval.TotalMicroseconds - 1))
            );
}

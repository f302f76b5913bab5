using CallServer.Bench.Performance.InProcess;
using CallServer.Bench.Start;
using CallServer.Host.Cli.Output;
using CallServer.Surface;

namespace CallServer.Bench.Performance.Lines;

/// <summary>How much memory active connections take with all evidence: in the record, and in a whole server.</summary>
internal sealed class MemoryLine : ILine
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(2);

    public string Name => "memory";

    public string What => "memory of active connections with all evidence";

    public async Task<Measured> RunAsync(Size size, CancellationToken cancel)
    {
        var (gateways, connections) = size == Size.Long ? (100, 1000) : (5, 100);
        var count = gateways * connections;
        var (held, recorded) = Held(gateways, connections);
        var (empty, _) = await ServerAsync(1, 0, cancel);
        var (full, listed) = await ServerAsync(gateways, connections, cancel);
        return new Measured(
            [
                new Row($"{count:N0} connections in the record", new Samples("octets a connection", held))
                {
                    Reach = new Reach(600),
                },
                new Row(
                    "the same in a whole server, after its first look",
                    new Samples("octets a connection", (full - empty) / (double)count)
                )
                {
                    Note = FormattableString.Invariant(
                        $"resident: {full / 1e6:N0} MB, and {empty / 1e6:N0} MB without connections"
                    ),
                },
            ],
            [.. Short("record", recorded), .. Short("server", listed)]
        );

        IEnumerable<string> Short(string where, long found) =>
            found == count ? [] : [$"{found} of {count} connections are in the {where}"];
    }

    private static (double Octets, int Count) Held(int gateways, int connections)
    {
        var before = Heap.Octets();
        var records = InProcessFleet.Records(gateways, connections);
        var octets = Heap.Octets() - before;
        var count = records.Sum(record => record.Count);
        GC.KeepAlive(records);
        return (octets / (double)Math.Max(count, 1), count);
    }

    private static async Task<(long Resident, long Connections)> ServerAsync(
        int gateways,
        int connections,
        CancellationToken cancel
    )
    {
        using var folder = new TempFolder();
        var plan = new FleetPlan(gateways, connections, 0, [CarriedKind.Of("cisco-voice")], 2);
        await using var fleet = await CarriedFleet.StartAsync(plan, folder.Path, cancel);
        await using var server = new ServerUnderTest(folder.Path, Interval, Timeout, fleet.Uris);
        server.Start();
        await server.UntilAsync(
            "told all by every gateway",
            async () => (await server.StatusAsync(cancel)).Member("gateways").Number("complete") >= gateways,
            cancel
        );
        var held = (long)(await server.StatusAsync(cancel)).Number("connections")!.Value;
        return (server.Process.Memory, held);
    }
}

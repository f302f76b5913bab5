using System.Diagnostics;
using CallServer.Bench.Performance.Tools;
using CallServer.Interop.Peers;

namespace CallServer.Bench.Performance.Lines;

/// <summary>Audits of a real snmpd by a whole process, beside others who read the same tables of the same agent.</summary>
/// <param name="name">The line's name.</param>
/// <param name="rows">Calls in the long form; a twentieth of them in the short one.</param>
/// <param name="roundTrip">How far away the agent is.</param>
/// <param name="times">Runs of each.</param>
/// <param name="reach">The figure to reach, beside snmpbulkwalk.</param>
/// <param name="whole">Whether the exporter is measured too, and the memory.</param>
internal sealed class AuditLine(
    string name,
    int rows,
    TimeSpan roundTrip,
    int times,
    Reach reach,
    bool whole = false
) : ILine
{
    private static readonly Reach Exporter = new(Ratio: 4);
    private static readonly Reach Memory = new(80);

    public string Name => name;

    public string What =>
        $"audit of {rows:N0} rows in three tables of a real snmpd{(roundTrip > TimeSpan.Zero ? $", {roundTrip.TotalMilliseconds:0} ms away" : "")}, `callserver audit --json`, whole process";

    public async Task<Measured> RunAsync(Size size, CancellationToken cancel)
    {
        await using var scope = new Scope();
        var count = size == Size.Long ? rows : Math.Max(rows / 20, 50);
        var calls = await CiscoCalls.MakeAsync(scope, count);
        var agent = await SnmpdPeer.StartAsync(scope, calls);
        using var far = roundTrip > TimeSpan.Zero ? new FarAway(agent.Port, roundTrip) : null;
        var port = far?.Port ?? agent.Port;
        using var exporter = whole ? await SnmpExporter.TryStartAsync(scope) : null;

        var wrong = new List<string>();
        var (audits, walks, scrapes) = (
            new List<WholeProcess>(),
            new List<WholeProcess>(),
            new List<double>()
        );
        for (var time = 0; time < (size == Size.Long ? times : 1); time++)
        {
            cancel.ThrowIfCancellationRequested();
            audits.Add(await CiscoTables.AuditAsync(scope, port));
            wrong.AddRange(CiscoTables.Faults(audits[^1], calls));
            walks.Add(await CiscoTables.WalkAsync(scope, port));
            wrong.AddRange(CiscoTables.WalkFaults(walks[^1], calls));
            if (exporter is null)
                continue;
            var watch = Stopwatch.StartNew();
            var told = await exporter.ScrapeAsync(port);
            scrapes.Add(watch.Elapsed.TotalSeconds);
            if (told != count)
                wrong.Add($"{SnmpExporter.Program} tells {told} of {count} calls");
        }

        var what = $"{count:N0} calls";
        var ours = new Samples("s", audits.Select(audit => audit.Seconds));
        var row = new Row(what, ours)
        {
            Beside = "`snmpbulkwalk -Cr50` over the same tables",
            Rival = new Samples("s", walks.Select(walk => walk.Seconds)),
            Reach = reach,
            Note =
                $"{new Samples("requests", audits.Select(CiscoTables.Requests))}, CPU {new Samples("s", audits.Select(audit => audit.Cpu))}; the walk's CPU {new Samples("s", walks.Select(walk => walk.Cpu))}",
        };
        return new Measured(
            whole
                ?
                [
                    row,
                    new Row(what, ours)
                    {
                        Beside = exporter is null
                            ? Optional.Missing(SnmpExporter.Program)
                            : $"{SnmpExporter.Program}, which runs already, walks the same tables",
                        Rival = exporter is null ? null : new Samples("s", scrapes),
                        Reach = Exporter,
                    },
                    new Row(
                        $"{what}, resident at most",
                        new Samples("MB", audits.Select(audit => audit.Megabytes))
                    )
                    {
                        Beside = "`snmpbulkwalk`",
                        Rival = new Samples("MB", walks.Select(walk => walk.Megabytes)),
                        Reach = Memory,
                    },
                ]
                : [row],
            wrong
        );
    }
}

using CallServer.Bench.Start;
using CallServer.Bench.Takeover;

namespace CallServer.Bench.Performance.Lines;

/// <summary>From kill -9 of the primary until the backup has the whole record of a large fleet.</summary>
internal sealed class TakeoverLine : ILine
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(30);

    public string Name => "takeover";

    public string What => "kill -9 of the primary until the backup has the whole record";

    public async Task<Measured> RunAsync(Size size, CancellationToken cancel)
    {
        var (gateways, connections, times) = size == Size.Long ? (100, 1000, 3) : (5, 50, 1);
        var churn = gateways * connections / 500.0;
        var plan = new FleetPlan(gateways, connections, churn / gateways, [CarriedKind.Of("cisco-voice")], 2);
        var runs = new List<TakeoverRun>();
        for (var number = 1; number <= times; number++)
            runs.Add(await TakeoverCommand.OnceAsync(number, plan, Interval, cold: false, cancel));
        var what = $"{gateways} gateways × {connections:N0} connections, {churn:0.#} begin and end a second";
        return new Measured(
            [
                new Row(what, new Samples("s", runs.Select(run => run.Whole.TotalSeconds)))
                {
                    Beside = "until it acts, which is before it asks",
                    Rival = new Samples("s", runs.Select(run => run.Detected.TotalSeconds)),
                    Reach = new Reach(3.5),
                    Note =
                        $"gateways on the same cores: CPU {new Samples("s", runs.Select(run => run.FleetCpu.TotalSeconds))}",
                },
                new Row(
                    "the backup's CPU meanwhile",
                    new Samples("s of CPU", runs.Select(run => run.Cpu.TotalSeconds))
                )
                {
                    Reach = new Reach(4),
                },
            ],
            [
                .. runs.SelectMany(run => run.Verdict.Faults.Take(5)),
                .. runs.Where(run => run.Verdict.Alive == 0).Select(_ => "no connection was alive"),
            ]
        );
    }
}

using System.CommandLine;
using CallServer.Bench.Start;
using CallServer.Host.Cli;
using CallServer.Host.Cli.Output;
using CallServer.Server.Net;

namespace CallServer.Bench.Takeover;

/// <summary>
/// <c>takeover</c>: kills a primary that keeps the record of a large fleet with SIGKILL. Measures how long until its
/// backup, another process that shares nothing with it, acts and has every connection that was alive throughout, and
/// whether its record is true.
/// </summary>
internal static class TakeoverCommand
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(1);

    public static Command Build()
    {
        var gateways = new Option<int>("--gateways") { DefaultValueFactory = _ => 100 };
        var connections = new Option<int>("--connections")
        {
            Description = "On each gateway",
            DefaultValueFactory = _ => 1000,
        };
        var churn = new Option<double>("--churn")
        {
            Description = "Connections that begin and end a second, on all together",
            DefaultValueFactory = _ => 200,
        };
        var mix = new Option<string>("--mix")
        {
            Description = "What the gateways speak, in turn: mgcp, sip, ng or a profile of SNMP",
            DefaultValueFactory = _ => "cisco-voice",
        };
        var interval = Options.Duration("--interval", "Between the audits of a gateway [default: 30s]");
        var cold = new Option<bool>("--cold") { Description = "The backup asks nobody before it takes over" };
        var times = new Option<int>("--times") { DefaultValueFactory = _ => 20 };
        var command = new Command("takeover", "Kills a primary, and times its backup.")
        {
            gateways,
            connections,
            churn,
            mix,
            interval,
            cold,
            times,
        };
        command.SetAction(
            (parsed, cancel) =>
            {
                var count = parsed.GetValue(gateways);
                return RunAsync(
                    new FleetPlan(
                        count,
                        parsed.GetValue(connections),
                        parsed.GetValue(churn) / count,
                        [.. parsed.GetValue(mix)!.Split(',').Select(CarriedKind.Of)],
                        2
                    ),
                    parsed.GetValue(interval) ?? TimeSpan.FromSeconds(30),
                    parsed.GetValue(cold),
                    parsed.GetValue(times),
                    cancel
                );
            }
        );
        return command;
    }

    private static async Task<int> RunAsync(
        FleetPlan plan,
        TimeSpan interval,
        bool cold,
        int times,
        CancellationToken cancel
    )
    {
        Console.WriteLine(
            FormattableString.Invariant(
                $"{Environment.ProcessorCount} cores; {plan.Gateways} gateways ({string.Join(", ", plan.Kinds.Select(kind => kind.Word))}) of {plan.Connections} connections, {plan.Churn * plan.Gateways:0} begin and end a second; {(cold ? "cold" : "warm")} backup; times in seconds from kill -9"
            )
        );
        Console.WriteLine(TakeoverRun.Heading);
        var runs = new List<TakeoverRun>();
        for (var number = 1; number <= times; number++)
        {
            var run = await OnceAsync(number, plan, interval, cold, cancel);
            Console.WriteLine(run);
            foreach (var fault in run.Verdict.Faults.Take(5))
                Console.WriteLine($"      {fault}");
            runs.Add(run);
        }

        var bad = runs.Count(run => !run.IsGood);
        Console.WriteLine(
            FormattableString.Invariant(
                $"worst: detected {runs.Max(run => run.Detected).TotalSeconds:0.00} s, whole {runs.Max(run => run.Whole).TotalSeconds:0.00} s; missed {runs.Sum(run => run.Verdict.Missed)}, wrong {runs.Sum(run => run.Verdict.Wrong)}, outside {runs.Sum(run => run.Verdict.Outside)}"
            )
        );
        Console.WriteLine(
            bad == 0
                ? FormattableString.Invariant(
                    $"verdict: {times} of {times} detected within {TakeoverRun.MostDetection.TotalSeconds} s and whole within {TakeoverRun.MostRecovery.TotalSeconds} s, nothing missed, nothing wrong"
                )
                : $"verdict: {bad} of {times} runs are wrong or late"
        );
        return bad == 0 ? ExitCode.Complete : 1;
    }

    /// <summary>Starts a fleet, a primary and its backup, and kills the primary.</summary>
    public static async Task<TakeoverRun> OnceAsync(
        int number,
        FleetPlan plan,
        TimeSpan interval,
        bool cold,
        CancellationToken cancel
    )
    {
        using var folder = new TempFolder();
        await using var fleet = await CarriedFleet.StartAsync(plan, folder.Path, cancel);
        await using var pair = new ServerPair(folder.Path, interval, Timeout, fleet.Uris, cold);
        await pair.StartAsync(fleet.Uris.Count, cancel);
        return await KillAsync(number, fleet, pair, cancel);
    }

    private static async Task<TakeoverRun> KillAsync(
        int number,
        CarriedFleet fleet,
        ServerPair pair,
        CancellationToken cancel
    )
    {
        var reader = new FleetReader(pair.Backup, fleet, new SystemClock());
        var (serverCpu, fleetCpu) = (pair.Backup.Process.Cpu, fleet.Cpu);
        var killed = reader.Now;
        await pair.Primary.KillAsync();
        await pair.Backup.UntilAsync(
            "active",
            async () => (await pair.Backup.StatusAsync(cancel)).Text("role") == "active",
            cancel
        );
        var detected = reader.Now;
        // Polls what costs the server little; the report, which looks at every connection, is read only afterwards.
        await reader.AllHeardAsync(cancel);
        await pair.Backup.UntilAsync("whole", async () => await pair.ReportAsync(cancel) is not null, cancel);
        var whole = reader.Now;
        (serverCpu, fleetCpu) = (pair.Backup.Process.Cpu - serverCpu, fleet.Cpu - fleetCpu);
        var record = await reader.ReadAsync(whole: false, cancel);
        var report = await pair.RecoveryAsync(cancel);
        var saved = await reader.AllSavedAsync(cancel);
        var truth = await reader.TruthAsync(cancel);
        return new TakeoverRun(
            number,
            TimeSpan.FromMicroseconds(detected - killed),
            TimeSpan.FromMicroseconds(whole - killed),
            TimeSpan.FromMicroseconds(saved - killed),
            serverCpu,
            fleetCpu,
            report.Number("secondsAtRisk") ?? double.NaN,
            FleetVerdict.Of(truth, record, killed)
        );
    }
}

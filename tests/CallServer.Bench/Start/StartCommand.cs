using System.CommandLine;
using CallServer.Bench.Fleet;
using CallServer.Host.Cli;
using CallServer.Host.Cli.Demo;
using CallServer.Server.Net;

namespace CallServer.Bench.Start;

/// <summary>
/// <c>start</c>: a server that knows nothing audits a large fleet for the first time, as a backup does that takes
/// over. Measures how long until its record holds everything, and what that costs both sides.
/// </summary>
internal static class StartCommand
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(1);

    public static Command Build()
    {
        var gateways = new Option<int>("--gateways") { DefaultValueFactory = _ => 100 };
        var connections = new Option<int>("--connections") { DefaultValueFactory = _ => 1000 };
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
        var processes = new Option<int>("--processes")
        {
            Description = "That carry the gateways",
            DefaultValueFactory = _ => 2,
        };
        var interval = Options.Duration("--interval", "Between the audits of a gateway [default: 30s]");
        var times = new Option<int>("--times") { DefaultValueFactory = _ => 3 };
        var threads = new Option<bool>("--threads") { Description = "Tell the CPU time of each thread" };
        var command = new Command("start", "Times the first look at a large fleet.")
        {
            gateways,
            connections,
            churn,
            mix,
            processes,
            interval,
            times,
            threads,
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
                        parsed.GetValue(processes)
                    ),
                    parsed.GetValue(interval) ?? TimeSpan.FromSeconds(30),
                    parsed.GetValue(times),
                    parsed.GetValue(threads),
                    cancel
                );
            }
        );
        return command;
    }

    private static async Task<int> RunAsync(
        FleetPlan plan,
        TimeSpan interval,
        int times,
        bool threads,
        CancellationToken cancel
    )
    {
        Console.WriteLine(
            FormattableString.Invariant(
                $"{Environment.ProcessorCount} cores; {plan.Gateways} gateways ({string.Join(", ", plan.Kinds.Select(kind => kind.Word))}) of {plan.Connections} connections in {plan.Processes} processes, {plan.Churn} begin and end a second on each; times in seconds"
            )
        );
        Console.WriteLine(StartRun.Heading);
        var bad = 0;
        for (var number = 1; number <= times; number++)
        {
            using var folder = new TempFolder();
            await using var fleet = await CarriedFleet.StartAsync(plan, folder.Path, cancel);
            var run = await StartAsync(number, fleet, folder.Path, interval, threads, cancel);
            Console.WriteLine(run);
            foreach (var line in run.Threads)
                Console.WriteLine($"      {line}");
            foreach (var line in run.Partial.Concat(run.Faults).Take(10))
                Console.WriteLine($"      {line}");
            bad += run.IsGood ? 0 : 1;
        }
        Console.WriteLine(
            bad == 0 ? "verdict: nothing missed, nothing wrong" : $"verdict: {bad} of {times} runs are wrong"
        );
        return bad == 0 ? ExitCode.Complete : 1;
    }

    private static async Task<StartRun> StartAsync(
        int number,
        CarriedFleet fleet,
        string folder,
        TimeSpan interval,
        bool threads,
        CancellationToken cancel
    )
    {
        await using var server = new ServerUnderTest(folder, interval, Timeout, fleet.Uris);
        var reader = new FleetReader(server, fleet, new SystemClock());
        var (started, before) = (reader.Now, fleet.Cpu);
        server.Start();
        var heard = await reader.AllHeardAsync(cancel);
        var (serverCpu, fleetCpu, memory) = (
            server.Process.Cpu,
            fleet.Cpu - before,
            server.Process.PeakMemory
        );
        List<string> busy = threads
            ? [.. fleet.Carriers.Prepend(server.Process.Id).Select(ThreadTimes.Of)]
            : [];
        var first = await reader.ReadAsync(whole: false, cancel);
        var saved = await reader.AllSavedAsync(cancel);
        var asked = (await reader.AuditsAsync(cancel)).Min(audit => audit.Asked);
        var partial = (await server.Client.AllAsync("audits", null, cancel))
            .Items.Select(FleetAudit.Of)
            .Where(audit => !audit.Complete)
            .Select(audit => $"{audit.Gateway}: an audit was not complete: {audit.Reasons}");
        var whole = await reader.ReadAsync(whole: true, cancel);
        var truth = await reader.TruthAsync(cancel);
        return new StartRun(
            number,
            TimeSpan.FromMicroseconds(asked - started),
            TimeSpan.FromMicroseconds(heard - asked),
            TimeSpan.FromMicroseconds(saved - asked),
            serverCpu,
            fleetCpu,
            memory,
            busy,
            [.. partial],
            FleetVerdict.Of(truth, first, asked),
            // Nobody was killed: everything heard was heard since the start.
            DemoVerdict.Of(truth, whole, asked, asked, new Dictionary<string, int>())
        );
    }
}

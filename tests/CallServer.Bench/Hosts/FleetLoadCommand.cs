using System.CommandLine;
using System.Diagnostics;
using CallServer.Bench.Performance;
using CallServer.Bench.Start;
using CallServer.Host.Cli;
using CallServer.Host.Cli.Demo;
using CallServer.Interop.Peers;
using CallServer.Model;
using CallServer.Server.Net;

namespace CallServer.Bench.Hosts;

/// <summary>
/// <c>fleet-load</c>: what hosts and their database take to keep the record of many gateways, how long its lists take, and, with
/// <c>--kill</c>, what the death of a host costs. Fails if the record is wrong.
/// </summary>
internal static class FleetLoadCommand
{
    private const int Units = 1024;

    // A process may have 20,000 files open on usual machines, and each gateway has a socket.
    private const int MostCarried = 15_000;

    // The gateways are on the same cores: asked by all hosts as by those that have cores of their own, they would not answer in time.
    private const int MostInFlight = 48;

    // One that is a formula always answers in time, and then as many as this keep two cores busy that hosts and database share.
    private const int MostFormulasInFlight = 15;

    private const int Requests = 20;

    // polling.memory, in megabytes, and what of it a connection takes (docs/operating.md).
    private const long UsualMemory = 2500;
    private const long OctetsAConnection = 10_000;

    // So soon after the death of a host its gateways should be asked again.
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(30);
    private static readonly TimeSpan Settling = TimeSpan.FromMinutes(2);

    private static readonly string[] lists =
    [
        "v1/connections?limit=100",
        "v1/connections?limit=100&gateway=gw-001",
        "v1/connections?limit=100&sort=-start",
        "v1/gateways?limit=100",
        "v1/calls?limit=100",
        "v1/cdrs?limit=100",
        "v1/count?by=codec",
        "v1/status",
    ];

    public static Command Build()
    {
        var gateways = new Option<int>("--gateways") { DefaultValueFactory = _ => 10_000 };
        var connections = new Option<int>("--connections") { DefaultValueFactory = _ => 100 };
        var churn = new Option<double>("--churn")
        {
            Description = "Connections that begin and end a second, on all gateways together",
            DefaultValueFactory = _ => 20,
        };
        var interval = Options.Duration("--interval", "Between the audits of a gateway [default: 2m]");
        var hosts = new Option<int>("--hosts") { DefaultValueFactory = _ => 3 };
        var during = Options.Duration("--for", "How long to measure [default: 2m]");
        var kill = new Option<bool>("--kill") { Description = "Kill a host afterwards" };
        var formulas = new Option<bool>("--formulas")
        {
            Description = "Each host computes what the gateways answer, instead of asking simulated ones",
        };
        var command = new Command(
            "fleet-load",
            "Measures hosts and their database under many gateways, and compares the record with the truth."
        )
        {
            gateways,
            connections,
            churn,
            interval,
            hosts,
            during,
            kill,
            formulas,
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
                        [CarriedKind.Of("cisco-voice")],
                        Processes: (count + MostCarried - 1) / MostCarried
                    ),
                    parsed.GetValue(interval) ?? TimeSpan.FromMinutes(2),
                    parsed.GetValue(hosts),
                    parsed.GetValue(during) ?? TimeSpan.FromMinutes(2),
                    parsed.GetValue(kill),
                    parsed.GetValue(formulas),
                    cancel
                );
            }
        );
        return command;
    }

    private static async Task<int> RunAsync(
        FleetPlan plan,
        TimeSpan interval,
        int count,
        TimeSpan during,
        bool kills,
        bool formulas,
        CancellationToken cancel
    )
    {
        Console.WriteLine(
            FormattableString.Invariant(
                $"{Machine.Words(InstantModule.toDateTime(new SystemClock().Now.Wall))}; {count} hosts, PostgreSQL and {plan.Gateways:N0} gateways of {plan.Connections} connections on the same cores, {plan.Churn * plan.Gateways:0.#} begin and end a second on all of them, each asked every {interval.TotalSeconds:0} s"
            )
        );
        await using var scope = new Scope();
        var database = await PostgresPeer.StartAsync(scope, safe: true);
        await using IFleetGateways gateways = formulas
            ? new FormulaFleet(plan, scope.Folder)
            : await CarriedFleet.StartAsync(plan, scope.Folder, cancel);
        await using var fleet = new HostFleet(
            scope.NewFolder("hosts"),
            database.Address(),
            database,
            gateways,
            interval,
            Units
        )
        {
            Patience = Patience,
            InFlight = Math.Max(1, (formulas ? MostFormulasInFlight : MostInFlight) / count),
            // Also when one of them is missing.
            Memory = Math.Max(
                UsualMemory,
                (long)plan.Gateways
                    * plan.Connections
                    / Math.Max(1, count - 1)
                    * OctetsAConnection
                    / 1_000_000
            ),
        };
        Say(
            $"every gateway heard {await fleet.StartAsync(count, cancel):0.0} s after the start of the hosts"
        );
        var heard = fleet.Now;
        await Task.Delay(interval < Settling ? interval : Settling, cancel);

        var before = await FleetTaken.ReadAsync(fleet, gateways);
        await Task.Delay(during, cancel);
        var after = await FleetTaken.ReadAsync(fleet, gateways);
        foreach (var line in after.Since(before))
            Say(line);
        foreach (var path in lists)
            await TimeAsync(fleet, path, cancel);
        if (kills)
            await KillAsync(fleet, cancel);
        await Task.Delay(interval / 10, cancel);
        var noted = await fleet.AskedAsync(cancel);
        return Tell(
            await FleetSample.ReadAsync(fleet, gateways, heard, cancel),
            AskedTogether.Of(noted.Where(asking => asking.At >= heard)),
            noted.Count
        );
    }

    private static async Task TimeAsync(HostFleet fleet, string path, CancellationToken cancel)
    {
        using var http = new HttpClient
        {
            BaseAddress = new Uri(fleet.Hosts[0].Server.Address + "/"),
            Timeout = Timeout.InfiniteTimeSpan,
        };
        var times = new List<double>();
        // The first request is not counted: it compiles what it needs.
        for (var request = 0; request <= Requests; request++)
        {
            var sent = Stopwatch.GetTimestamp();
            using var answer = await http.GetAsync(new Uri(path, UriKind.Relative), cancel);
            answer.EnsureSuccessStatusCode();
            if (request > 0)
                times.Add(Stopwatch.GetElapsedTime(sent).TotalSeconds);
        }
        Say($"{path}: {new Samples("s", times)}");
    }

    private static async Task KillAsync(HostFleet fleet, CancellationToken cancel)
    {
        var killed = fleet.Hosts[0];
        var held = await fleet.HeldByAsync(killed);
        var from = fleet.Now;
        await fleet.KillAsync(killed);
        var taken = await fleet.EvenAsync(cancel);
        await fleet.HeardSinceAsync(from, cancel);
        var first = await fleet.FirstSinceAsync(from);
        var own = first.Where(audit => held.Contains(audit.Gateway)).OrderBy(audit => audit.After).ToList();
        Say(
            $"kill -9 of a host: {(taken - from) / 1e6:0.0} s until the others had its {held.Count:N0} gateways"
        );
        Say(
            $"  asked again after {own[0].After.TotalSeconds:0.0} to {own[^1].After.TotalSeconds:0.0} s, half of them after {own[own.Count / 2].After.TotalSeconds:0.0} s; {own.Count(audit => audit.After <= Soon):N0} within {Soon.TotalSeconds:0} s"
        );
        Say(
            $"  {Longest(own):0.0} s at most between two audits of one of them, {Longest(first.ExceptBy(held, audit => audit.Gateway)):0.0} s of one of the other hosts"
        );
    }

    private static double Longest(IEnumerable<FirstAudit> audits) =>
        audits.Select(audit => audit.Gap.TotalSeconds).DefaultIfEmpty(0).Max();

    private static int Tell(FleetSample sample, AskedTogether together, int noted)
    {
        if (noted > 0)
            Say(
                $"{noted:N0} audits noted by who began them; {together.Gateways:N0} gateways asked by two hosts at once"
            );
        Say(
            $"the record: {sample.Connections:N0} connections, {sample.Cdrs:N0} CDRs, each with an id of its own"
        );
        Say(
            $"of {sample.Gateways:N0} gateways, compared with the truth: {sample.Verdict.Recorded:N0} connections in the record, {sample.Verdict.Missed} missed, {sample.Verdict.Wrong} wrong; {sample.Verdict.CdrsDue:N0} CDRs due, {sample.Verdict.CdrsWritten:N0} written, {sample.Verdict.CdrsWrong} twice or for nothing; {sample.Verdict.TimesCompared:N0} times compared, {sample.Verdict.OutsideBounds} outside their bounds; {sample.Verdict.CallsDue:N0} calls of two gateways, {sample.Verdict.CallsJoined:N0} listed as one, {sample.Verdict.CallsWrong} mixed up"
        );
        foreach (var fault in sample.Verdict.Faults.Take(10))
            Say($"  WRONG: {fault}");
        var isRight = sample.Verdict.NothingLost && together.Gateways == 0;
        Say($"verdict: {(isRight ? "nothing lost, nothing double" : "wrong")}");
        return isRight ? ExitCode.Complete : 1;
    }

    private static void Say(FormattableString line) => Console.WriteLine(FormattableString.Invariant(line));
}

using System.CommandLine;
using CallServer.Bench.Start;
using CallServer.Host.Cli;
using CallServer.Host.Cli.Demo;
using CallServer.Host.Cli.Output;
using CallServer.Interop.Peers;

namespace CallServer.Bench.Hosts;

/// <summary>
/// <c>fleet-faults</c>: hosts that share gateways and a record on PostgreSQL, while hosts die, stand still, come and go, and the
/// database is away. Fails if the record is wrong, never because something is slow.
/// </summary>
internal static class FleetFaultsCommand
{
    private const int Units = 1024;
    private const int EndedByTheOthers = 70;
    private const string Promotion = "promote";

    private static readonly IReadOnlyDictionary<
        string,
        Func<HostFleet, TimeSpan, CancellationToken, Task<FleetFault>>
    > Faults = new Dictionary<string, Func<HostFleet, TimeSpan, CancellationToken, Task<FleetFault>>>
    {
        ["kill"] = KillAsync,
        ["stop"] = StopAsync,
        ["move"] = MoveAsync,
        ["database"] = DatabaseAsync,
        ["all"] = AllAsync,
        ["clock"] = ClockAsync,
        // The last one: it leaves one server of the database.
        [Promotion] = PromoteAsync,
    };

    public static Command Build()
    {
        var gateways = new Option<int>("--gateways") { DefaultValueFactory = _ => 200 };
        var connections = new Option<int>("--connections") { DefaultValueFactory = _ => 50 };
        var churn = new Option<double>("--churn")
        {
            Description = "Connections that begin and end a second, on each",
            DefaultValueFactory = _ => 0.2,
        };
        var interval = Options.Duration("--interval", "Between the audits of a gateway [default: 10s]");
        var hosts = new Option<int>("--hosts") { DefaultValueFactory = _ => 3 };
        var away = Options.Duration("--away", "How long a host or the database is away [default: 30s]");
        var only = new Option<string[]>("--only")
        {
            Description = $"Only these faults: {string.Join(", ", Faults.Keys)}",
            AllowMultipleArgumentsPerToken = true,
        };
        only.AcceptOnlyFromAmong([.. Faults.Keys]);
        var command = new Command(
            "fleet-faults",
            "Breaks a fleet of hosts, and compares its record with the truth."
        )
        {
            gateways,
            connections,
            churn,
            interval,
            hosts,
            away,
            only,
        };
        command.SetAction(
            (parsed, cancel) =>
            {
                var names = parsed.GetValue(only) ?? [];
                return RunAsync(
                    new FleetPlan(
                        parsed.GetValue(gateways),
                        parsed.GetValue(connections),
                        parsed.GetValue(churn),
                        [CarriedKind.Of("cisco-voice")],
                        Processes: 1
                    ),
                    parsed.GetValue(interval) ?? TimeSpan.FromSeconds(10),
                    parsed.GetValue(hosts),
                    parsed.GetValue(away) ?? TimeSpan.FromSeconds(30),
                    [.. Faults.Keys.Where(name => names.Length == 0 || names.Contains(name))],
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
        TimeSpan away,
        IReadOnlyList<string> names,
        CancellationToken cancel
    )
    {
        Console.WriteLine(
            FormattableString.Invariant(
                $"{Environment.ProcessorCount} cores; {count} hosts and PostgreSQL; {plan.Gateways} gateways of {plan.Connections} connections, {plan.Churn} begin and end a second on each, asked every {interval.TotalSeconds:0} s"
            )
        );
        await using var scope = new Scope();
        var database = await PostgresPeer.StartAsync(scope, safe: true);
        await using var gateways = await CarriedFleet.StartAsync(plan, scope.Folder, cancel);
        var standby = names.Contains(Promotion) ? await database.StandbyAsync() : null;
        await using var fleet = new HostFleet(
            scope.NewFolder("hosts"),
            standby is null ? database.Address() : database.AddressWith(standby),
            database,
            gateways,
            interval,
            Units
        )
        {
            Standby = standby,
        };
        for (var number = 0; number < count; number++)
            fleet.Add();
        var begun = fleet.Now;
        await fleet.EvenAsync(cancel);
        var heard = await fleet.HeardSinceAsync(begun, cancel);
        Console.WriteLine(
            FormattableString.Invariant(
                $"all started: every gateway heard after {(heard - begun) / 1e6:0.0} s"
            )
        );

        var faults = new List<FleetFault>();
        foreach (var name in names)
        {
            // Between two faults everybody is asked as usual.
            await Task.Delay(2 * interval, cancel);
            faults.Add(await Faults[name](fleet, away, cancel));
        }
        await Task.Delay(3 * interval, cancel);
        return Tell(faults, await fleet.ReadAsync(cancel), await fleet.TruthAsync(cancel));
    }

    /// <summary>A host is killed, and another one starts in its place.</summary>
    private static async Task<FleetFault> KillAsync(HostFleet fleet, TimeSpan away, CancellationToken cancel)
    {
        var from = fleet.Now;
        await fleet.KillAsync(fleet.Hosts[0]);
        var taken = await fleet.EvenAsync(cancel);
        await fleet.HeardSinceAsync(taken, cancel);
        fleet.Add();
        var even = await fleet.EvenAsync(cancel);
        return new FleetFault(
            "kill -9 of a host",
            from,
            even,
            [Seconds(from, taken, "until the others had its gateways")],
            []
        );
    }

    /// <summary>A host stands still, wakes up, and must end by itself.</summary>
    private static async Task<FleetFault> StopAsync(HostFleet fleet, TimeSpan away, CancellationToken cancel)
    {
        var sleeper = fleet.Hosts[0];
        var from = fleet.Now;
        await sleeper.Server.Process.SignalAsync("STOP", cancel);
        var slept = Task.Delay(away, cancel);
        var taken = await fleet.EvenWithoutAsync(sleeper, cancel);
        await slept;
        var woke = fleet.Now;
        await sleeper.Server.Process.SignalAsync("CONT", cancel);
        var status = await sleeper.Server.Process.EndAsync(cancel);
        var ended = fleet.Now;
        await fleet.KillAsync(sleeper);
        fleet.Add();
        var even = await fleet.EvenAsync(cancel);
        return new FleetFault(
            FormattableString.Invariant($"SIGSTOP of a host for {away.TotalSeconds:0} s"),
            from,
            even,
            [
                Seconds(from, taken, "until the others had its gateways"),
                Seconds(woke, ended, "until the sleeper had ended"),
            ],
            status == EndedByTheOthers ? [] : [$"the sleeper ended with {status}"]
        );
    }

    /// <summary>One more host joins, and another one leaves in order.</summary>
    private static async Task<FleetFault> MoveAsync(HostFleet fleet, TimeSpan away, CancellationToken cancel)
    {
        var from = fleet.Now;
        fleet.Add();
        var joined = await fleet.EvenAsync(cancel);
        await Task.Delay(2 * fleet.Interval, cancel);
        var leaving = fleet.Now;
        await fleet.LeaveAsync(fleet.Hosts[0], cancel);
        var left = fleet.Now;
        var even = await fleet.EvenAsync(cancel);
        return new FleetFault(
            "a host joins, one leaves by SIGTERM",
            from,
            even,
            [
                Seconds(from, joined, "from the start of its process until it had its share"),
                Seconds(leaving, left, "until the one that left had ended"),
                Seconds(leaving, even, "until its share was held by others"),
            ],
            []
        );
    }

    /// <summary>The database crashes, a host is killed meanwhile, and the database comes back.</summary>
    private static async Task<FleetFault> DatabaseAsync(
        HostFleet fleet,
        TimeSpan away,
        CancellationToken cancel
    )
    {
        var from = fleet.Now;
        await fleet.Database.StopAsync();
        await Task.Delay(away / 2, cancel);
        await fleet.KillAsync(fleet.Hosts[0]);
        await Task.Delay(away / 2, cancel);
        await fleet.Database.StartAgainAsync();
        var back = fleet.Now;
        var taken = await fleet.EvenAsync(cancel);
        await fleet.HeardSinceAsync(back, cancel);
        fleet.Add();
        var even = await fleet.EvenAsync(cancel);
        return new FleetFault(
            FormattableString.Invariant(
                $"PostgreSQL away for {away.TotalSeconds:0} s, a host killed meanwhile"
            ),
            from,
            even,
            [Seconds(back, taken, "from its return until the others had the dead host's gateways")],
            []
        );
    }

    /// <summary>All are killed, and one starts.</summary>
    private static async Task<FleetFault> AllAsync(HostFleet fleet, TimeSpan away, CancellationToken cancel)
    {
        var from = fleet.Now;
        var count = fleet.Hosts.Count;
        foreach (var host in fleet.Hosts.ToList())
            await fleet.KillAsync(host);
        fleet.Add();
        var heard = await fleet.HeardSinceAsync(from, cancel);
        for (var number = 1; number < count; number++)
            fleet.Add();
        var even = await fleet.EvenAsync(cancel);
        return new FleetFault(
            "all hosts killed, one started",
            from,
            even,
            [Seconds(from, heard, "until it had asked every gateway")],
            []
        );
    }

    /// <summary>A host whose wall clock is stepped ahead, behind and back again.</summary>
    private static async Task<FleetFault> ClockAsync(HostFleet fleet, TimeSpan away, CancellationToken cancel)
    {
        await using var scope = new Scope();
        var clock = await SteppedClock.CreateAsync(scope, scope.NewFolder("clock"));
        var host = fleet.Add(clock);
        await fleet.EvenAsync(cancel);
        await Task.Delay(2 * fleet.Interval, cancel);
        var (from, moves, conflicts) = (
            fleet.Now,
            await fleet.MovesAsync(),
            await fleet.ConflictsAsync(cancel)
        );
        foreach (var ahead in (int[])[1, -1, 0])
        {
            clock.Set(TimeSpan.FromHours(ahead));
            await Task.Delay(2 * fleet.Interval, cancel);
        }
        var heard = await fleet.HeardSinceAsync(fleet.Now, cancel);
        var (moved, contradicted) = (
            await fleet.MovesAsync() - moves,
            await fleet.ConflictsAsync(cancel) - conflicts
        );
        var ended = host.Server.Process.Over;
        await fleet.LeaveAsync(host, cancel);
        await fleet.EvenAsync(cancel);
        List<string> wrong =
        [
            .. ended ? (string[])["the host with the stepped clock has ended"] : [],
            .. moved != 0 ? (string[])[$"{moved} units changed hands"] : [],
            .. contradicted != 0 ? (string[])[$"{contradicted} reports contradicted the record"] : [],
        ];
        return new FleetFault(
            "the wall clock of one host is stepped by 1 h, by -2 h, and back",
            from,
            heard,
            [],
            wrong
        );
    }

    /// <summary>The database's primary crashes, its standby takes its place, and a host is killed afterwards.</summary>
    private static async Task<FleetFault> PromoteAsync(
        HostFleet fleet,
        TimeSpan away,
        CancellationToken cancel
    )
    {
        var from = fleet.Now;
        await fleet.Database.StopAsync();
        await fleet.Standby!.PromoteAsync();
        fleet.Database = fleet.Standby;
        var promoted = fleet.Now;
        var written = await fleet.WrittenSinceAsync(promoted, cancel);
        await fleet.HeardSinceAsync(promoted, cancel);
        var killed = fleet.Now;
        await fleet.KillAsync(fleet.Hosts[0]);
        var taken = await fleet.EvenAsync(cancel);
        await fleet.HeardSinceAsync(taken, cancel);
        return new FleetFault(
            "the database's primary crashes, its synchronous standby is promoted; then a host is killed",
            from,
            fleet.Now,
            [
                Seconds(promoted, written, "from the promotion until something asked after it was written"),
                Seconds(killed, taken, "until the others had the dead host's gateways"),
            ],
            []
        );
    }

    private static string Seconds(long from, long to, string what) =>
        FormattableString.Invariant($"{(to - from) / 1e6:0.0} s {what}");

    private static int Tell(List<FleetFault> faults, DemoRecord record, IReadOnlyList<TrueConnection> truth)
    {
        foreach (var fault in faults)
        {
            Console.WriteLine(fault.Name);
            Console.WriteLine(
                FormattableString.Invariant(
                    $"  longest time between two audits of a gateway: {fault.LongestGap(record.Audits).TotalSeconds:0.0} s; audits of one gateway at once: {fault.AskedAtOnce(record.Audits)}"
                )
            );
            foreach (var note in fault.Notes)
                Console.WriteLine($"  {note}");
        }
        var verdict = DemoVerdict.Of(
            truth,
            record,
            faults.Count > 0 ? faults[0].From : record.From,
            record.From,
            new Dictionary<string, int>()
        );
        Console.WriteLine(
            FormattableString.Invariant(
                $"{verdict.Recorded:N0} connections in the record, {verdict.Missed} missed, {verdict.Wrong} wrong; {verdict.CdrsDue:N0} CDRs due, {verdict.CdrsWritten:N0} written, {verdict.CdrsWrong} twice or for nothing; {verdict.TimesCompared:N0} times compared, {verdict.OutsideBounds} outside their bounds"
            )
        );
        var wrong = faults.SelectMany(fault => fault.Wrong).Concat(verdict.Faults).ToList();
        foreach (var line in wrong.Take(10))
            Console.WriteLine($"  WRONG: {line}");
        Console.WriteLine(
            wrong.Count == 0 ? "verdict: nothing lost, nothing double" : $"verdict: {wrong.Count} are wrong"
        );
        return wrong.Count == 0 ? ExitCode.Complete : 1;
    }
}

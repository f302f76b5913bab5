using System.CommandLine;
using System.Net;
using CallServer.Bench.Start;
using CallServer.Host.Cli;
using CallServer.Host.Cli.Demo;
using CallServer.Host.Cli.Output;
using CallServer.Interop.Peers;

namespace CallServer.Bench.Hosts;

/// <summary>
/// <c>fleet-faults</c>: hosts that share gateways and a record on PostgreSQL, while hosts die, stand still, come and go, and the
/// database is away. Fails if the record is wrong, and if a gateway is asked by two hosts or by none for longer than promised.
/// </summary>
internal static class FleetFaultsCommand
{
    private const int Units = 1024;
    private const string Splitting = "split";
    private const string Promotion = "promote";
    private const string Upgrade = "upgrade";

    private delegate Task<FleetFault> Fault(HostFleet fleet, TimeSpan away, CancellationToken cancel);

    private static readonly IReadOnlyDictionary<string, IReadOnlyList<Fault>> Faults = new Dictionary<
        string,
        IReadOnlyList<Fault>
    >
    {
        // The first one: it begins with hosts of another version.
        [Upgrade] = [UpgradeFault.RollAsync],
        ["kill"] = [HostFaults.KillAsync],
        ["stop"] = [HostFaults.StopAsync],
        ["move"] = [HostFaults.MoveAsync],
        ["database"] = [DatabaseFaults.DatabaseAsync],
        ["all"] = [HostFaults.AllAsync],
        ["clock"] = [HostFaults.ClockAsync],
        [Splitting] = [SplitFaults.ManyAsync, SplitFaults.BothAsync, SplitFaults.NoneAsync],
        // The last one: it leaves one server of the database.
        [Promotion] = [DatabaseFaults.PromoteAsync],
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
            Description = $"Only these faults: {string.Join(", ", Faults.Keys)} [default: all but {Upgrade}]",
            AllowMultipleArgumentsPerToken = true,
        };
        only.AcceptOnlyFromAmong([.. Faults.Keys]);
        var other = new Option<string?>("--other")
        {
            Description =
                $"{Upgrade}: the folder of callserver.dll of the version that runs first [default: builds it]",
        };
        var from = new Option<string?>("--from")
        {
            Description =
                $"{Upgrade}: the commit of that version [default: the newest tag before HEAD, or HEAD]",
        };
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
            other,
            from,
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
                    [
                        .. Faults.Keys.Where(name =>
                            names.Length == 0 ? name != Upgrade : names.Contains(name)
                        ),
                    ],
                    parsed.GetValue(other),
                    parsed.GetValue(from),
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
        string? other,
        string? revision,
        CancellationToken cancel
    )
    {
        Console.WriteLine(
            FormattableString.Invariant(
                $"{Environment.ProcessorCount} cores; {count} hosts and PostgreSQL; {plan.Gateways} gateways of {plan.Connections} connections, {plan.Churn} begin and end a second on each, asked every {interval.TotalSeconds:0} s"
            )
        );
        await using var scope = new Scope();
        var network = names.Contains(Splitting) ? await NetworkAsync(scope) : null;
        var place = network is null ? null : await network.AddAsync();
        var database = await PostgresPeer.StartAsync(
            scope,
            safe: true,
            place is null ? null : new PostgresPlace(place.Address, network!.Range, place.Around)
        );
        await using var gateways = await CarriedFleet.StartAsync(
            plan,
            scope.Folder,
            cancel,
            network?.Outside
        );
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
            Network = network,
            DatabasePlace = place,
            OtherVersion = !names.Contains(Upgrade)
                ? null
                : other ?? await OtherVersion.BuildAsync(scope, revision),
        };
        var started = await fleet.StartAsync(count, cancel);
        Console.WriteLine(
            FormattableString.Invariant($"all started: every gateway heard after {started:0.0} s")
        );

        var faults = new List<FleetFault>();
        foreach (
            var fault in names
                .Where(name => name != Splitting || network is not null)
                .SelectMany(name => Faults[name])
        )
        {
            // Between two faults everybody is asked as usual.
            await Task.Delay(2 * interval, cancel);
            faults.Add(await fault(fleet, away, cancel));
        }
        await Task.Delay(3 * interval, cancel);
        return Tell(faults, await fleet.ReadAsync(cancel), await fleet.TruthAsync(among: null, cancel));
    }

    /// <summary>A network that can be cut; null where this machine cannot have one, but in CI it must.</summary>
    private static async Task<HostNetwork?> NetworkAsync(Scope scope)
    {
        try
        {
            var network = scope.Own(await HostNetwork.CreateAsync());
            // A proxy of the machine's leads to no namespace.
            HttpClient.DefaultProxy = new WebProxy();
            return network;
        }
        catch (CommandFailedException missing) when (Environment.GetEnvironmentVariable("CI") != "true")
        {
            Console.WriteLine($"{Splitting} is skipped: {missing.Message}");
            return null;
        }
    }

    private static int Tell(List<FleetFault> faults, DemoRecord record, IReadOnlyList<TrueConnection> truth)
    {
        foreach (var fault in faults)
        {
            Console.WriteLine(fault.Name);
            var gap = fault.LongestGap(record.Audits);
            Console.WriteLine(
                FormattableString.Invariant(
                    $"  longest time between two audits of a gateway: {gap?.Time.TotalSeconds:0.0} s ({gap?.Gateway}, from {gap?.Since.TotalSeconds:0.0} s on); audits of one gateway at once: {fault.AskedAtOnce(record.Audits)}"
                )
            );
            if (fault.MostGap is { } most)
                Console.WriteLine(FormattableString.Invariant($"  promised: {most.TotalSeconds:0.0} s"));
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
        var late = faults
            .Where(fault => fault.LongestGap(record.Audits)?.Time > fault.MostGap)
            .Select(fault => $"{fault.Name}: a gateway was not asked for longer than promised");
        var wrong = faults.SelectMany(fault => fault.Wrong).Concat(late).Concat(verdict.Faults).ToList();
        foreach (var line in wrong.Take(10))
            Console.WriteLine($"  WRONG: {line}");
        Console.WriteLine(
            wrong.Count == 0 ? "verdict: nothing lost, nothing double" : $"verdict: {wrong.Count} are wrong"
        );
        return wrong.Count == 0 ? ExitCode.Complete : 1;
    }
}

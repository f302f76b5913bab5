using CallServer.Interop.Peers;

namespace CallServer.Bench.Hosts;

/// <summary>Hosts die, stand still, come and go, and one has a clock that is stepped.</summary>
internal static class HostFaults
{
    /// <summary>A host is killed, and another one starts in its place.</summary>
    public static async Task<FleetFault> KillAsync(HostFleet fleet, TimeSpan away, CancellationToken cancel)
    {
        var from = fleet.Now;
        await fleet.KillAsync(fleet.Hosts[0]);
        var taken = await fleet.EvenAsync(cancel);
        await fleet.HeardSinceAsync(taken, cancel);
        await fleet.AddAsync();
        var even = await fleet.EvenAsync(cancel);
        return new FleetFault(
            "kill -9 of a host",
            from,
            even,
            [FleetFault.Seconds(from, taken, "until the others had its gateways")],
            []
        );
    }

    /// <summary>A host stands still, wakes up, and must end by itself.</summary>
    public static async Task<FleetFault> StopAsync(HostFleet fleet, TimeSpan away, CancellationToken cancel)
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
        await fleet.AddAsync();
        var even = await fleet.EvenAsync(cancel);
        return new FleetFault(
            FormattableString.Invariant($"SIGSTOP of a host for {away.TotalSeconds:0} s"),
            from,
            even,
            [
                FleetFault.Seconds(from, taken, "until the others had its gateways"),
                FleetFault.Seconds(woke, ended, "until the sleeper had ended"),
            ],
            status == FleetHost.EndedByTheOthers ? [] : [$"the sleeper ended with {status}"]
        );
    }

    /// <summary>One more host joins, and another one leaves in order.</summary>
    public static async Task<FleetFault> MoveAsync(HostFleet fleet, TimeSpan away, CancellationToken cancel)
    {
        var from = fleet.Now;
        await fleet.AddAsync();
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
                FleetFault.Seconds(from, joined, "from the start of its process until it had its share"),
                FleetFault.Seconds(leaving, left, "until the one that left had ended"),
                FleetFault.Seconds(leaving, even, "until its share was held by others"),
            ],
            []
        );
    }

    /// <summary>All are killed, and one starts.</summary>
    public static async Task<FleetFault> AllAsync(HostFleet fleet, TimeSpan away, CancellationToken cancel)
    {
        var from = fleet.Now;
        var count = fleet.Hosts.Count;
        foreach (var host in fleet.Hosts.ToList())
            await fleet.KillAsync(host);
        await fleet.AddAsync();
        var heard = await fleet.HeardSinceAsync(from, cancel);
        for (var number = 1; number < count; number++)
            await fleet.AddAsync();
        var even = await fleet.EvenAsync(cancel);
        return new FleetFault(
            "all hosts killed, one started",
            from,
            even,
            [FleetFault.Seconds(from, heard, "until it had asked every gateway")],
            []
        );
    }

    /// <summary>A host whose wall clock is stepped ahead, behind and back again.</summary>
    public static async Task<FleetFault> ClockAsync(HostFleet fleet, TimeSpan away, CancellationToken cancel)
    {
        await using var scope = new Scope();
        var clock = await SteppedClock.CreateAsync(scope, scope.NewFolder("clock"));
        var host = await fleet.AddAsync(clock);
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
}

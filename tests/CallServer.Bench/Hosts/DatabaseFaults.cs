namespace CallServer.Bench.Hosts;

/// <summary>The database is away, or another server of it takes over.</summary>
internal static class DatabaseFaults
{
    /// <summary>The database crashes, a host is killed meanwhile, and the database comes back.</summary>
    public static async Task<FleetFault> DatabaseAsync(
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
        await fleet.AddAsync();
        var even = await fleet.EvenAsync(cancel);
        return new FleetFault(
            FormattableString.Invariant(
                $"PostgreSQL away for {away.TotalSeconds:0} s, a host killed meanwhile"
            ),
            from,
            even,
            [
                FleetFault.Seconds(
                    back,
                    taken,
                    "from its return until the others had the dead host's gateways"
                ),
            ],
            []
        );
    }

    /// <summary>The database's primary crashes, its standby takes its place, and a host is killed afterwards.</summary>
    public static async Task<FleetFault> PromoteAsync(
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
                FleetFault.Seconds(
                    promoted,
                    written,
                    "from the promotion until something asked after it was written"
                ),
                FleetFault.Seconds(killed, taken, "until the others had the dead host's gateways"),
            ],
            []
        );
    }
}

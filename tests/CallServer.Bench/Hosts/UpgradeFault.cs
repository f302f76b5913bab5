using CallServer.Host.Cli;

namespace CallServer.Bench.Hosts;

/// <summary>Hosts of another version are replaced by this one, one after the other, as an operator would.</summary>
internal static class UpgradeFault
{
    private static readonly TimeSpan MostGap = TimeSpan.FromSeconds(5);

    public static async Task<FleetFault> RollAsync(HostFleet fleet, TimeSpan away, CancellationToken cancel)
    {
        var (earlier, later) = (
            await OtherVersion.NameAsync(fleet.OtherVersion),
            await OtherVersion.NameAsync(null)
        );
        var schema = await fleet.SchemaAsync();
        var (notes, wrong) = (new List<string>(), new List<string>());
        var from = fleet.Now;
        var even = from;
        foreach (var host in fleet.Hosts.ToList())
        {
            var leaving = fleet.Now;
            var status = await HostFleet.ReplaceAsync(host, cancel);
            if (status != ExitCode.Complete)
                wrong.Add(FormattableString.Invariant($"{host.Name} ended with status {status}"));
            even = await fleet.EvenAsync(cancel);
            await fleet.HeardSinceAsync(even, cancel);
            notes.Add(FleetFault.Seconds(leaving, even, $"until {host.Name} had its share again"));
            if (await fleet.SchemaAsync() is var now && now != schema)
            {
                notes.Add($"the schema of version {schema} became {now}, while older hosts ran");
                schema = now;
                wrong.AddRange(await StartOlderAsync(fleet, cancel));
            }
        }
        return new FleetFault($"upgrade of each host in turn: {earlier} by {later}", from, even, notes, wrong)
        {
            MostGap = fleet.Interval + MostGap,
        };
    }

    /// <summary>One of the earlier version that starts now must find that the schema is too new for it.</summary>
    private static async Task<IEnumerable<string>> StartOlderAsync(HostFleet fleet, CancellationToken cancel)
    {
        var older = await fleet.AddAsync(build: fleet.OtherVersion);
        var status = await older.Server.Process.EndAsync(cancel);
        await fleet.KillAsync(older);
        return status == ExitCode.Usage
            ? []
            : [FormattableString.Invariant($"an older host that was started ended with status {status}")];
    }
}

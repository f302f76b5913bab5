using System.Diagnostics;
using CallServer.Bench.Performance.Tools;

namespace CallServer.Bench.Hosts;

/// <summary>What hosts, their database and the gateways have taken until a moment.</summary>
/// <param name="At">The moment.</param>
/// <param name="Hosts">CPU seconds of each host.</param>
/// <param name="Memory">Resident octets of each host now.</param>
/// <param name="Database">CPU seconds of the database.</param>
/// <param name="DatabaseMemory">Its resident octets now.</param>
/// <param name="Gateways">CPU seconds of the gateways' processes; null if they have none.</param>
/// <param name="Audits">Audits written.</param>
/// <param name="Rows">Rows inserted, updated and deleted.</param>
/// <param name="Transactions">Transactions committed.</param>
/// <param name="Log">Octets of the write-ahead log.</param>
/// <param name="Size">Octets of the database now.</param>
internal sealed record FleetTaken(
    long At,
    IReadOnlyList<double> Hosts,
    IReadOnlyList<long> Memory,
    double Database,
    long DatabaseMemory,
    double? Gateways,
    long Audits,
    long Rows,
    long Transactions,
    long Log,
    long Size
)
{
    public static async Task<FleetTaken> ReadAsync(HostFleet fleet, IFleetGateways gateways)
    {
        fleet.AllMustRun();
        async Task<long> NumberAsync(string sql) => (long)(await fleet.Database.AskAsync(sql))!;
        const string Statistics = "FROM pg_stat_database WHERE datname = current_database()";
        return new FleetTaken(
            Stopwatch.GetTimestamp(),
            [.. fleet.Hosts.Select(host => host.Server.Process.Cpu.TotalSeconds)],
            [.. fleet.Hosts.Select(host => host.Server.Process.Memory)],
            ProcessTree.Cpu(fleet.Database.Id),
            ProcessTree.Memory(fleet.Database.Id),
            gateways.Cpu?.TotalSeconds,
            await NumberAsync("SELECT sum(audits)::bigint FROM gateways"),
            await NumberAsync($"SELECT tup_inserted + tup_updated + tup_deleted {Statistics}"),
            await NumberAsync($"SELECT xact_commit {Statistics}"),
            await NumberAsync("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint"),
            await NumberAsync("SELECT pg_database_size(current_database())")
        );
    }

    /// <summary>What was taken a second since an earlier moment, in lines.</summary>
    public IEnumerable<FormattableString> Since(FleetTaken before)
    {
        var seconds = Stopwatch.GetElapsedTime(before.At, At).TotalSeconds;
        yield return $"measured for {seconds:0} s: {(Audits - before.Audits) / seconds:0.0} audits a second";
        foreach (var (number, (used, memory)) in Hosts.Zip(Memory).Index())
            yield return $"  host {number + 1}: {(used - before.Hosts[number]) / seconds:0.00} cores, {memory / 1e6:N0} MB resident";
        yield return $"  PostgreSQL: {(Database - before.Database) / seconds:0.00} cores, {DatabaseMemory / 1e6:N0} MB resident, {Size / 1e6:N0} MB on the disk";
        yield return $"  written: {(Rows - before.Rows) / seconds:N0} rows, {(Transactions - before.Transactions) / seconds:N0} transactions and {(Log - before.Log) / seconds / 1e6:0.00} MB of log a second";
        if (Gateways - before.Gateways is { } cpu)
            yield return $"  gateways: {cpu / seconds:0.00} cores";
    }
}

using System.Globalization;
using System.Runtime.CompilerServices;
using CallServer.Server.Configuration;
using CallServer.Server.Net;
using CallServer.Storage;
using CallServer.Storage.Postgres;
using CallServer.Storage.Sqlite;

namespace CallServer.Server;

/// <summary>Opens the store that a configuration names.</summary>
internal static class RecordStore
{
    /// <summary>Opens it, or creates it. Throws StoreException if it cannot be used.</summary>
    /// <param name="configuration">Where it is, and what it keeps.</param>
    /// <param name="share">This host's part of a fleet that shares the record; null if this server writes it alone.</param>
    /// <param name="clock">The clock of such a host.</param>
    public static ILedgerStore Open(ServerConfiguration configuration, IGatewayShare? share, IClock? clock) =>
        configuration.Store is { } address
            ? OpenPostgres(configuration, address, share, clock)
            : OpenSqlite(configuration);

    private static SqliteLedgerStore OpenSqlite(ServerConfiguration configuration) =>
        SqliteLedgerStore.Open(
            new SqliteStoreOptions(Kept(configuration))
            {
                File = configuration.Data,
                OverwritesDeleted = configuration.Privacy.Retain is not null,
            }
        );

    /// <summary>Not inlined: the driver is loaded where it is needed, and nowhere else.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
#pragma warning disable CA1859 // whoever calls it must not need the driver's types
    private static ILedgerStore OpenPostgres(
        ServerConfiguration configuration,
        PostgresAddress address,
        IGatewayShare? share,
        IClock? clock
    ) =>
#pragma warning restore CA1859
        PostgresLedgerStore.Open(
            new PostgresStoreOptions(Kept(configuration))
            {
                Address = address,
                Password = configuration.ReadStorePassword(),
                Application = $"callserver {configuration.Name}",
                // What must go at its time goes one by one.
                Slack = configuration.Privacy.Retain is null ? PostgresStoreOptions.UsualSlack : 0,
                Shared =
                    configuration.Fleet is { } fleet && share is not null && clock is not null
                        ? new SharedRecord(fleet.Units, () => clock.Now.Steady) { Serves = share.Serves }
                        : null,
            }
        );

    private static StoreOptions Kept(ServerConfiguration configuration)
    {
        var (keep, retain) = (configuration.Keep, configuration.Privacy.Retain);
        return new StoreOptions
        {
            CdrsKeptFor = retain is { } most && most < keep.Cdrs ? most : keep.Cdrs,
            CdrsKept = keep.CdrsAtMost,
            ChangesKeptFor = retain,
            ChangesKept = keep.Changes,
            AuditsKept = keep.Audits,
            ControlsKeptFor = keep.Controls,
            ControlsKept = keep.ControlsAtMost,
            RefusalsKept = keep.ControlsAtMost / 10,
        };
    }

    /// <summary>
    /// Copies a record from a SQLite file into an empty one in PostgreSQL. Throws StoreException if that cannot be done;
    /// nothing is copied then.
    /// </summary>
    /// <returns>What was copied, in words.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static string Copy(string file, PostgresAddress address, string? password)
    {
        var copied = RecordCopy.FromSqlite(
            file,
            new PostgresStoreOptions { Address = address, Password = password }
        );
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{file} is copied to {address}: {copied.Gateways} gateways, {copied.Connections} connections, {copied.Cdrs} CDRs, {copied.Changes} changes, {copied.Audits} audits"
        );
    }
}

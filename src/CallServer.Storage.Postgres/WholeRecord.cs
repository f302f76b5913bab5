using CallServer.Model;
using CallServer.Surface;
using Npgsql;

namespace CallServer.Storage.Postgres;

/// <summary>How the newest audit of a gateway went.</summary>
/// <param name="IsHeard">Whether the host that holds its unit has taken in anything of it since it took the unit.</param>
/// <param name="Complete">Whether it listed everything.</param>
/// <param name="Silent">Whether it told nothing.</param>
/// <param name="Answered">When it ended, at the earliest, on this host's timeline.</param>
public readonly record struct AuditedGateway(bool IsHeard, bool Complete, bool Silent, Instant Answered);

/// <summary>A host as the table of members has it.</summary>
/// <param name="Host">The start of its process.</param>
/// <param name="Name">The name of the server.</param>
/// <param name="Status">What Orleans calls its status: 3 is active, 6 is dead.</param>
/// <param name="Started">When it started, by its own clock, UTC.</param>
/// <param name="Alive">When it last wrote that it lives, by its own clock, UTC.</param>
/// <param name="Units">The units that it owns.</param>
/// <param name="Took">When it took the newest of them, by the database's clock, UTC; null if it owns none.</param>
public sealed record HostMember(
    UnitOwner Host,
    string Name,
    int Status,
    DateTime Started,
    DateTime Alive,
    IReadOnlyList<int> Units,
    DateTime? Took
);

/// <summary>
/// Reads what all hosts keep together, whoever holds it. A host counts as holding a unit while the membership does not call it
/// dead. Every method throws StoreException if the database cannot be read. Safe for use by several threads.
/// </summary>
public sealed class WholeRecord
{
    private readonly PostgresStoreOptions options;
    private readonly NpgsqlDataSource source;
    private readonly HandedRecord record;

    internal WholeRecord(PostgresStoreOptions options, SharedTenure tenure, NpgsqlDataSource source)
    {
        this.options = options;
        this.source = source;
        // Whoever holds a gateway sets aside what cannot be read of it.
        record = new HandedRecord(tenure, _ => { }, GatewayRecord.Read, new KeptShifts());
    }

    /// <summary>
    /// Reads gateways by their ids, all at one moment, onto this host's timeline; those of which the record holds nothing are left
    /// out. A connection is confirmed if the newest audit that was written confirmed it.
    /// </summary>
    public Task<IReadOnlyCollection<StoredGateway>> ReadAsync(
        IEnumerable<string> gateways,
        CancellationToken cancellation
    ) =>
        AtOneMomentAsync<IReadOnlyCollection<StoredGateway>>(
            async connection => (await record.ReadAsync(connection, [.. gateways], cancellation)).Values,
            cancellation
        );

    /// <summary>How the newest audits of all gateways in the record went, by their ids.</summary>
    /// <param name="unitOf">The unit of a gateway.</param>
    /// <param name="cancellation">Gives up.</param>
    public Task<IReadOnlyDictionary<string, AuditedGateway>> AuditsAsync(
        Func<string, int> unitOf,
        CancellationToken cancellation
    ) =>
        AtOneMomentAsync<IReadOnlyDictionary<string, AuditedGateway>>(
            async connection =>
            {
                var shifts = await record.ShiftsAsync(connection, cancellation);
                // What is taken in of a gateway first writes its rows anew, on the timeline of who holds its unit.
                var holders = new Dictionary<int, long>();
                await using (var command = connection.Command(Sql.Holders))
                await using (var reader = await command.ExecuteReaderAsync(cancellation))
                {
                    while (await reader.ReadAsync(cancellation))
                        holders.Add(reader.GetInt32(0), reader.GetInt64(1));
                }

                var audited = new Dictionary<string, AuditedGateway>(StringComparer.Ordinal);
                await using (var command = connection.Command(Sql.Audited))
                await using (var reader = await command.ExecuteReaderAsync(cancellation))
                {
                    while (await reader.ReadAsync(cancellation))
                    {
                        var gateway = reader.GetString(0);
                        var timeline = reader.GetInt64(1);
                        var isHeard =
                            holders.TryGetValue(unitOf(gateway), out var holder) && holder == timeline;
                        audited.Add(
                            gateway,
                            new AuditedGateway(
                                isHeard,
                                reader.GetBoolean(3),
                                reader.GetBoolean(4),
                                TimelineShiftModule.early(
                                    shifts.GetValueOrDefault(timeline, TimelineShiftModule.none),
                                    new Instant(reader.GetInt64(2))
                                )
                            )
                        );
                    }
                }
                return audited;
            },
            cancellation
        );

    /// <summary>Every host that the table of members has, and what it owns, by name.</summary>
    public Task<IReadOnlyList<HostMember>> HostsAsync(CancellationToken cancellation) =>
        AtOneMomentAsync<IReadOnlyList<HostMember>>(
            async connection =>
            {
                var owned = new List<(UnitOwner Owner, int Unit, DateTime Taken)>();
                await using (var command = connection.Command(Sql.OwnedUnits))
                await using (var reader = await command.ExecuteReaderAsync(cancellation))
                {
                    while (await reader.ReadAsync(cancellation))
                        owned.Add(
                            (
                                new UnitOwner(reader.GetString(1), reader.GetInt32(2), reader.GetInt32(3)),
                                reader.GetInt32(0),
                                reader.GetDateTime(4)
                            )
                        );
                }
                var byOwner = owned.ToLookup(unit => unit.Owner);
                var members = new List<HostMember>();
                await using (var command = connection.Command(Sql.Members))
                await using (var reader = await command.ExecuteReaderAsync(cancellation))
                {
                    while (await reader.ReadAsync(cancellation))
                    {
                        var host = new UnitOwner(reader.GetString(0), reader.GetInt32(1), reader.GetInt32(2));
                        members.Add(
                            new HostMember(
                                host,
                                reader.GetString(3),
                                reader.GetInt32(4),
                                reader.GetDateTime(5),
                                reader.GetDateTime(6),
                                [.. byOwner[host].Select(unit => unit.Unit)],
                                byOwner[host].Max(unit => (DateTime?)unit.Taken)
                            )
                        );
                    }
                }
                return members;
            },
            cancellation
        );

    /// <summary>How many connections are active at these gateways.</summary>
    public Task<long> CountConnectionsAsync(IEnumerable<string> gateways, CancellationToken cancellation) =>
        AtOneMomentAsync(
            async connection =>
            {
                await using var command = connection.Command(Sql.CountConnectionsOf, [gateways.ToArray()]);
                return (long)(await command.ExecuteScalarAsync(cancellation))!;
            },
            cancellation
        );

    private Task<T> AtOneMomentAsync<T>(
        Func<NpgsqlConnection, Task<T>> read,
        CancellationToken cancellation
    ) => PostgresReading.AtOneMomentAsync(source, options, read, cancellation);
}

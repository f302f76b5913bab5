using CallServer.Model;
using CallServer.Surface;
using Npgsql;

namespace CallServer.Storage.Postgres;

/// <summary>A host as the membership names it: one start of one process.</summary>
public readonly record struct UnitOwner(string Address, int Port, int Generation);

/// <summary>A unit as the database has it.</summary>
/// <param name="Fence">The unit and its present epoch.</param>
/// <param name="Owner">Who holds it; null if it is free.</param>
public readonly record struct UnitHolding(UnitFence Fence, UnitOwner? Owner);

/// <summary>A unit that this host has taken.</summary>
/// <param name="Fence">The unit and the epoch under which its gateways are written from now on.</param>
/// <param name="Gateways">What the record holds of its gateways, on this host's timeline; those of which it holds nothing
/// are left out.</param>
public sealed record ClaimedUnit(UnitFence Fence, IReadOnlyList<StoredGateway> Gateways);

/// <summary>What became of a claim.</summary>
/// <param name="IsMember">Whether this host was an active member; if not, nothing was taken.</param>
/// <param name="Units">The units taken; others are held by somebody else.</param>
public sealed record UnitClaims(bool IsMember, IReadOnlyList<ClaimedUnit> Units);

/// <summary>
/// The ownership of units. Only an active member of the fleet takes a unit, and only one that is free, its own already, or
/// owned by a host that the membership calls dead or does not know. Taking raises the unit's epoch, and commits under an earlier one are refused
/// (<see cref="StoreCommit.Fence"/>). No clock decides anything. Safe for use by several threads.
/// </summary>
public sealed class UnitTable : IDisposable
{
    private readonly PostgresStoreOptions options;
    private readonly SharedTenure tenure;
    private readonly Action<IReadOnlyList<UnreadableRow>> setAside;
    private readonly NpgsqlDataSource source;

    internal UnitTable(
        PostgresStoreOptions options,
        SharedTenure tenure,
        Action<IReadOnlyList<UnreadableRow>> setAside
    )
    {
        this.options = options;
        this.tenure = tenure;
        this.setAside = setAside;
        source = PostgresConnections.ToClaim(options);
    }

    /// <summary>
    /// Takes what may be taken of these units, in one transaction, and then reads what the record holds of their gateways:
    /// from the claim on nobody else changes that. Throws StoreException if the database cannot be used; whether something was
    /// taken is not known then, and claiming again is right in any case.
    /// </summary>
    /// <param name="me">This host.</param>
    /// <param name="wanted">The gateways of each unit that is wanted.</param>
    /// <param name="cancellation">Gives up.</param>
    public Task<UnitClaims> ClaimAsync(
        UnitOwner me,
        IReadOnlyDictionary<int, IReadOnlyList<string>> wanted,
        CancellationToken cancellation
    ) =>
        NamedAsync(async () =>
        {
            await using var connection = await source.OpenConnectionAsync(cancellation);
            if (await TakeAsync(connection, me, [.. wanted.Keys], cancellation) is not { } taken)
                return new UnitClaims(IsMember: false, []);
            var gateways = await ReadAsync(
                connection,
                [.. taken.SelectMany(unit => wanted[unit.Unit])],
                cancellation
            );
            return new UnitClaims(
                IsMember: true,
                [
                    .. taken.Select(unit => new ClaimedUnit(
                        unit,
                        [
                            .. wanted[unit.Unit]
                                .Select(gateway => gateways.GetValueOrDefault(gateway))
                                .OfType<StoredGateway>(),
                        ]
                    )),
                ]
            );
        });

    /// <summary>
    /// Frees those of these units that are still held at these epochs. Everything that is to be written under them must have
    /// been written before: it would be taken afterwards only until somebody else claims the unit.
    /// </summary>
    /// <returns>The units that were freed.</returns>
    public Task<IReadOnlySet<int>> HandOverAsync(
        IReadOnlyCollection<UnitFence> held,
        CancellationToken cancellation
    ) =>
        NamedAsync(async () =>
        {
            await using var connection = await source.OpenConnectionAsync(cancellation);
            await using var command = Command(
                connection,
                Sql.HandOver,
                held.Select(unit => unit.Unit).ToArray(),
                held.Select(unit => unit.Epoch).ToArray()
            );
            var freed = new HashSet<int>();
            await using var reader = await command.ExecuteReaderAsync(cancellation);
            while (await reader.ReadAsync(cancellation))
                freed.Add(reader.GetInt32(0));
            return (IReadOnlySet<int>)freed;
        });

    /// <summary>All units by their number: who holds which.</summary>
    public Task<IReadOnlyList<UnitHolding>> ReadAsync(CancellationToken cancellation) =>
        NamedAsync(async () =>
        {
            await using var connection = await source.OpenConnectionAsync(cancellation);
            await using var command = Command(connection, Sql.Units);
            await using var reader = await command.ExecuteReaderAsync(cancellation);
            var units = new List<UnitHolding>();
            while (await reader.ReadAsync(cancellation))
                units.Add(
                    new UnitHolding(
                        new UnitFence(reader.GetInt32(0), reader.GetInt64(1)),
                        await reader.IsDBNullAsync(2, cancellation)
                            ? null
                            : new UnitOwner(reader.GetString(2), reader.GetInt32(3), reader.GetInt32(4))
                    )
                );
            return (IReadOnlyList<UnitHolding>)units;
        });

    /// <summary>Closes its connections.</summary>
    public void Dispose() => source.Dispose();

    /// <summary>Null if this host is no active member.</summary>
    private static async Task<List<UnitFence>?> TakeAsync(
        NpgsqlConnection connection,
        UnitOwner me,
        int[] units,
        CancellationToken cancellation
    )
    {
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        await using (var member = Command(connection, Sql.StayMember, me.Address, me.Port, me.Generation))
        {
            if (await member.ExecuteScalarAsync(cancellation) is null)
                return null;
        }
        var taken = new List<UnitFence>();
        await using (var claim = Command(connection, Sql.Claim, me.Address, me.Port, me.Generation, units))
        await using (var reader = await claim.ExecuteReaderAsync(cancellation))
        {
            while (await reader.ReadAsync(cancellation))
                taken.Add(new UnitFence(reader.GetInt32(0), reader.GetInt64(1)));
        }
        await transaction.CommitAsync(cancellation);
        return taken;
    }

    private async Task<Dictionary<string, StoredGateway>> ReadAsync(
        NpgsqlConnection connection,
        string[] gateways,
        CancellationToken cancellation
    )
    {
        var shifts = await ShiftsAsync(connection, gateways, cancellation);
        var audits = new List<(string, string)>();
        await using (var command = Command(connection, Sql.LastAuditsOf, [gateways]))
        await using (var reader = await command.ExecuteReaderAsync(cancellation))
        {
            while (await reader.ReadAsync(cancellation))
                audits.Add((reader.GetString(0), reader.GetString(1)));
        }
        var loader = new RecordLoader();
        loader.Load(
            audits,
            (
                await RowsAsync(connection, RowArrays.Gateways, Sql.SomeGateways, gateways, cancellation)
            ).Select(row => new RowRead<GatewayRow>(row.Gateway, null, row, null)),
            (
                await RowsAsync(
                    connection,
                    RowArrays.Connections,
                    Sql.SomeConnections,
                    gateways,
                    cancellation
                )
            ).Select(row => new RowRead<ConnectionRow>(row.Gateway, row.Id, row, null))
        );
        setAside(loader.Unreadable);
        return loader.Restored.ToDictionary(
            stored => stored.Gateway,
            stored =>
                shifts.TryGetValue(stored.Gateway, out var shift)
                    ? stored with
                    {
                        Record = stored.Record.HandedOver(shift),
                    }
                    : stored,
            StringComparer.Ordinal
        );
    }

    /// <summary>From the timeline of who wrote a gateway's rows to this host's, for gateways that another one wrote.</summary>
    private async Task<Dictionary<string, TimelineShift>> ShiftsAsync(
        NpgsqlConnection connection,
        string[] gateways,
        CancellationToken cancellation
    )
    {
        var own = await tenure.ReadAsync(async () =>
        {
            await using var clock = Command(connection, Sql.Clock);
            return (DateTime)(await clock.ExecuteScalarAsync(cancellation))!;
        });
        await using var meta = Command(connection, Sql.Correction);
        var alone = TimelineShiftModule.exactly(
            TimeSpan.FromMicroseconds(Convert.ToInt64(await meta.ExecuteScalarAsync(cancellation), null))
        );
        var shifts = new Dictionary<string, TimelineShift>(StringComparer.Ordinal);
        await using var command = Command(connection, Sql.Timelines, [gateways]);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        while (await reader.ReadAsync(cancellation))
        {
            if (await reader.IsDBNullAsync(1, cancellation))
                shifts.Add(reader.GetString(0), alone);
            else if (reader.GetInt64(1) != tenure.Timeline)
                shifts.Add(
                    reader.GetString(0),
                    TimelineShiftModule.between(
                        new ClockReading(
                            TimeSpan.FromMicroseconds(reader.GetInt64(2)),
                            TimeSpan.FromMicroseconds(reader.GetInt64(3)),
                            new Instant(reader.GetInt64(4))
                        ),
                        own
                    )
                );
        }
        return shifts;
    }

    private static async Task<List<TRow>> RowsAsync<TRow>(
        NpgsqlConnection connection,
        RowArrays<TRow> table,
        string sql,
        string[] gateways,
        CancellationToken cancellation
    )
        where TRow : class, new()
    {
        await using var command = Command(connection, sql, [gateways]);
        command.CommandTimeout = 0;
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        return await table.ReadAsync(reader, cancellation);
    }

    private static NpgsqlCommand Command(NpgsqlConnection connection, string sql, params object[] values)
    {
        var command = new NpgsqlCommand(sql, connection);
        foreach (var value in values)
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        return command;
    }

    private async Task<T> NamedAsync<T>(Func<Task<T>> action)
    {
        try
        {
            return await action();
        }
        catch (Exception error)
            when (error is not StoreException
                && PostgresErrors.Translate(error, options.Address.Text) is { } named
            )
        {
            throw named;
        }
    }
}

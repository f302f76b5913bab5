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
    private readonly HandedRecord record;
    private readonly NpgsqlDataSource source;

    internal UnitTable(
        PostgresStoreOptions options,
        SharedTenure tenure,
        Action<IReadOnlyList<UnreadableRow>> setAside
    )
    {
        this.options = options;
        this.tenure = tenure;
        record = new HandedRecord(tenure, setAside);
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
            var gateways = await record.ReadAsync(
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
            await using var command = connection.Command(
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
            await using var command = connection.Command(Sql.Units);
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
    private async Task<List<UnitFence>?> TakeAsync(
        NpgsqlConnection connection,
        UnitOwner me,
        int[] units,
        CancellationToken cancellation
    )
    {
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        // An epoch that a loss of power takes back would be given twice.
        await using (var flush = connection.Command(Sql.FlushEachCommit))
            await flush.ExecuteNonQueryAsync(cancellation);
        await using (var member = connection.Command(Sql.StayMember, me.Address, me.Port, me.Generation))
        {
            if (await member.ExecuteScalarAsync(cancellation) is null)
                return null;
        }
        var taken = new List<UnitFence>();
        await using (
            var claim = connection.Command(
                Sql.Claim,
                me.Address,
                me.Port,
                me.Generation,
                units,
                tenure.Timeline
            )
        )
        await using (var reader = await claim.ExecuteReaderAsync(cancellation))
        {
            while (await reader.ReadAsync(cancellation))
                taken.Add(new UnitFence(reader.GetInt32(0), reader.GetInt64(1)));
        }
        await transaction.CommitAsync(cancellation);
        return taken;
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

using CallServer.Model;
using CallServer.Surface;
using Npgsql;

namespace CallServer.Storage.Postgres;

/// <summary>
/// Reads what the record holds of some gateways onto this host's timeline, whoever has written it (docs/adr/0034).
/// </summary>
/// <param name="tenure">This host's timeline.</param>
/// <param name="setAside">Told the rows that cannot be read.</param>
/// <param name="restore">Makes a gateway's record of its rows; null for a record that goes on here.</param>
/// <param name="kept">What was read of other hosts' clocks, so that times do not move from one reading to the next; null for
/// what is known at this moment.</param>
internal sealed class HandedRecord(
    SharedTenure tenure,
    Action<IReadOnlyList<UnreadableRow>> setAside,
    Func<GatewayRow, IEnumerable<ConnectionRow>, GatewayRecord>? restore = null,
    KeptShifts? kept = null
)
{
    /// <summary>Reads what there is of these gateways, by their ids.</summary>
    public async Task<Dictionary<string, StoredGateway>> ReadAsync(
        NpgsqlConnection connection,
        string[] gateways,
        CancellationToken cancellation
    )
    {
        var shifts = await ShiftsAsync(connection, gateways, cancellation);
        var audits = new List<(string, string)>();
        await using (var command = connection.Command(Sql.LastAuditsOf, [gateways]))
        await using (var reader = await command.ExecuteReaderAsync(cancellation))
        {
            while (await reader.ReadAsync(cancellation))
                audits.Add((reader.GetString(0), reader.GetString(1)));
        }
        var loader = new RecordLoader(restore);
        loader.Load(
            audits,
            (
                await RowsAsync(connection, RowArrays.Gateways, Sql.SomeGateways, cancellation, gateways)
            ).Select(row => new RowRead<GatewayRow>(row.Gateway, null, row, null)),
            (
                await RowsAsync(
                    connection,
                    RowArrays.Connections,
                    Sql.SomeConnections,
                    cancellation,
                    gateways
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

    /// <summary>Reads the rows of some connections, and of these gateways, which are theirs and others, by gateway.</summary>
    public async Task<IReadOnlyDictionary<string, SharedRows>> ReadSomeAsync(
        NpgsqlConnection connection,
        string[] gateways,
        IReadOnlyCollection<(string Gateway, string Id)> connections,
        CancellationToken cancellation
    )
    {
        var shifts = await ShiftsAsync(connection, gateways, cancellation);
        var rows = (
            await RowsAsync(
                connection,
                RowArrays.Connections,
                Sql.SingleConnections,
                cancellation,
                connections.Select(each => each.Gateway).ToArray(),
                connections.Select(each => PostgresText.Of(each.Id)).ToArray()
            )
        ).ToLookup(row => row.Gateway);
        return (
            await RowsAsync(connection, RowArrays.Gateways, Sql.SomeGateways, cancellation, gateways)
        ).ToDictionary(
            row => row.Gateway,
            row => new SharedRows(
                row,
                [.. rows[row.Gateway]],
                shifts.GetValueOrDefault(row.Gateway, TimelineShiftModule.none)
            ),
            StringComparer.Ordinal
        );
    }

    /// <summary>From the timelines of all hosts that hold units to this host's, by their numbers; its own is left out.</summary>
    public async Task<IReadOnlyDictionary<long, TimelineShift>> ShiftsAsync(
        NpgsqlConnection connection,
        CancellationToken cancellation
    )
    {
        var own = await OwnAsync(connection, cancellation);
        var shifts = new Dictionary<long, TimelineShift>();
        await using var command = connection.Command(Sql.HoldersTimelines);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        while (await reader.ReadAsync(cancellation))
            if (reader.GetInt64(0) != tenure.Timeline)
                shifts.Add(reader.GetInt64(0), Shift(reader, 0, own));
        return shifts;
    }

    /// <summary>From the timeline of who wrote a gateway's rows to this host's, for gateways that another one wrote.</summary>
    private async Task<Dictionary<string, TimelineShift>> ShiftsAsync(
        NpgsqlConnection connection,
        string[] gateways,
        CancellationToken cancellation
    )
    {
        var own = await OwnAsync(connection, cancellation);
        await using var meta = connection.Command(Sql.Correction);
        var alone = TimelineShiftModule.exactly(
            TimeSpan.FromMicroseconds((long)(await meta.ExecuteScalarAsync(cancellation))!)
        );
        var shifts = new Dictionary<string, TimelineShift>(StringComparer.Ordinal);
        await using var command = connection.Command(Sql.Timelines, [gateways]);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        while (await reader.ReadAsync(cancellation))
        {
            if (await reader.IsDBNullAsync(1, cancellation))
                shifts.Add(reader.GetString(0), alone);
            else if (reader.GetInt64(1) != tenure.Timeline)
                shifts.Add(reader.GetString(0), Shift(reader, 1, own));
        }
        return shifts;
    }

    /// <summary>What the database's clock tells now about this host's timeline.</summary>
    private Task<ClockReading> OwnAsync(NpgsqlConnection connection, CancellationToken cancellation) =>
        tenure.ReadAsync(async () =>
        {
            await using var clock = connection.Command(Sql.Clock);
            return (DateTime)(await clock.ExecuteScalarAsync(cancellation))!;
        });

    /// <summary>From the timeline of a host whose number and whose last reading of that clock are in four columns.</summary>
    private TimelineShift Shift(NpgsqlDataReader reader, int at, ClockReading own)
    {
        var fresh = TimelineShiftModule.between(
            new ClockReading(
                TimeSpan.FromMicroseconds(reader.GetInt64(at + 1)),
                TimeSpan.FromMicroseconds(reader.GetInt64(at + 2)),
                new Instant(reader.GetInt64(at + 3))
            ),
            own
        );
        return kept?.Keep(reader.GetInt64(at), fresh, own.Told) ?? fresh;
    }

    private static async Task<List<TRow>> RowsAsync<TRow>(
        NpgsqlConnection connection,
        RowArrays<TRow> table,
        string sql,
        CancellationToken cancellation,
        params string?[][] values
    )
        where TRow : class, new()
    {
        await using var command = connection.Command(sql, [.. values]);
        command.CommandTimeout = 0;
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        return await table.ReadAsync(reader, cancellation);
    }
}

/// <summary>Statements with parameters by place.</summary>
internal static class Commands
{
    public static NpgsqlCommand Command(this NpgsqlConnection connection, string sql, params object[] values)
    {
        var command = new NpgsqlCommand(sql, connection);
        foreach (var value in values)
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        return command;
    }
}

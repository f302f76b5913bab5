using System.Text.Json;
using CallServer.Storage.Sqlite;
using CallServer.Surface;
using Npgsql;

namespace CallServer.Storage.Postgres;

/// <summary>What was copied.</summary>
public sealed record CopiedRecord(long Gateways, long Connections, long Cdrs, long Changes, long Audits);

/// <summary>Copies a whole record from a SQLite file into an empty one in PostgreSQL.</summary>
public static class RecordCopy
{
    private const int Several = 2_000;

    /// <summary>
    /// Copies everything in one transaction, under the numbers that it has, so that all who follow the record go on where
    /// they were. Throws StoreException if one of the two cannot be opened, or if the record in PostgreSQL is not empty.
    /// </summary>
    /// <param name="file">The SQLite file; no server may run on it.</param>
    /// <param name="options">The database; no server may run on it.</param>
    public static CopiedRecord FromSqlite(string file, PostgresStoreOptions options)
    {
        using var from = new SqliteRecord(file);
        try
        {
            using var session = new WritingSession(options with { CommandPatience = TimeSpan.Zero });
            return session.Write(durable: true, to => Copy(from, to, options));
        }
        catch (Exception error)
            when (error is not StoreException
                && PostgresErrors.Translate(error, options.Address.Text) is { } named
            )
        {
            throw named;
        }
    }

    private static CopiedRecord Copy(SqliteRecord from, Transaction to, PostgresStoreOptions options)
    {
        if (to.Scalar<bool>(Sql.HoldsAnything))
            throw new StoreForeignException(
                $"{options.Address}: holds a record already. It was left as it is; name another schema: ?schema=NAME"
            );
        foreach (var (key, value) in from.Meta)
            to.Execute(Sql.PutMeta, new { key, value });
        foreach (var (reader, sequence) in from.Marks)
            to.Execute(Sql.Advance, new { reader, sequence });
        foreach (var (at, by) in from.Steps)
            to.Execute(Sql.AddStep, new { at, by });
        foreach (var row in from.SetAside)
            to.Execute(
                Sql.AddSetAside,
                new
                {
                    row.At,
                    row.Gateway,
                    Connection = PostgresText.Of(row.Connection),
                    row.Why,
                    row.Columns,
                }
            );
        var copied = new CopiedRecord(
            Put(to, RowArrays.Gateways, from.Gateways),
            Put(to, RowArrays.Connections, from.Connections),
            CopyCdrs(from, to, options),
            CopyChanges(from, to, options),
            CopyAudits(from, to, options)
        );
        CopyLogs(from, to);
        to.Numbers = to.Numbers with
        {
            Cdrs = from.Newest("cdrs"),
            Changes = from.Newest("changes"),
            Audits = from.Newest("audits"),
            Accounting = from.Newest("accounting"),
        };
        return copied;
    }

    private static long Put<TRow>(Transaction to, RowArrays<TRow> table, IEnumerable<TRow> rows)
        where TRow : class, new() =>
        InPieces(to, rows, (batch, some) => batch.Add(table.Put, table.Arrays(some)));

    private static long CopyCdrs(SqliteRecord from, Transaction to, PostgresStoreOptions options) =>
        InPieces(
            to,
            from.Cdrs,
            (batch, some) =>
            {
                Reach(to, Partitions.Cdrs, some[0].Sequence, some[^1].Sequence, options);
                CdrRow.Write(batch, Array.ConvertAll(some, CdrRow.Of));
            }
        );

    private static long CopyChanges(SqliteRecord from, Transaction to, PostgresStoreOptions options) =>
        InPieces(
            to,
            from.Changes,
            (batch, some) =>
            {
                Reach(to, Partitions.Changes, some[0].Sequence, some[^1].Sequence, options);
                batch.Add(
                    Sql.AddChanges,
                    Array.ConvertAll(some, row => row.Sequence),
                    Array.ConvertAll(some, row => row.Kind),
                    Array.ConvertAll(some, row => row.Gateway),
                    Array.ConvertAll(some, row => PostgresText.Of(row.Connection)),
                    Array.ConvertAll(some, row => TimeOf(row.Json)),
                    Array.ConvertAll(some, row => row.Json)
                );
            }
        );

    private static long CopyAudits(SqliteRecord from, Transaction to, PostgresStoreOptions options) =>
        InPieces(
            to,
            from.Audits,
            (batch, some) =>
            {
                Reach(to, Partitions.Audits, some[0].Sequence, some[^1].Sequence, options);
                AuditRows.Add(batch, some);
            }
        );

    private static void CopyLogs(SqliteRecord from, Transaction to)
    {
        InPieces(
            to,
            from.Accounting,
            (batch, some) =>
                batch.Add(
                    Sql.AddAccounting,
                    Array.ConvertAll(some, row => row.Sequence),
                    Array.ConvertAll(some, row => row.Kind),
                    Array.ConvertAll(some, row => row.Id),
                    Array.ConvertAll(some, row => row.Gateway),
                    Array.ConvertAll(some, row => row.Held != 0),
                    Array.ConvertAll(some, row => row.At),
                    Array.ConvertAll(some, row => row.Json)
                )
        );
        InPieces(
            to,
            from.Releases,
            (batch, some) =>
                batch.Add(
                    "INSERT INTO releases (sequence, gateway, json) SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[])",
                    Array.ConvertAll(some, row => row.Sequence),
                    Array.ConvertAll(some, row => row.Gateway),
                    Array.ConvertAll(some, row => row.Json)
                )
        );
        InPieces(
            to,
            from.Recoveries,
            (batch, some) =>
                batch.Add(
                    "INSERT INTO recoveries (sequence, json) SELECT * FROM unnest($1::bigint[], $2::text[])",
                    Array.ConvertAll(some, row => row.Sequence),
                    Array.ConvertAll(some, row => row.Json)
                )
        );
        InPieces(
            to,
            from.Controls,
            (batch, some) =>
                batch.Add(
                    "INSERT INTO controls (sequence, at, refused, json) SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::boolean[], $4::text[])",
                    Array.ConvertAll(some, row => row.Sequence),
                    Array.ConvertAll(some, row => row.At),
                    Array.ConvertAll(some, row => row.Refused != 0),
                    Array.ConvertAll(some, row => row.Json)
                )
        );
        foreach (var table in (string[])["releases", "recoveries", "controls"])
            to.Scalar<long>(
                "SELECT setval(pg_get_serial_sequence(@table, 'sequence'), @next, false)",
                new { table, next = from.Newest(table) + 1 }
            );
    }

    /// <summary>Partitions for rows with these numbers; the first ones begin where the oldest row is.</summary>
    private static void Reach(
        Transaction to,
        string parent,
        long first,
        long last,
        PostgresStoreOptions options
    )
    {
        if (!to.Numbers.Until.ContainsKey(parent))
            to.Numbers = to.Numbers with
            {
                Until = new Dictionary<string, long>(to.Numbers.Until) { [parent] = first },
            };
        Partitions.Reach(to, parent, last, options.RowsOfPartition(parent));
    }

    private static long TimeOf(string json)
    {
        using var change = JsonDocument.Parse(json);
        return Micros.Of(change.RootElement.TryGetProperty("time", out var time) ? time.GetString() : null);
    }

    private static long InPieces<T>(Transaction to, IEnumerable<T> rows, Action<NpgsqlBatch, T[]> add)
    {
        var count = 0L;
        foreach (var some in rows.Chunk(Several))
        {
            using var batch = to.Batch();
            add(batch, some);
            batch.ExecuteNonQuery();
            count += some.Length;
        }
        return count;
    }
}

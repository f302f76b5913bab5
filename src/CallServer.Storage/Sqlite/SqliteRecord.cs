using System.Globalization;
using CallServer.Surface;
using Dapper;
using Microsoft.Data.Sqlite;

namespace CallServer.Storage.Sqlite;

/// <summary>
/// Everything that a SQLite file holds, table by table and as it stands there, to be put into another store. Nobody else
/// opens the file meanwhile.
/// </summary>
internal sealed class SqliteRecord : IDisposable
{
    private const string MarkPrefix = "mark:";

    private readonly SqliteLedgerStore _store;
    private readonly SqliteConnection _connection;

    /// <summary>
    /// Opens a file that exists, and brings its schema up to date. Throws StoreException if it cannot.
    /// </summary>
    public SqliteRecord(string file)
    {
        if (!File.Exists(file))
            throw new StoreUnavailableException($"{Path.GetFullPath(file)}: there is no such file.");
        _store = SqliteLedgerStore.Open(new SqliteStoreOptions { File = file });
        _connection = _store.Connection;
    }

    /// <summary>What is kept about the server, by the names of <see cref="MetaKeys"/>.</summary>
    public IEnumerable<(string Key, string Value)> Meta =>
        Entries().Where(entry => !entry.Key.StartsWith(MarkPrefix, StringComparison.Ordinal));

    /// <summary>How far each reader of the outbox has come.</summary>
    public IEnumerable<(string Reader, long Sequence)> Marks =>
        Entries()
            .Where(entry => entry.Key.StartsWith(MarkPrefix, StringComparison.Ordinal))
            .Select(entry =>
                (entry.Key[MarkPrefix.Length..], long.Parse(entry.Value, CultureInfo.InvariantCulture))
            );

    public IEnumerable<GatewayRow> Gateways => Legible(new SqliteLoader(_connection).Gateways());

    public IEnumerable<ConnectionRow> Connections => Legible(new SqliteLoader(_connection).Connections());

    public IEnumerable<CdrColumns> Cdrs =>
        Rows<CdrColumns>(
            "SELECT sequence, id, reuse, gateway, connection, ended_at AS EndedAt, json FROM cdrs"
        );

    public IEnumerable<StoredChange> Changes =>
        Rows<StoredChange>("SELECT sequence, kind, gateway, json, connection FROM changes");

    public IEnumerable<(long Sequence, string Gateway, string Json)> Audits =>
        Rows<(long, string, string)>("SELECT sequence, gateway, json FROM audits");

    public IEnumerable<(long Sequence, string Gateway, string Json)> Releases =>
        Rows<(long, string, string)>("SELECT sequence, gateway, json FROM releases");

    public IEnumerable<OutboxColumns> Accounting =>
        Rows<OutboxColumns>("SELECT sequence, kind, id, gateway, held, at, json FROM accounting");

    public IEnumerable<(long Sequence, string Json)> Recoveries =>
        Rows<(long, string)>("SELECT sequence, json FROM recoveries");

    public IEnumerable<(long At, long By)> Steps =>
        Rows<(long, long)>("SELECT at, by_micros FROM clock_steps");

    public IEnumerable<(long Sequence, long At, long Refused, string Json)> Controls =>
        Rows<(long, long, long, string)>("SELECT sequence, at, refused, json FROM controls");

    public IEnumerable<(long At, string Gateway, string? Connection, string Why, string Columns)> SetAside =>
        Rows<(long, string, string?, string, string)>(
            "SELECT at, gateway, connection, why, columns FROM set_aside"
        );

    /// <summary>The highest number that a table has given, whether its row is still there or not.</summary>
    public long Newest(string table) =>
        _connection.ExecuteScalar<long>(
            "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = @table), 0)",
            new { table }
        );

    public void Dispose() => _store.Dispose();

    private IEnumerable<(string Key, string Value)> Entries() =>
        _connection.Query<(string, string)>(
            "SELECT key, CAST(value AS TEXT) FROM meta WHERE value IS NOT NULL"
        );

    /// <summary>All rows of a query in the order in which they were written, without holding them in memory.</summary>
    private IEnumerable<T> Rows<T>(string sql) =>
        _connection.Query<T>($"{sql} ORDER BY rowid", buffered: false);

    private static IEnumerable<TRow> Legible<TRow>(IEnumerable<RowRead<TRow>> rows)
        where TRow : class =>
        rows.Select(read =>
            read.Row
            ?? throw new StoreDamagedException(
                $"the row of {read.Gateway} {read.Connection} holds a number that is too large: {read.Why}"
            )
        );
}

/// <summary>A CDR as it stands in the file.</summary>
internal sealed record CdrColumns(
    long Sequence,
    string Id,
    long Reuse,
    string Gateway,
    string Connection,
    long EndedAt,
    string Json
);

/// <summary>An entry of the outbox as it stands in the file.</summary>
internal sealed record OutboxColumns(
    long Sequence,
    string Kind,
    string Id,
    string Gateway,
    long Held,
    long At,
    string Json
);

using System.Globalization;
using CallServer.Model;
using CallServer.Surface;
using Dapper;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace CallServer.Storage.Sqlite;

/// <summary>
/// The record in one SQLite file with a write-ahead log. One connection writes and another reads, so that a reader never
/// waits for a commit. docs/adr/0005 says what survives what.
/// </summary>
public sealed partial class SqliteLedgerStore : ILedgerStore
{
    private readonly SqliteStoreOptions _options;
    private readonly string _file;
    private readonly FileStream _lock;
    private readonly SqliteConnection _writing;
    private readonly SqliteConnection _reading;
    private readonly SqliteWriter _writer;
    private readonly Lock _write = new();
    private readonly Lock _read = new();
    private readonly DateTimeOffset? _lastOpened;
    private bool _disposed;

    private SqliteLedgerStore(
        SqliteStoreOptions options,
        string file,
        FileStream held,
        SqliteConnection writing,
        SqliteConnection reading
    )
    {
        _options = options;
        _file = file;
        _lock = held;
        _writing = writing;
        _reading = reading;
        _writer = new SqliteWriter(writing, options);
        _lastOpened = GetLong(MetaKeys.Opened) is { } micros ? Micros.ToTime(micros) : null;
        Put((MetaKeys.Opened, Micros.Of(options.Time.GetUtcNow())));
    }

    /// <summary>The newest schema version that this program knows.</summary>
    public static int SchemaVersion => Schema.Current;

    /// <summary>The connection that writes; tests use it to make the store full.</summary>
    internal SqliteConnection Connection => _writing;

    /// <summary>
    /// Opens the file, or creates it. If it cannot, throws a <see cref="StoreException"/> that says what is wrong
    /// with the file.
    /// </summary>
    public static SqliteLedgerStore Open(SqliteStoreOptions options)
    {
        var file = DataFile.Locate(options.File);
        DataFile.Examine(file);
        var held = DataFile.TakeLock(file);
        SqliteConnection? writing = null;
        SqliteConnection? reading = null;
        try
        {
            return Named(
                file,
                () =>
                {
                    writing = Connect(file, SqliteOpenMode.ReadWriteCreate, options);
                    if (raw.sqlite3_db_readonly(writing.Handle!, "main") != 0)
                        throw new StoreUnavailableException(
                            $"{file}: may not be written; give this user the right to write it."
                        );
                    Schema.Prepare(writing, file);
                    writing.Execute(Sql.LimitLog);
                    writing.Execute(Sql.CachePages);
                    writing.Execute(Sql.CheckpointSeldom);
                    if (options.OverwritesDeleted)
                        writing.Execute(Sql.OverwriteDeleted);
                    reading = Connect(file, SqliteOpenMode.ReadOnly, options);
                    CdrSearch.Teach(reading);
                    return new SqliteLedgerStore(options, file, held, writing, reading);
                }
            );
        }
        catch
        {
            reading?.Dispose();
            writing?.Dispose();
            held.Dispose();
            throw;
        }
    }

    public StoreImage Load() =>
        Writing(() =>
        {
            var rows = new SqliteLoader(_writing);
            var loader = new RecordLoader();
            loader.Load(rows.Audits(), rows.Gateways(), rows.Connections());
            foreach (var row in loader.Unreadable)
                _writer.Unreadable[(row.Gateway, row.Connection)] = row.Why;
            return loader.Image(
                new StoreIdentity(
                    GetText(MetaKeys.Name),
                    checked((int)(GetLong(MetaKeys.Epoch) ?? 0)),
                    _lastOpened,
                    GetLong(MetaKeys.Acts) is { } acts ? acts != 0 : null
                ),
                GetLong(MetaKeys.Correction),
                _writing.Query<(long, long)>(Sql.Steps)
            );
        });

    public CommitResult Commit(StoreCommit commit) => CommitAll([commit])[0];

    public IReadOnlyList<CommitResult> CommitAll(IReadOnlyList<StoreCommit> commits) =>
        Writing(() => _writer.Commit(commits));

    public CommitResult AddChanges(IReadOnlyList<ChangeView> changes) =>
        Writing(() => _writer.AddChanges(changes));

    public void SetIdentity(string name, int epoch) =>
        Writing(() => Put((MetaKeys.Name, name), (MetaKeys.Epoch, (long)epoch)));

    public void SetRole(bool acts) => Writing(() => Put((MetaKeys.Acts, acts ? 1L : 0L)));

    public void AddSteps(IReadOnlyList<ClockStep> steps, TimeSpan correction) =>
        Writing(() =>
        {
            _writer.Flush(each: true);
            _writer.InTransaction(() =>
                steps.Sum(step =>
                    _writing.Execute(Sql.AddStep, new { at = step.At.Micros, by = Micros.Of(step.By) })
                )
                + _writing.Execute(Sql.DropSteps, new { kept = StoreOptions.StepsKept })
                + _writing.Execute(
                    Sql.PutMeta,
                    new { key = MetaKeys.Correction, value = Micros.Of(correction) }
                )
            );
        });

    public IReadOnlyList<ConnectionRow> ReadConnections(string gateway) =>
        Reading(() =>
        {
            // One transaction, so that both statements see the same moment.
            using var transaction = _reading.BeginTransaction(deferred: true);
            var known = Rows(RowTables.Gateways, Sql.Gateway).SingleOrDefault();
            var rows = Rows(RowTables.Connections, Sql.ConnectionsOfGateway);
            return known is null ? rows : StoredConnections.Present(known, rows);

            List<TRow> Rows<TRow>(RowTable<TRow> table, string sql)
                where TRow : class, new()
            {
                using var statement = new Statement(_reading, sql);
                statement.Bind(gateway);
                List<TRow> rows = [];
                while (statement.Step())
                    rows.Add(table.Read(statement));
                return rows;
            }
        });

    public StoredPage<StoredCdr> ReadCdrs(DateTimeOffset? since, string? gateway, long cursor, int limit) =>
        Page<StoredCdr>(
            Sql.Cdrs(since is not null, gateway is not null),
            new
            {
                since = since is { } time ? Micros.Of(time) : 0,
                gateway,
                cursor,
                limit = limit + 1,
            },
            limit,
            cdr => cdr.Sequence
        );

    public StoredPage<StoredCdr> SearchCdrs(CdrFilter filter, bool newestFirst, long? cursor, int limit) =>
        Reading(() =>
        {
            var search = new CdrSearch(filter, newestFirst, cursor, limit);
            using var transaction = _reading.BeginTransaction(deferred: true);
            var items = _reading.Query<StoredCdr>(search.Found, search.Values, transaction).AsList();
            if (items.Count > limit)
            {
                items.RemoveAt(limit);
                return new StoredPage<StoredCdr>(items, items[^1].Sequence);
            }

            var (count, last) = _reading.QuerySingle<(long Count, long Last)>(
                search.End,
                search.Values,
                transaction
            );
            return new StoredPage<StoredCdr>(items, count < CdrSearch.Slice ? null : last);
        });

    public StoredCdr? FindCdr(string id) =>
        Reading(() => _reading.QuerySingleOrDefault<StoredCdr>(Sql.FindCdr, new { id }));

    public IReadOnlyList<StoredChange> ReadStory(string gateway, string connection, long before, int limit) =>
        Reading(() =>
        {
            var changes = _reading
                .Query<StoredChange>(
                    Sql.Story,
                    new
                    {
                        gateway,
                        connection,
                        before,
                        limit,
                    }
                )
                .AsList();
            changes.Reverse();
            return changes;
        });

    public Forgotten Forget(DateTimeOffset now, int limit) =>
        Writing(() =>
        {
            // Deleting may be lost with the power: the next run, a minute later, repeats it.
            _writer.Flush(each: false);
            return _writer.InTransaction(() =>
                new Forgotten(
                    _writing.Execute(
                        Sql.ForgetOldCdrs,
                        new { before = Micros.Of(now - _options.CdrsKeptFor), limit }
                    ),
                    _writing.Execute(Sql.ForgetSurplusCdrs, new { kept = _options.CdrsKept, limit }),
                    _options.ChangesKeptFor is { } age
                        ? _writing.Execute(Sql.ForgetOldChanges, new { before = Stamp(now - age), limit })
                        : 0,
                    ForgetControls(now, limit)
                )
            );
        });

    /// <summary>As changes have it: UTC with microseconds, so that the order of texts is that of times.</summary>
    private static string Stamp(DateTimeOffset time) => InstantModule.ofDateTime(time).ToString();

    private int ForgetControls(DateTimeOffset now, int limit) =>
        _writing.Execute(
            Sql.ForgetOldControls,
            new { before = Micros.Of(now - _options.ControlsKeptFor), limit }
        )
        + SurplusControls(refused: false, _options.ControlsKept, limit)
        + SurplusControls(refused: true, _options.RefusalsKept, limit);

    private int SurplusControls(bool refused, int kept, int limit) =>
        _writing.Execute(
            Sql.ForgetSurplusControls,
            new
            {
                refused,
                kept,
                limit,
            }
        );

    public void AddControls(IReadOnlyList<(DateTimeOffset At, ControlEntry Entry)> entries) =>
        Writing(() =>
        {
            _writer.Flush(each: true);
            _writer.InTransaction(() =>
                entries.Sum(control =>
                    _writing.Execute(
                        Sql.AddControl,
                        new
                        {
                            at = Micros.Of(control.At),
                            refused = control.Entry.IsRefused,
                            json = RecordJson.Control(control.Entry),
                        }
                    )
                )
            );
        });

    public StoredPage<StoredControl> ReadControls(long cursor, int limit) =>
        Page<StoredControl>(
            Sql.Controls,
            new { cursor, limit = limit + 1 },
            limit,
            control => control.Sequence
        );

    public IReadOnlyCollection<string> FindCdrs(IReadOnlyCollection<string> ids) =>
        ids.Count == 0 ? [] : Reading(() => _reading.Query<string>(Sql.FindCdrs, new { ids }).AsList());

    public StoredPage<StoredAudit> ReadAudits(string? gateway, long cursor, int limit) =>
        NewestOf<StoredAudit>(
            Sql.Audits(gateway is not null),
            gateway,
            cursor,
            limit,
            audit => audit.Sequence
        );

    public StoredPage<StoredRelease> ReadReleases(string? gateway, long cursor, int limit) =>
        NewestOf<StoredRelease>(
            Sql.Releases(gateway is not null),
            gateway,
            cursor,
            limit,
            release => release.Sequence
        );

    public void AddRecovery(RecoveryView report) =>
        Writing(() =>
        {
            _writer.Flush(each: true);
            _writer.InTransaction(() =>
                _writing.Execute(Sql.AddRecovery, new { json = RecordJson.Recovery(report) })
                + _writing.Execute(Sql.DropRecoveries, new { kept = StoreOptions.RecoveriesKept })
            );
        });

    public StoredPage<StoredRecovery> ReadRecoveries(long cursor, int limit) =>
        Page<StoredRecovery>(
            Sql.Recoveries,
            new { cursor, limit = limit + 1 },
            limit,
            report => report.Sequence
        );

    public ChangePage ReadChanges(long afterSequence, int limit) =>
        Reading(() =>
        {
            // One transaction, so that the three statements see the same moment.
            using var transaction = _reading.BeginTransaction(deferred: true);
            var newest = _reading.ExecuteScalar<long>(Sql.NewestChange, transaction: transaction);
            var oldest = _reading.ExecuteScalar<long>(Sql.OldestChange, transaction: transaction);
            var items = _reading
                .Query<StoredChange>(Sql.ChangesAfter, new { after = afterSequence, limit }, transaction)
                .AsList();
            return new ChangePage(
                items,
                Missed: afterSequence < newest && afterSequence + 1 < oldest,
                newest
            );
        });

    public void Dispose()
    {
        lock (_write)
            lock (_read)
            {
                if (_disposed)
                    return;
                _disposed = true;
                _writer.Dispose();
                _reading.Dispose();
                // The last connection to close moves the log into the file.
                _writing.Dispose();
                _lock.Dispose();
            }
    }

    private static SqliteConnection Connect(string file, SqliteOpenMode mode, SqliteStoreOptions options)
    {
        var connection = new SqliteConnection(
            new SqliteConnectionStringBuilder
            {
                DataSource = file,
                Mode = mode,
                Pooling = false,
                ForeignKeys = true,
                DefaultTimeout = options.BusySeconds,
            }.ConnectionString
        );
        connection.Open();
        _ = raw.sqlite3_busy_timeout(connection.Handle!, options.BusySeconds * 1000);
        return connection;
    }

    private StoredPage<T> NewestOf<T>(
        string sql,
        string? gateway,
        long cursor,
        int limit,
        Func<T, long> sequence
    ) =>
        Page(
            sql,
            new
            {
                gateway,
                cursor,
                limit = limit + 1,
            },
            limit,
            sequence
        );

    private StoredPage<T> Page<T>(string sql, object values, int limit, Func<T, long> sequence) =>
        Reading(() => StoredPage.Of(_reading.Query<T>(sql, values).AsList(), limit, sequence));

    private void Put(params (string Key, object? Value)[] entries)
    {
        _writer.Flush(each: true);
        _writer.InTransaction(() =>
            entries.Sum(entry => _writing.Execute(Sql.PutMeta, new { key = entry.Key, value = entry.Value }))
        );
    }

    private long? GetLong(string key, SqliteConnection? connection = null) =>
        (connection ?? _writing).ExecuteScalar<object?>(Sql.GetMeta, new { key }) is { } value
            ? Convert.ToInt64(value, CultureInfo.InvariantCulture)
            : null;

    private string? GetText(string key) => _writing.ExecuteScalar<string?>(Sql.GetMeta, new { key });

    private T Reading<T>(Func<T> action)
    {
        lock (_read)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return Named(_file, action);
        }
    }

    private T Writing<T>(Func<T> action)
    {
        lock (_write)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return Named(_file, action);
        }
    }

    private void Writing(Action action) =>
        Writing(() =>
        {
            action();
            return 0;
        });

    /// <summary>Runs an action and turns SQLite's errors into the store's own.</summary>
    private static T Named<T>(string file, Func<T> action)
    {
        try
        {
            return action();
        }
        catch (SqliteException error) when (SqliteErrors.Translate(error, file) is { } named)
        {
            throw named;
        }
    }

    private static string Mark(string reader) => "mark:" + reader;
}

using System.Data;
using System.Globalization;
using CallServer.Model;
using CallServer.Surface;
using Dapper;
using Npgsql;

namespace CallServer.Storage.Postgres;

/// <summary>
/// The record in a PostgreSQL database. One connection writes, which holds the record's lock, and others read.
/// docs/adr/0032 says what survives what.
/// </summary>
public sealed partial class PostgresLedgerStore : ILedgerStore
{
    private readonly PostgresStoreOptions _options;
    private readonly WritingSession _session;
    private readonly NpgsqlDataSource _reading;
    private readonly PostgresWriter _writer;
    private readonly Lock _write = new();
    private readonly DateTimeOffset? _lastOpened;
    private bool _disposed;

    private PostgresLedgerStore(PostgresStoreOptions options, WritingSession session)
    {
        _options = options;
        _session = session;
        _reading = PostgresConnections.ToRead(options);
        _writer = new PostgresWriter(session, options);
        if (session.Shared is { } tenure)
        {
            Units = new UnitTable(options, tenure, SetAside);
            Whole = new WholeRecord(options, tenure, _reading);
            Connections = new SharedConnections(options, tenure, _reading);
            return;
        }
        _lastOpened = GetLong(MetaKeys.Opened) is { } micros ? Micros.ToTime(micros) : null;
        Put((MetaKeys.Opened, Text(Micros.Of(options.Time.GetUtcNow()))));
    }

    /// <summary>The newest schema version that this program knows.</summary>
    public static int SchemaVersion => Schema.Current;

    /// <summary>The ownership of units where hosts share the record; null where this server writes it alone.</summary>
    public UnitTable? Units { get; }

    /// <summary>What all hosts keep together; null where this server writes the record alone.</summary>
    public WholeRecord? Whole { get; }

    /// <summary>Single connections of all hosts; null where this server writes the record alone.</summary>
    public SharedConnections? Connections { get; }

    /// <summary>What the database's clock tells of this host's timeline where hosts share the record; null where this server writes it alone.</summary>
    public ClockReading? CommonClock => _session.Shared?.Reading;

    /// <summary>What writes; tests look at what it holds.</summary>
    internal WritingSession Session => _session;

    /// <summary>
    /// Opens the record, or creates it. If it cannot, throws a <see cref="StoreException"/> that says what is wrong.
    /// </summary>
    public static PostgresLedgerStore Open(PostgresStoreOptions options) =>
        Named(
            options,
            () =>
            {
                var session = new WritingSession(options);
                try
                {
                    return new PostgresLedgerStore(options, session);
                }
                catch
                {
                    session.Dispose();
                    throw;
                }
            }
        );

    /// <summary>The whole record. A host that shares it has nothing at first: gateways come with their units.</summary>
    public StoreImage Load() =>
        Writing(() =>
        {
            if (Units is not null)
                return new RecordLoader().Image(new StoreIdentity(null, 0, null), null, []);
            var connection = _session.Connection;
            var loader = new RecordLoader();
            loader.Load(
                connection.Query<(string, string)>(Sql.LastAudits, commandTimeout: 0),
                Rows(connection, RowArrays.Gateways, Sql.AllGateways)
                    .Select(row => new RowRead<GatewayRow>(row.Gateway, null, row, null)),
                Rows(connection, RowArrays.Connections, Sql.AllConnections)
                    .Select(row => new RowRead<ConnectionRow>(row.Gateway, row.Id, row, null))
            );
            SetAside(loader.Unreadable);
            return loader.Image(
                new StoreIdentity(
                    Get(MetaKeys.Name),
                    checked((int)(GetLong(MetaKeys.Epoch) ?? 0)),
                    _lastOpened,
                    GetLong(MetaKeys.Acts) is { } acts ? acts != 0 : null
                ),
                GetLong(MetaKeys.Correction),
                connection.Query<(long, long)>(Sql.Steps)
            );
        });

    public CommitResult Commit(StoreCommit commit) => CommitAll([commit])[0];

    public IReadOnlyList<CommitResult> CommitAll(IReadOnlyList<StoreCommit> commits) =>
        Writing(() => _writer.Commit(commits));

    public CommitResult AddChanges(IReadOnlyList<ChangeView> changes) =>
        Writing(() => _writer.AddChanges(changes));

    // Who a host is, how it acts and how its clock was stepped is its own business where several write: what the store keeps of
    // these would be the last one's.

    public void SetIdentity(string name, int epoch) =>
        Alone(() => Put((MetaKeys.Name, name), (MetaKeys.Epoch, Text(epoch))));

    public void SetRole(bool acts) => Alone(() => Put((MetaKeys.Acts, acts ? "1" : "0")));

    public void AddSteps(IReadOnlyList<ClockStep> steps, TimeSpan correction) =>
        Alone(() =>
            _session.Write(
                durable: true,
                to =>
                {
                    foreach (var step in steps)
                        to.Execute(Sql.AddStep, new { at = step.At.Micros, by = Micros.Of(step.By) });
                    to.Execute(Sql.DropSteps, new { kept = StoreOptions.StepsKept });
                    return to.Execute(
                        Sql.PutMeta,
                        new { key = MetaKeys.Correction, value = Text(Micros.Of(correction)) }
                    );
                }
            )
        );

    public IReadOnlyList<ConnectionRow> ReadConnections(string gateway) =>
        Moment(connection =>
        {
            var known = Rows(connection, RowArrays.Gateways, Sql.Gateway, gateway).SingleOrDefault();
            var rows = Rows(connection, RowArrays.Connections, Sql.ConnectionsOfGateway, gateway).ToList();
            return known is null ? rows : StoredConnections.Present(known, rows);
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
        Moment(connection =>
        {
            var search = new CdrSearch(filter, newestFirst, cursor, limit);
            var items = connection.Query<StoredCdr>(search.Found, search.Values).AsList();
            if (items.Count > limit)
                return StoredPage.Of(items, limit, cdr => cdr.Sequence);

            var (count, last) = connection.QuerySingle<(long Count, long Last)>(search.End, search.Values);
            return new StoredPage<StoredCdr>(items, count < CdrSearch.Slice ? null : last);
        });

    public StoredCdr? FindCdr(string id) =>
        Reading(connection => connection.QuerySingleOrDefault<StoredCdr>(Sql.FindCdr, new { id }));

    public IReadOnlyCollection<string> FindCdrs(IReadOnlyCollection<string> ids) =>
        ids.Count == 0
            ? []
            : Reading(connection =>
                connection.Query<string>(Sql.FindCdrs, new { ids = ids.ToArray() }).AsList()
            );

    public void AddControls(IReadOnlyList<(DateTimeOffset At, ControlEntry Entry)> entries) =>
        Changing(to =>
        {
            foreach (var (at, entry) in entries.Where(control => !to.IsWritten(control.Entry, out _)))
            {
                to.Execute(
                    Sql.AddControl,
                    new
                    {
                        at = Micros.Of(at),
                        refused = entry.IsRefused,
                        json = RecordJson.Control(entry),
                    }
                );
                to.Written[entry] = 0;
            }
        });

    public StoredPage<StoredControl> ReadControls(long cursor, int limit) =>
        Page<StoredControl>(
            Sql.Controls,
            new { cursor, limit = limit + 1 },
            limit,
            control => control.Sequence
        );

    public StoredPage<StoredAudit> ReadAudits(string? gateway, long cursor, int limit) =>
        Page<StoredAudit>(
            Sql.Audits(gateway is not null),
            new
            {
                gateway,
                cursor,
                kept = _options.AuditsKept,
                limit = limit + 1,
            },
            limit,
            audit => audit.Sequence
        );

    public StoredPage<StoredRelease> ReadReleases(string? gateway, long cursor, int limit) =>
        Page<StoredRelease>(
            Sql.Releases(gateway is not null),
            new
            {
                gateway,
                cursor,
                limit = limit + 1,
            },
            limit,
            release => release.Sequence
        );

    public void AddRecovery(RecoveryView report) =>
        Changing(to =>
        {
            if (to.IsWritten(report, out _))
                return;
            to.Execute(Sql.AddRecovery, new { json = RecordJson.Recovery(report) });
            to.Execute(Sql.DropRecoveries, new { kept = StoreOptions.RecoveriesKept });
            to.Written[report] = 0;
        });

    public StoredPage<StoredRecovery> ReadRecoveries(long cursor, int limit) =>
        Page<StoredRecovery>(
            Sql.Recoveries,
            new { cursor, limit = limit + 1 },
            limit,
            report => report.Sequence
        );

    public ChangePage ReadChanges(long afterSequence, int limit) =>
        Moment(connection =>
        {
            var (newest, oldest) = connection.QuerySingle<(long, long)>(Sql.ChangesKnown);
            // What is no longer kept may still be there, until its partition goes.
            var forgotten = Math.Max(newest - _options.ChangesKept, oldest - 1);
            var items = connection
                .Query<StoredChange>(
                    Sql.ChangesAfter,
                    new { after = Math.Max(afterSequence, forgotten), limit }
                )
                .Select(Legible);
            return new ChangePage(
                [.. items],
                Missed: afterSequence < newest && afterSequence < forgotten,
                newest
            );
        });

    public IReadOnlyList<StoredChange> ReadStory(string gateway, string connection, long before, int limit) =>
        Moment(reading =>
        {
            var (newest, _) = reading.QuerySingle<(long, long)>(Sql.ChangesKnown);
            var changes = reading
                .Query<StoredChange>(
                    Sql.Story,
                    new
                    {
                        gateway,
                        connection = PostgresText.Of(connection),
                        before,
                        forgotten = newest - _options.ChangesKept,
                        limit,
                    }
                )
                .Select(Legible)
                .ToList();
            changes.Reverse();
            return changes;
        });

    public void Dispose()
    {
        lock (_write)
        {
            if (_disposed)
                return;
            _disposed = true;
            Units?.Dispose();
            _session.Dispose();
            _reading.Dispose();
        }
    }

    private static StoredChange Legible(StoredChange change) =>
        change with
        {
            Connection = PostgresText.Read(change.Connection),
        };

    private static IEnumerable<TRow> Rows<TRow>(
        NpgsqlConnection connection,
        RowArrays<TRow> table,
        string sql,
        string? gateway = null
    )
        where TRow : class, new()
    {
        using var command = new NpgsqlCommand(sql, connection);
        if (gateway is not null)
            command.Parameters.Add(new NpgsqlParameter { Value = gateway });
        else
            command.CommandTimeout = 0;
        using var reader = command.ExecuteReader();
        foreach (var row in table.Read(reader))
            yield return row;
    }

    private StoredPage<T> Page<T>(string sql, object values, int limit, Func<T, long> sequence) =>
        Reading(connection => StoredPage.Of(connection.Query<T>(sql, values).AsList(), limit, sequence));

    private void Put(params (string Key, string Value)[] entries) =>
        _session.Write(
            durable: true,
            to => entries.Sum(entry => to.Execute(Sql.PutMeta, new { key = entry.Key, value = entry.Value }))
        );

    private string? Get(string key) => _session.Connection.ExecuteScalar<string?>(Sql.GetMeta, new { key });

    private long? GetLong(string key) =>
        Get(key) is { } text ? long.Parse(text, CultureInfo.InvariantCulture) : null;

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    private T Reading<T>(Func<NpgsqlConnection, T> action)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return Named(
            _options,
            () =>
            {
                using var connection = _reading.OpenConnection();
                return action(connection);
            }
        );
    }

    /// <summary>Reads with several statements that see the same moment.</summary>
    private T Moment<T>(Func<NpgsqlConnection, T> action) =>
        Reading(connection =>
        {
            using var transaction = connection.BeginTransaction(IsolationLevel.RepeatableRead);
            var result = action(connection);
            transaction.Commit();
            return result;
        });

    private T Writing<T>(Func<T> action)
    {
        lock (_write)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return Named(_options, action);
        }
    }

    private void Writing(Action action) =>
        Writing(() =>
        {
            action();
            return 0;
        });

    /// <summary>Writes what only a server keeps that writes alone.</summary>
    private void Alone(Action action)
    {
        if (Units is null)
            Writing(action);
    }

    private void SetAside(IReadOnlyList<UnreadableRow> unreadable)
    {
        lock (_write)
        {
            foreach (var row in unreadable)
                _writer.Unreadable[(row.Gateway, row.Connection)] = row.Why;
        }
    }

    /// <summary>Writes in one transaction that is on the disk when this returns.</summary>
    private void Changing(Action<Transaction> action) =>
        Writing(() =>
            _session.Write(
                durable: true,
                to =>
                {
                    action(to);
                    return 0;
                }
            )
        );

    /// <summary>Runs an action and turns the driver's errors into the store's own.</summary>
    private static T Named<T>(PostgresStoreOptions options, Func<T> action)
    {
        try
        {
            return action();
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

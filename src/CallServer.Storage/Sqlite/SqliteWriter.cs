using System.Globalization;
using CallServer.Surface;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace CallServer.Storage.Sqlite;

/// <summary>Writes commits over one connection, with statements that are prepared once. Not
/// thread-safe.</summary>
internal sealed class SqliteWriter : IDisposable
{
    /// <summary>
    /// How many rows one statement adds where many are to be added: SQLite looks up and stores the table's next sequence
    /// once for each statement.
    /// </summary>
    private const int Several = 16;

    private readonly SqliteConnection _connection;
    private readonly SqliteStoreOptions _options;
    private readonly List<Statement> _statements = [];
    private readonly Statement _begin;
    private readonly Statement _end;
    private readonly Statement _undo;
    private readonly Statement _putGateway;
    private readonly Statement _putConnection;
    private readonly Statement _deleteConnection;
    private readonly Statement _addCdr;
    private readonly Statement _addAccounting;
    private readonly Statement _addAccountings;
    private readonly Statement _addChange;
    private readonly Statement _addChanges;
    private readonly Statement _dropChanges;
    private readonly Statement _addAudit;
    private readonly Statement _dropAudits;
    private readonly Statement _addRelease;

    /// <summary>Whether commits are flushed to the disk; null until the first commit chooses.</summary>
    private bool? _flushing;

    public SqliteWriter(SqliteConnection connection, SqliteStoreOptions options)
    {
        _connection = connection;
        _options = options;
        _begin = Prepare(Sql.Begin);
        _end = Prepare(Sql.End);
        _undo = Prepare(Sql.Undo);
        _putGateway = Prepare(RowTables.Gateways.Put);
        _putConnection = Prepare(RowTables.Connections.Put);
        _deleteConnection = Prepare(Sql.DeleteConnection);
        _addCdr = Prepare(Sql.AddCdr);
        _addAccounting = Prepare(Sql.AddAccounting(1));
        _addAccountings = Prepare(Sql.AddAccounting(Several), Several * 2048);
        _addChange = Prepare(Sql.AddChanges(1));
        _addChanges = Prepare(Sql.AddChanges(Several), Several * 1024);
        _dropChanges = Prepare(Sql.DropChanges);
        _addAudit = Prepare(Sql.AddAudit);
        _dropAudits = Prepare(Sql.DropAudits);
        _addRelease = Prepare(Sql.AddRelease);
    }

    /// <summary>Rows that this version could not read when the store was loaded. Each is copied before it is replaced.</summary>
    public Dictionary<(string Gateway, string? Connection), string> Unreadable { get; } = [];

    /// <summary>
    /// The readers of the outbox; null until somebody names them, and until then the store keeps everything.
    /// </summary>
    public IReadOnlyList<string>? Readers { get; set; }

    /// <summary>Writes commits of different gateways in one transaction.</summary>
    public IReadOnlyList<CommitResult> Commit(IReadOnlyList<StoreCommit> commits)
    {
        Flush(commits.Any(commit => commit.MustReachDisk));
        // Serialised before the transaction starts, because that holds the file's write lock.
        var serialised = commits.Select(commit => new WrittenCommit(commit)).ToArray();
        List<(string Gateway, string? Connection)> copied = [];
        var results = InTransaction(() => Array.ConvertAll(serialised, each => Write(each, copied)));
        copied.ForEach(key => Unreadable.Remove(key));
        return results;
    }

    private CommitResult Write(WrittenCommit serialised, List<(string Gateway, string? Connection)> copied)
    {
        var commit = serialised.Commit;
        SetAside(commit, copied);
        RowTables.Gateways.Bind(_putGateway, commit.Gateway).Run();
        foreach (var id in commit.Deletes)
            _deleteConnection.Bind(commit.Gateway.Gateway).Bind(id).Run();
        foreach (var row in commit.Upserts)
            RowTables.Connections.Bind(_putConnection, row).Run();
        AddAudits(commit);
        foreach (var release in commit.Releases)
            _addRelease.Bind(release.Gateway).Bind(RecordJson.Release(release)).Run();
        var told = Account(AccountingKind.Start, serialised.Starts, commit.Held);
        told |= Account(AccountingKind.Interim, serialised.Interims, commit.Held);
        var added = AddCdrs(serialised.Cdrs, commit.Held);
        return new CommitResult(
            added,
            AddChanges(serialised.Changes),
            told || (added.Count > 0 && Enters(commit.Held))
        );
    }

    public CommitResult AddChanges(IReadOnlyList<ChangeView> added)
    {
        // Findings may be lost with the power: the next ones are reported again.
        Flush(each: false);
        var changes = WrittenCommit.Each(added, RecordJson.Change);
        return InTransaction(() => new CommitResult([], AddChanges(changes)));
    }

    /// <summary>Runs an action in one transaction: everything it writes is kept, or nothing if it throws.</summary>
    public T InTransaction<T>(Func<T> action)
    {
        _begin.Run();
        try
        {
            var result = action();
            _end.Run();
            return result;
        }
        catch
        {
            // After some errors SQLite has already rolled back and is in autocommit mode again.
            if (raw.sqlite3_get_autocommit(_connection.Handle!) == 0)
                _undo.Run();
            throw;
        }
    }

    /// <summary>Chooses whether the next commits reach the disk before they return.</summary>
    public void Flush(bool each)
    {
        if (_flushing == each)
            return;
        using var statement = new Statement(_connection, each ? Sql.FlushEachCommit : Sql.FlushAtCheckpoints);
        statement.Run();
        _flushing = each;
    }

    public void Dispose() => _statements.ForEach(statement => statement.Dispose());

    private bool Enters(bool held) => WrittenCommit.Enters(held, Readers);

    private bool Account(string kind, (CdrView Cdr, string Json)[] records, bool held)
    {
        if (records.Length == 0 || !Enters(held))
            return false;
        Add(
            _addAccounting,
            _addAccountings,
            records,
            (to, record) => Account(to, kind, record.Cdr, record.Json, held: false)
        );
        return true;
    }

    private void Account(Statement to, string kind, CdrView cdr, string json, bool held) =>
        to.Bind(kind)
            .Bind(cdr.Id)
            .Bind(cdr.Gateway)
            .Bind(held)
            .Bind(Micros.Of(_options.Time.GetUtcNow()))
            .Bind(json);

    /// <summary>Adds rows, several with one statement while there are as many.</summary>
    private static void Add<T>(Statement one, Statement several, T[] rows, Action<Statement, T> bind)
    {
        for (var at = 0; at < rows.Length; )
        {
            var (to, count) = rows.Length - at < Several ? (one, 1) : (several, Several);
            foreach (var row in rows.AsSpan(at, count))
                bind(to, row);
            to.Run();
            at += count;
        }
    }

    /// <summary>The sequence of the row that was added last.</summary>
    private long LastSequence => raw.sqlite3_last_insert_rowid(_connection.Handle!);

    private List<StoredCdr> AddCdrs((CdrView Cdr, string Json)[] cdrs, bool held)
    {
        var added = new List<StoredCdr>(cdrs.Length);
        foreach (var (cdr, json) in cdrs)
        {
            var ended = CdrKey.EndOf(cdr);
            _addCdr
                .Bind(cdr.Id)
                .Bind(CdrKey.Of(cdr).Reuse)
                .Bind(cdr.Gateway)
                .Bind(cdr.Connection)
                .Bind(ended)
                .Bind(json)
                .Run();
            if (raw.sqlite3_changes(_connection.Handle!) == 0)
                continue;
            added.Add(new StoredCdr(LastSequence, json));
            if (!held && !Enters(held))
                continue;
            Account(_addAccounting, AccountingKind.Stop, cdr, json, held);
            _addAccounting.Run();
        }
        return added;
    }

    private List<StoredChange> AddChanges((ChangeView Change, string Json)[] changes)
    {
        Add(
            _addChange,
            _addChanges,
            changes,
            static (to, each) =>
                to.Bind(each.Change.Kind)
                    .Bind(each.Change.Gateway)
                    .Bind(each.Json)
                    .Bind(each.Change.Connection)
        );
        var added = new List<StoredChange>(changes.Length);
        // The sequence has no gaps.
        var sequence = LastSequence - changes.Length;
        foreach (var (change, json) in changes)
            added.Add(new StoredChange(++sequence, change.Kind, change.Gateway, json, change.Connection));
        if (added.Count > 0)
            _dropChanges.Bind(added[^1].Sequence - _options.ChangesKept).Run();
        return added;
    }

    private void AddAudits(StoreCommit commit)
    {
        foreach (var audit in commit.Audits)
            _addAudit.Bind(audit.Gateway).Bind(RecordJson.Audit(audit)).Run();
        if (commit.Audits.Count > 0)
            _dropAudits.Bind(commit.Gateway.Gateway).Bind(_options.AuditsKept).Run();
    }

    private void SetAside(StoreCommit commit, List<(string Gateway, string? Connection)> copied)
    {
        if (Unreadable.Count == 0)
            return;
        var gateway = commit.Gateway.Gateway;
        Copy(null);
        foreach (var row in commit.Upserts)
            Copy(row.Id);
        foreach (var id in commit.Deletes)
            Copy(id);

        void Copy(string? connection)
        {
            if (!Unreadable.TryGetValue((gateway, connection), out var why))
                return;
            var sql = connection is null ? Sql.SetGatewayAside : Sql.SetConnectionAside;
            using var statement = new Statement(_connection, sql);
            statement.Bind(Micros.Of(_options.Time.GetUtcNow())).Bind(gateway).Bind(why);
            if (connection is not null)
                statement.Bind(connection);
            statement.Run();
            copied.Add((gateway, connection));
        }
    }

    private Statement Prepare(string sql, int room = 4096)
    {
        var statement = new Statement(_connection, sql, room);
        _statements.Add(statement);
        return statement;
    }
}

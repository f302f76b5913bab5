using CallServer.Storage;
using CallServer.Storage.Sqlite;
using CallServer.Surface;
using Dapper;
using Microsoft.Data.Sqlite;
using NUnit.Framework;

namespace CallServer.Host.Tests.Storage;

/// <summary>SQLite keeps the contract.</summary>
[TestFixture]
public sealed class SqliteLedgerStoreTests : LedgerStoreContract
{
    private TestDirectory _directory = null!;

    private string File => _directory.File("callserver.db");

    [SetUp]
    public void MakeDirectory() => _directory = new TestDirectory();

    [TearDown]
    public void RemoveDirectory()
    {
        CloseStore();
        _directory.Dispose();
    }

    [Test]
    public void Only_what_was_merely_confirmed_is_not_flushed_at_once()
    {
        var store = (SqliteLedgerStore)Store;
        int Flushing() => store.Connection.ExecuteScalar<int>("PRAGMA synchronous");
        const int normal = 1;
        const int full = 2;

        store.Commit(
            TestRows.Commit(TestRows.Connection("a")) with
            {
                Changes = [TestRows.Change("opened")],
            }
        );
        Assert.That(Flushing(), Is.EqualTo(full));
        store.Commit(TestRows.Commit(TestRows.Connection("a")) with { Audits = [TestRows.Audit()] });
        Assert.That(Flushing(), Is.EqualTo(normal));
        store.Commit(TestRows.Commit() with { Deletes = ["a"] });
        Assert.That(Flushing(), Is.EqualTo(full));
        store.Commit(TestRows.Commit());
        store.SetIdentity("cs-a", 2);
        Assert.That(Flushing(), Is.EqualTo(full));
        store.AddChanges([TestRows.Change("finding")]);
        Assert.That(Flushing(), Is.EqualTo(normal));
        store.Commit(TestRows.Commit() with { Releases = [TestRows.Release("a")] });
        Assert.That(Flushing(), Is.EqualTo(full));
        store.Commit(TestRows.Commit());
        store.Commit(TestRows.Commit() with { Interims = [TestRows.Cdr("a")] });
        Assert.That(Flushing(), Is.EqualTo(full));
    }

    [Test]
    public void Of_several_commits_all_are_written_or_none([Values] Part part)
    {
        Store.Commit(TestRows.Commit(TestRows.Connection("a", "gw2"), TestRows.Connection("b", "gw2")));
        StoreCommit[] commits =
        [
            TestRows.Commit(TestRows.Connection("a")),
            TestRows.Commit(TestRows.Connection("a", "gw2")) with
            {
                Deletes = ["b"],
                Cdrs = [TestRows.Cdr("cdr-b")],
                Changes = [TestRows.Change("closed", "b")],
                Audits = [TestRows.Audit("gw2")],
                Releases = [TestRows.Release("b", "gw2")],
            },
        ];

        using (Break(part))
            Assert.That(() => Store.CommitAll(commits), Throws.InstanceOf<Exception>());
        Assert.That(Store.ReadConnections("gw1"), Is.Empty);

        Store.CommitAll(commits);
        Assert.That(Store.ReadConnections("gw1"), Has.Count.EqualTo(1));
        Assert.That(Store.ReadConnections("gw2"), Has.Count.EqualTo(1));
    }

    [Test]
    public void Nothing_is_half_written_when_the_disk_is_full_and_all_is_well_when_there_is_room()
    {
        var store = (SqliteLedgerStore)Store;
        store.Commit(TestRows.Commit(TestRows.Connection("old")));
        var big = new StoreCommit
        {
            Gateway = TestRows.Gateway(change: row => row.Run = 4),
            Upserts = [.. Enumerable.Range(0, 2000).Select(i => TestRows.Connection($"c{i:D4}"))],
            Deletes = ["old"],
            Cdrs = [TestRows.Cdr("x")],
        };
        var pages = store.Connection.ExecuteScalar<long>("PRAGMA page_count");
        store.Connection.Execute($"PRAGMA max_page_count = {pages + 3}");

        for (var attempt = 0; attempt < 3; attempt++)
            Assert.That(
                () => store.Commit(big),
                Throws
                    .TypeOf<StoreFullException>()
                    .With.Message.Contains(File)
                    .And.Message.Contains("free space")
            );

        Assert.That(store.ReadConnections("gw1").Select(row => row.Id), Is.EqualTo(new[] { "old" }));
        Assert.That(store.ReadCdrs(null, null, 0, 10).Items, Is.Empty);
        Assert.That(ReadGateway("gw1").Run, Is.EqualTo(3));

        store.Connection.Execute("PRAGMA max_page_count = 1000000");
        store.Commit(big);
        Assert.That(Reopen().ReadConnections("gw1"), Has.Count.EqualTo(2000));
        Assert.That(Sound(), Is.EqualTo("ok"));
    }

    [Test]
    public void A_commit_while_another_process_writes_fails_by_name_and_succeeds_afterwards()
    {
        Store.Commit(TestRows.Commit());
        using (var other = Connect())
        {
            other.Execute("BEGIN IMMEDIATE");
            Assert.That(
                () => Store.Commit(TestRows.Commit(TestRows.Connection("a"))),
                Throws.TypeOf<StoreLockedException>().With.Message.Contains(File)
            );
            Assert.That(Store.ReadConnections("gw1"), Is.Empty, "reading goes on");
        }

        Store.Commit(TestRows.Commit(TestRows.Connection("a")));
        Assert.That(Store.ReadConnections("gw1"), Has.Count.EqualTo(1));
    }

    [Test]
    public void Other_tools_can_read_while_it_runs()
    {
        Store.Commit(TestRows.Commit(TestRows.Connection("a")));

        using var other = Connect(SqliteOpenMode.ReadOnly);

        Assert.That(other.ExecuteScalar<int>("SELECT count(*) FROM connections"), Is.EqualTo(1));
    }

    [Test]
    public void After_it_was_closed_it_says_so()
    {
        var store = Store;
        store.Dispose();
        store.Dispose();

        Assert.That(() => store.Commit(TestRows.Commit()), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => store.ReadChanges(0, 1), Throws.TypeOf<ObjectDisposedException>());
    }

    protected override ILedgerStore OpenStore() =>
        SqliteLedgerStore.Open(
            new SqliteStoreOptions
            {
                File = File,
                ChangesKept = 10,
                AuditsKept = 3,
                CdrsKeptFor = TimeSpan.FromHours(1),
                CdrsKept = 10,
                ControlsKeptFor = TimeSpan.FromHours(1),
                ControlsKept = 5,
                RefusalsKept = 3,
            }
        );

    protected override IDisposable Break(Part part)
    {
        var (what, table) = part switch
        {
            Part.Gateway => ("UPDATE", "gateways"),
            Part.Upsert => ("UPDATE", "connections"),
            Part.Delete => ("DELETE", "connections"),
            Part.Audit => ("INSERT", "audits"),
            Part.Cdr => ("INSERT", "cdrs"),
            Part.Accounting => ("INSERT", "accounting"),
            Part.Change => ("INSERT", "changes"),
            Part.Release => ("INSERT", "releases"),
            _ => throw new ArgumentOutOfRangeException(nameof(part)),
        };
        Execute($"CREATE TRIGGER broken AFTER {what} ON {table} BEGIN SELECT RAISE(ABORT, 'broken'); END");
        return new Repair(() => Execute("DROP TRIGGER broken"));
    }

    protected override void Garble(string gateway, string? connection)
    {
        var sql = connection is null
            ? "UPDATE gateways SET boot_scope = 'of the moon' WHERE gateway = @gateway"
            : "UPDATE connections SET start_evidence = 'hearsay' WHERE gateway = @gateway AND id = @connection";
        Assert.That(Execute(sql, new { gateway, connection }), Is.EqualTo(1));
    }

    protected override int CountAccounting()
    {
        using var other = Connect();
        return other.ExecuteScalar<int>("SELECT count(*) FROM accounting");
    }

    protected override int CountSetAside()
    {
        using var other = Connect();
        return other.ExecuteScalar<int>(
            """
            SELECT count(*) FROM set_aside
            WHERE columns ->> 'boot_scope' = '''of the moon''' OR columns ->> 'start_evidence' = '''hearsay'''
            """
        );
    }

    protected override GatewayRow ReadGateway(string gateway)
    {
        using var other = Connect();
        using var statement = new Statement(other, Sql.AllGateways);
        while (statement.Step())
            if (statement.Text(0) == gateway)
                return RowTables.Gateways.Read(statement);
        throw new KeyNotFoundException(gateway);
    }

    private string? Sound()
    {
        using var other = Connect();
        return other.ExecuteScalar<string>("PRAGMA integrity_check");
    }

    private int Execute(string sql, object? values = null)
    {
        using var other = Connect();
        return other.Execute(sql, values);
    }

    private SqliteConnection Connect(SqliteOpenMode mode = SqliteOpenMode.ReadWrite) =>
        TestDirectory.Connect(File, mode);

    private sealed class Repair(Action action) : IDisposable
    {
        public void Dispose() => action();
    }
}

using CallServer.Host.Tests.Storage;
using CallServer.Interop.Peers;
using CallServer.Storage;
using CallServer.Storage.Postgres;
using CallServer.Surface;

namespace CallServer.Interop.Storing;

/// <summary>What becomes of a commit when the database or the way to it fails.</summary>
[TestFixture]
internal sealed class PostgresTroubleTests
{
    private PostgresFixture database = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => database = await PostgresFixture.StartAsync();

    [OneTimeTearDown]
    public async Task EndAsync()
    {
        if (database is not null)
            await database.DisposeAsync();
    }

    [SetUp]
    public void Next() => database.Next();

    private PostgresLedgerStore Open(int? port = null) => PostgresLedgerStore.Open(Options(port));

    private PostgresStoreOptions Options(int? port = null) =>
        port is { } through
        && PostgresAddress.TryParse(
            $"postgres://cs@127.0.0.1:{through}/postgres?schema={database.Schema}",
            out var address,
            out _
        )
            ? database.Options with
            {
                Address = address,
            }
            : database.Options;

    private static StoreCommit Everything() =>
        TestRows.Commit(TestRows.Connection("a")) with
        {
            Cdrs = [TestRows.Cdr("cdr")],
            Starts = [TestRows.Cdr("start")],
            Changes = [TestRows.Change("opened", "a"), TestRows.Change("closed", "b")],
            Audits = [TestRows.Audit()],
            Releases = [TestRows.Release("b")],
        };

    /// <summary>How many there are of each kind that a repeated commit could write twice.</summary>
    private static int[] Counts(PostgresLedgerStore store) =>
        [
            store.ReadCdrs(null, null, 0, 100).Items.Count,
            store.ReadAccounting("file", 100).Items.Count,
            store.ReadChanges(0, 100).Items.Count,
            store.ReadAudits(null, long.MaxValue, 100).Items.Count,
            store.ReadReleases(null, long.MaxValue, 100).Items.Count,
        ];

    private static readonly int[] Once = [1, 2, 2, 1, 1];

    [Test]
    public async Task A_commit_whose_end_is_not_heard_is_found_out_at_once([Values] bool leavesSession)
    {
        await using var proxy = new CutProxy(database.Peer.Port);
        using var store = Open(proxy.Port);
        store.Commit(TestRows.Commit());
        proxy.Arm(new CutProxy.Cut(Arrives: true, leavesSession, Refuses: false));

        var result = store.Commit(Everything());

        Assert.That(result.Changes.Select(change => change.Sequence), Is.EqualTo(new[] { 1L, 2L }));
        Assert.That(Counts(store), Is.EqualTo(Once));
    }

    [Test]
    public async Task A_commit_that_did_not_arrive_fails_and_is_tried_again()
    {
        await using var proxy = new CutProxy(database.Peer.Port);
        using var store = Open(proxy.Port);
        store.Commit(TestRows.Commit());
        proxy.Arm(new CutProxy.Cut(Arrives: false, LeavesSession: false, Refuses: false));
        var commit = Everything();

        Assert.That(() => store.Commit(commit), Throws.InstanceOf<StoreUnavailableException>());
        Assert.That(Counts(store), Has.All.Zero);
        store.Commit(commit);

        Assert.That(Counts(store), Is.EqualTo(Once));
    }

    [Test]
    public async Task What_was_written_unheard_is_told_and_not_written_again_when_it_comes_folded_with_more()
    {
        await using var proxy = new CutProxy(database.Peer.Port);
        using var store = Open(proxy.Port);
        store.Commit(TestRows.Commit());
        proxy.Arm(new CutProxy.Cut(Arrives: true, LeavesSession: false, Refuses: true));
        var commit = Everything();
        Assert.That(() => store.Commit(commit), Throws.InstanceOf<StoreUnavailableException>());
        proxy.Restore();

        var result = store.Commit(
            commit.Then(
                TestRows.Commit(TestRows.Connection("a")) with
                {
                    Changes = [TestRows.Change("updated", "a")],
                }
            )
        );

        Assert.That(result.Changes.Select(change => change.Sequence), Is.EqualTo(new[] { 1L, 2L, 3L }));
        Assert.That(result.Cdrs.Select(cdr => cdr.Sequence), Is.EqualTo(new[] { 1L }));
        Assert.That(result.Told, Is.True);
        Assert.That(Counts(store), Is.EqualTo(new[] { 1, 2, 3, 1, 1 }));
    }

    [Test]
    public async Task While_the_database_is_away_nothing_is_written_and_afterwards_all_is()
    {
        await using var scope = new Scope();
        var peer = await PostgresPeer.StartAsync(scope, safe: true);
        Assert.That(PostgresAddress.TryParse(peer.Address(), out var address, out _));
        using var store = PostgresLedgerStore.Open(database.Options with { Address = address! });
        var first = Everything();
        store.Commit(first);
        await peer.StopAsync();

        var next = TestRows.Commit() with { Cdrs = [TestRows.Cdr("next")] };
        for (var attempt = 0; attempt < 2; attempt++)
            Assert.That(
                () => store.Commit(next),
                Throws.InstanceOf<StoreUnavailableException>().With.Message.Contains(address!.Text)
            );
        Assert.That(() => store.ReadCdrs(null, null, 0, 10), Throws.InstanceOf<StoreUnavailableException>());
        await peer.StartAgainAsync();
        store.Commit(next);

        Assert.That(Counts(store), Is.EqualTo(new[] { 2, 3, 2, 1, 1 }));
    }

    [Test]
    public async Task A_session_that_is_ended_costs_one_attempt()
    {
        using var store = Open();
        store.Commit(Everything());
        await database.Peer.AskAsync(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'callserver'"
        );
        var next = TestRows.Commit() with { Cdrs = [TestRows.Cdr("next")] };

        Assert.That(() => store.Commit(next), Throws.InstanceOf<StoreUnavailableException>());
        store.Commit(next);

        Assert.That(store.ReadCdrs(null, null, 0, 10).Items, Has.Count.EqualTo(2));
    }

    [Test]
    public async Task Only_what_was_merely_confirmed_is_not_flushed_at_once()
    {
        using var store = Open();
        await database.Peer.AskAsync(
            $"""
            CREATE TABLE {database.Schema}.seen (number serial, flushes text);
            CREATE FUNCTION {database.Schema}.see() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN INSERT INTO seen (flushes) VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$;
            CREATE TRIGGER see AFTER UPDATE ON {database.Schema}.numbers
                FOR EACH ROW EXECUTE FUNCTION {database.Schema}.see();
            """
        );

        store.Commit(TestRows.Commit() with { Changes = [TestRows.Change("opened")] });
        store.Commit(TestRows.Commit() with { Audits = [TestRows.Audit()] });
        store.Commit(TestRows.Commit(TestRows.Connection("a")));
        store.Commit(TestRows.Commit() with { Deletes = ["a"] });
        store.AddChanges([TestRows.Change("finding")]);
        store.SetIdentity("cs-a", 2);

        Assert.That(
            await database.Peer.AskAsync(
                $"SELECT string_agg(flushes, ' ' ORDER BY number) FROM {database.Schema}.seen"
            ),
            Is.EqualTo("on off on on on on")
        );
    }

    [Test]
    public void A_second_server_is_refused_and_told_who_is_there()
    {
        using var store = PostgresLedgerStore.Open(database.Options with { Application = "callserver cs-a" });

        Assert.That(
            () => Open(),
            Throws.TypeOf<StoreLockedException>().With.Message.Contains("callserver cs-a")
        );
        store.Commit(TestRows.Commit());
    }

    [Test]
    public async Task A_server_whose_record_another_one_has_opened_writes_nothing_any_more()
    {
        await using var proxy = new CutProxy(database.Peer.Port);
        using var store = Open(proxy.Port);
        proxy.Arm(new CutProxy.Cut(Arrives: false, LeavesSession: false, Refuses: false));
        Assert.That(() => store.Commit(TestRows.Commit()), Throws.InstanceOf<StoreUnavailableException>());
        await database.Peer.AskAsync(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'callserver'"
        );
        using (var other = Open())
        {
            Assert.That(() => store.Commit(Everything()), Throws.InstanceOf<StoreException>());
            other.Commit(TestRows.Commit());
        }

        Assert.That(() => store.Commit(Everything()), Throws.TypeOf<StoreLostException>());
        using var reader = Open();
        Assert.That(Counts(reader), Has.All.Zero);
    }

    [Test]
    public async Task A_database_that_has_lost_what_it_confirmed_is_not_written()
    {
        using var store = Open();
        store.Commit(Everything());
        await database.Peer.AskAsync($"UPDATE {database.Schema}.numbers SET stamp = stamp - 1");
        await database.Peer.AskAsync(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'callserver'"
        );

        Assert.That(() => store.Commit(TestRows.Commit()), Throws.TypeOf<StoreUnavailableException>());
        Assert.That(() => store.Commit(TestRows.Commit()), Throws.TypeOf<StoreLostException>());
    }

    [Test]
    public async Task A_newer_schema_and_a_foreign_one_are_left_as_they_are()
    {
        Open().Dispose();
        await database.Peer.AskAsync(
            $"UPDATE {database.Schema}.meta SET value = '999' WHERE key = 'schema_version'"
        );
        Assert.That(
            () => Open(),
            Throws
                .TypeOf<StoreVersionException>()
                .With.Property("Found")
                .EqualTo(999)
                .And.Property("Known")
                .EqualTo(PostgresLedgerStore.SchemaVersion)
        );

        database.Next();
        await database.Peer.AskAsync(
            $"CREATE SCHEMA {database.Schema}; CREATE TABLE {database.Schema}.meta (key text, value text)"
        );
        Assert.That(() => Open(), Throws.TypeOf<StoreForeignException>());
    }
}

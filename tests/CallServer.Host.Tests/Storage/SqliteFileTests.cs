using System.Security.Cryptography;
using CallServer.Storage;
using CallServer.Storage.Sqlite;
using Dapper;
using Microsoft.Data.Sqlite;
using NUnit.Framework;

namespace CallServer.Host.Tests.Storage;

/// <summary>Which files the store opens, which it refuses, and that it leaves those untouched.</summary>
[TestFixture]
public sealed class SqliteFileTests
{
    private TestDirectory _directory = null!;

    private string File => _directory.File("callserver.db");

    [SetUp]
    public void MakeDirectory() => _directory = new TestDirectory();

    [TearDown]
    public void RemoveDirectory() => _directory.Dispose();

    [Test]
    public void A_file_of_every_older_version_is_brought_up_to_date(
        [ValueSource(nameof(OlderVersions))] int version
    )
    {
        var connection = TestRows.Connection("kept");
        connection.OtherMedia = null;
        connection.Direction = null;
        connection.Step = 0;
        using (var old = TestDirectory.Connect(File))
        {
            MakeVersion(old, version);
            // The columns of the first version; later ones came with their migrations.
            old.Execute(
                """
                INSERT INTO gateways (gateway, absences_to_close, ids_tied_to_boot, reuses_ids, staleness_micros,
                    drift_ppm, run, completes, opened_total, closed_total, conflicts_total)
                VALUES ('gw1', 1, 0, 0, 0, 0.0, 1, '', 1, 0, 0)
                """
            );
            old.Execute(
                """
                INSERT INTO connections (gateway, id, stamp, boot_token, run, setup_earliest, setup_latest,
                    setup_evidence, start_earliest, start_latest, start_evidence, call, endpoint, originator,
                    remote, codec, clock_rate, dscp, service, qos_reported, mode, state, local_media,
                    remote_media, first_heard, last_heard, confirmed_count, status, recovered, absences,
                    conflicts, conflict_at, conflict_earliest, conflict_latest)
                VALUES (@Gateway, @Id, @Stamp, @BootToken, @Run, @SetupEarliest, @SetupLatest,
                    @SetupEvidence, @StartEarliest, @StartLatest, @StartEvidence, @Call, @Endpoint,
                    @Originator, @Remote, @Codec, @ClockRate, @Dscp, @Service, @QosReported, @Mode, @State,
                    @LocalMedia, @RemoteMedia, @FirstHeard, @LastHeard, @ConfirmedCount, @Status, @Recovered,
                    @Absences, @Conflicts, @ConflictAt, @ConflictEarliest, @ConflictLatest)
                """,
                connection
            );
            using var cdr = new Statement(old, Sql.AddCdr);
            cdr.Bind("cdr-1")
                .Bind(0)
                .Bind("gw1")
                .Bind("gone")
                .Bind(TestRows.Noon)
                .Bind("{\"id\":\"cdr-1\"}")
                .Run();
            old.Execute(Sql.PutMeta, new { key = "epoch", value = 3 });
        }

        using (var store = Open())
        {
            var image = store.Load();
            Assert.That(image.Identity.Epoch, Is.EqualTo(3));
            Assert.That(image.Gateways.Single().Record.Count, Is.EqualTo(1));
            Assert.That(store.ReadConnections("gw1"), Is.EqualTo(new[] { connection }));
            Assert.That(
                store.ReadCdrs(null, null, 0, 9).Items.Single().Json,
                Is.EqualTo("{\"id\":\"cdr-1\"}")
            );
            store.Commit(TestRows.Commit() with { Audits = [TestRows.Audit()] });
        }

        Assert.That(Pragma("user_version"), Is.EqualTo(SqliteLedgerStore.SchemaVersion));
    }

    [TestCase(null, "1 2 3")]
    [TestCase(2L, "3")]
    [TestCase(3L, "")]
    public void What_the_CDR_file_of_an_older_version_had_not_taken_moves_to_the_outbox(
        long? mark,
        string left
    )
    {
        using (var old = TestDirectory.Connect(File))
        {
            MakeVersion(old, 3);
            using var cdr = new Statement(old, Sql.AddCdr);
            for (var i = 1; i <= 3; i++)
                cdr.Bind($"{i}")
                    .Bind(0)
                    .Bind("gw1")
                    .Bind("gone")
                    .Bind(TestRows.Noon)
                    .Bind($"{{\"id\":{i}}}")
                    .Run();
            if (mark is not null)
                old.Execute(Sql.PutMeta, new { key = "mark:cdr-file", value = mark });
        }

        using var store = Open();
        store.Load();
        store.RegisterReaders(["cdr-file"]);
        var entries = store.ReadAccounting("cdr-file", 10).Items;

        Assert.That(string.Join(' ', entries.Select(entry => entry.Id)), Is.EqualTo(left));
        Assert.That(entries, Has.All.Property("Kind").EqualTo(AccountingKind.Stop));
        Assert.That(entries, Has.All.Property("Json").Matches("""^{"id":[123]}$"""));
    }

    [Test]
    public void A_migration_that_fails_leaves_the_file_at_its_version()
    {
        using (var old = TestDirectory.Connect(File))
        {
            MakeVersion(old, 1);
            old.Execute("CREATE TABLE set_aside (inTheWay)");
        }

        Assert.That(() => Open().Dispose(), Throws.InstanceOf<SqliteException>());

        Assert.That(Pragma("user_version"), Is.EqualTo(1));
        using var after = TestDirectory.Connect(File);
        Assert.That(
            after.ExecuteScalar<int>("SELECT count(*) FROM sqlite_schema WHERE name = 'audits'"),
            Is.Zero,
            "the migration's earlier statements are undone"
        );
    }

    [Test]
    public void A_newer_version_is_refused_and_left_as_it_is()
    {
        using (var store = Open())
            store.Commit(TestRows.Commit(TestRows.Connection("a")));
        using (var newer = TestDirectory.Connect(File))
            newer.Execute("PRAGMA user_version = 9999");
        var before = _directory.Contents();

        var error = Assert.Throws<StoreVersionException>(() => Open().Dispose())!;

        Assert.That(error.Found, Is.EqualTo(9999));
        Assert.That(error.Known, Is.EqualTo(SqliteLedgerStore.SchemaVersion));
        Assert.That(error.Message, Does.Contain(File).And.Contain("9999").And.Contain($"{error.Known}"));
        Assert.That(_directory.Contents(), Is.EqualTo(before));
    }

    [TestCase("PRAGMA application_id = 1")]
    [TestCase("PRAGMA journal_mode = WAL")]
    public void Another_programs_database_is_refused_and_left_as_it_is(string sql)
    {
        using (var other = TestDirectory.Connect(File))
            other.Execute($"CREATE TABLE bookmarks (url); {sql}");
        AssertRefused<StoreForeignException>("application id");
    }

    [TestCase(1)]
    [TestCase(99)]
    [TestCase(100)]
    [TestCase(65536)]
    public void Noise_is_refused_and_kept_byte_for_byte(int length)
    {
        System.IO.File.WriteAllBytes(File, RandomNumberGenerator.GetBytes(length));
        AssertRefused<StoreForeignException>("not an SQLite database");
    }

    [Test]
    public void A_damaged_file_of_ours_is_refused_and_left_as_it_is()
    {
        using (var store = Open())
            store.Commit(TestRows.Commit(TestRows.Connection("a")));
        var bytes = System.IO.File.ReadAllBytes(File);
        bytes.AsSpan(100, 3900).Fill(0xA5);
        System.IO.File.WriteAllBytes(File, bytes);
        System.IO.File.Delete(File + ".lock");
        AssertRefused<StoreDamagedException>("recover");
    }

    [Test]
    public void An_empty_file_becomes_a_record()
    {
        System.IO.File.WriteAllBytes(File, []);
        Open().Dispose();
        Assert.That(Pragma("application_id"), Is.EqualTo(DataFile.ApplicationId));
        Assert.That(Pragma("user_version"), Is.EqualTo(SqliteLedgerStore.SchemaVersion));
    }

    [Test]
    public void A_creation_that_was_interrupted_is_taken_up_again()
    {
        using (var begun = TestDirectory.Connect(File))
            begun.Execute($"PRAGMA application_id = {DataFile.ApplicationId}");
        Open().Dispose();
        Assert.That(Pragma("user_version"), Is.EqualTo(SqliteLedgerStore.SchemaVersion));
    }

    [Test]
    public void A_second_server_on_the_same_file_is_refused_at_once()
    {
        using (var first = Open())
        {
            var link = _directory.File("link.db");
            System.IO.File.CreateSymbolicLink(link, File);
            foreach (var name in new[] { File, link })
                Assert.That(
                    () => Open(name).Dispose(),
                    Throws.TypeOf<StoreLockedException>().With.Message.Contains("another server")
                );
            first.Commit(TestRows.Commit());
        }
        Open().Dispose();
    }

    [Test]
    public void A_file_that_another_process_keeps_for_itself_is_refused_by_name()
    {
        Open().Dispose();
        using (var other = TestDirectory.Connect(File))
        {
            other.Execute("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT");
            Assert.That(
                () => Open().Dispose(),
                Throws.TypeOf<StoreLockedException>().With.Message.Contains(File)
            );
        }
        Open().Dispose();
    }

    [Test]
    public void Changes_that_are_old_are_forgotten_without_a_gap_and_leave_nothing_readable_in_the_file()
    {
        var now = new DateTimeOffset(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);
        using (
            var store = SqliteLedgerStore.Open(
                new SqliteStoreOptions
                {
                    File = File,
                    ChangesKeptFor = TimeSpan.FromHours(1),
                    OverwritesDeleted = true,
                }
            )
        )
        {
            foreach (
                var (name, time) in new[]
                {
                    ("old-one", "10:00"),
                    ("old-two", "10:59"),
                    ("young", "11:00"),
                    ("old-late", "10:30"),
                }
            )
            {
                store.AddChanges([
                    CallServer.Surface.ChangeView.Plain(
                        "opened",
                        "gw1",
                        name,
                        $"2026-01-31T{time}:00.000000Z",
                        null
                    ),
                ]);
            }

            Assert.That(store.Forget(now, 1).Changes, Is.EqualTo(1));
            Assert.That(store.Forget(now, 10).Changes, Is.EqualTo(1));
            // What came after a young one waits until that one is old.
            Assert.That(store.Forget(now, 10).Changes, Is.Zero);
            Assert.That(
                store.ReadChanges(2, 10).Items.Select(change => change.Sequence),
                Is.EqualTo(new[] { 3, 4 })
            );
            Assert.That(store.ReadChanges(1, 10).Missed, Is.True);
            Assert.That(store.Forget(now.AddHours(1), 10).Changes, Is.EqualTo(2));
        }

        Assert.That(
            System.Text.Encoding.Latin1.GetString(System.IO.File.ReadAllBytes(File)),
            Does.Not.Contain("old-one").And.Not.Contain("young")
        );
    }

    [Test]
    public void The_room_of_what_is_forgotten_is_used_again()
    {
        var began = new DateTimeOffset(2026, 1, 31, 10, 0, 0, TimeSpan.Zero);
        List<long> pages = [];
        using var store = SqliteLedgerStore.Open(
            new SqliteStoreOptions { File = File, CdrsKeptFor = TimeSpan.FromHours(2) }
        );
        store.RegisterReaders([]);
        for (var hour = 0; hour < 12; hour++)
        {
            var end = began.AddHours(hour).ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", null);
            store.Commit(
                TestRows.Commit() with
                {
                    Cdrs = [.. Enumerable.Range(0, 500).Select(n => TestRows.Cdr($"{hour}/{n}", end: end))],
                }
            );
            store.Forget(began.AddHours(hour), 1_000);
            pages.Add(store.Connection.ExecuteScalar<long>("PRAGMA page_count"));
        }

        // At most three hours are kept; without reuse of the space the file would be four times as large at the end.
        Assert.That(pages[^1], Is.LessThan(pages[3] * 1.2), string.Join(' ', pages));
    }

    [Test]
    public void A_missing_directory_is_named()
    {
        var error = Assert.Throws<StoreUnavailableException>(() =>
            Open(_directory.File("no/such/callserver.db"))
        )!;
        Assert.That(
            error.Message,
            Does.Contain("there is no directory").And.Contain(_directory.File("no/such"))
        );
    }

    [Test]
    public void A_directory_or_a_file_in_the_directorys_place_is_named()
    {
        System.IO.File.WriteAllText(File, "");
        Assert.That(
            () => Open(_directory.Path),
            Throws.TypeOf<StoreUnavailableException>().With.Message.Contains("is a directory")
        );
        Assert.That(
            () => Open(Path.Combine(File, "callserver.db")),
            Throws.TypeOf<StoreUnavailableException>().With.Message.Contains("there is no directory")
        );
    }

    [Test]
    public void A_file_that_this_user_may_not_write_is_named()
    {
        if (OperatingSystem.IsWindows() || Environment.IsPrivilegedProcess)
        {
            Assert.Ignore("permissions do not bind this user");
            return;
        }
        Open().Dispose();
        System.IO.File.SetUnixFileMode(File, UnixFileMode.UserRead);
        Assert.That(
            () => Open().Dispose(),
            Throws.TypeOf<StoreUnavailableException>().With.Message.Contains(File)
        );
    }

    [Test]
    public void A_directory_that_this_user_may_not_write_is_named()
    {
        if (OperatingSystem.IsWindows() || Environment.IsPrivilegedProcess)
        {
            Assert.Ignore("permissions do not bind this user");
            return;
        }
        System.IO.File.SetUnixFileMode(_directory.Path, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        try
        {
            Assert.That(
                () => Open().Dispose(),
                Throws.TypeOf<StoreUnavailableException>().With.Message.Contains(File)
            );
        }
        finally
        {
            System.IO.File.SetUnixFileMode(
                _directory.Path,
                UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
            );
        }
    }

    private static IEnumerable<int> OlderVersions => Enumerable.Range(1, SqliteLedgerStore.SchemaVersion - 1);

    /// <summary>A file as the program of that version left it.</summary>
    private static void MakeVersion(SqliteConnection connection, int version)
    {
        connection.Execute($"PRAGMA application_id = {DataFile.ApplicationId}; PRAGMA journal_mode = WAL");
        foreach (var migration in Schema.Steps.Take(version))
            connection.Execute(migration);
        connection.Execute($"PRAGMA user_version = {version}");
    }

    private void AssertRefused<T>(string why)
        where T : StoreException
    {
        var before = _directory.Contents();
        var error = Assert.Throws<T>(() =>
        {
            using var store = Open();
            store.Load();
        })!;
        Assert.That(error.Message, Does.Contain(File).And.Contain(why));
        var after = _directory.Contents();
        after.Remove("callserver.db.lock");
        Assert.That(after, Is.EqualTo(before));
    }

    private long Pragma(string name)
    {
        using var connection = TestDirectory.Connect(File);
        return connection.ExecuteScalar<long>($"PRAGMA {name}");
    }

    private SqliteLedgerStore Open(string? file = null) =>
        SqliteLedgerStore.Open(new SqliteStoreOptions { File = file ?? File });
}

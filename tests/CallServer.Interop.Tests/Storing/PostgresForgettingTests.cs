using CallServer.Host.Tests.Storage;
using CallServer.Storage;
using CallServer.Storage.Postgres;

namespace CallServer.Interop.Storing;

/// <summary>What is not kept any longer goes with its partition.</summary>
[TestFixture]
internal sealed class PostgresForgettingTests
{
    private static readonly DateTimeOffset Eleven = new(2026, 1, 31, 11, 0, 0, TimeSpan.Zero);

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

    private PostgresStoreOptions Small => database.Options with { PartitionRows = 4, Slack = 0.5 };

    private async Task<int> PartitionsAsync(string parent) =>
        Convert.ToInt32(
            await database.Peer.AskAsync(
                $"SELECT count(*) FROM pg_inherits WHERE inhparent = '{database.Schema}.{parent}'::regclass"
            ),
            null
        );

    private static StoreCommit Ended(int number, string end) =>
        TestRows.Commit() with
        {
            Cdrs = [TestRows.Cdr($"{number}", end: end)],
        };

    [Test]
    public async Task Old_CDRs_go_with_their_partition_and_one_by_one_only_long_after()
    {
        using var store = PostgresLedgerStore.Open(Small with { CdrsKept = 1000 });
        for (var n = 1; n <= 6; n++)
            store.Commit(Ended(n, n is 5 ? "2026-01-31T09:40:00.000000Z" : "2026-01-31T09:55:00.000000Z"));
        Assert.That(await PartitionsAsync("cdrs"), Is.EqualTo(2));

        Assert.That(store.Forget(Eleven, 1), Is.EqualTo(new Forgotten(4, 0, 0, 0)), "a whole partition");
        Assert.That(await PartitionsAsync("cdrs"), Is.EqualTo(1));
        Assert.That(store.Forget(Eleven, 10), Is.EqualTo(default(Forgotten)), "the others wait for theirs");
        Assert.That(
            store.Forget(Eleven.AddMinutes(11), 10),
            Is.EqualTo(new Forgotten(1, 0, 0, 0)),
            "but not for ever"
        );
        Assert.That(store.FindCdr("1"), Is.Null);
        Assert.That(store.FindCdrs(["1", "5", "6"]), Is.EqualTo(new[] { "6" }));
        Assert.That(store.Commit(Ended(1, "2026-01-31T11:00:00.000000Z")).Cdrs, Has.Count.EqualTo(1));
    }

    [Test]
    public async Task Surplus_CDRs_and_changes_go_with_their_partition()
    {
        using var store = PostgresLedgerStore.Open(Small);
        for (var n = 1; n <= 21; n++)
            store.Commit(
                Ended(n, "2026-01-31T10:59:00.000000Z") with
                {
                    Changes = [TestRows.Change("closed", $"{n}")],
                }
            );

        Assert.That(store.Forget(Eleven, 100), Is.EqualTo(new Forgotten(0, 8, 0, 0)));

        Assert.That(store.ReadCdrs(null, null, 0, 100).Items, Has.Count.EqualTo(13));
        Assert.That(store.ReadChanges(0, 100).Items, Has.Count.EqualTo(10), "exactly what is kept");
        Assert.That(await PartitionsAsync("changes"), Is.EqualTo(4));
    }

    [Test]
    public async Task Audits_of_a_gateway_that_is_seldom_asked_outlive_their_partition()
    {
        using var store = PostgresLedgerStore.Open(Small);
        store.Commit(TestRows.Commit("slow") with { Audits = [TestRows.Audit("slow", 1)] });
        for (var n = 1; n <= 40; n++)
            store.Commit(TestRows.Commit("gw1") with { Audits = [TestRows.Audit("gw1", n)] });

        store.Forget(Eleven, 100);

        Assert.That(await PartitionsAsync("audits"), Is.LessThan(5));
        Assert.That(store.ReadAudits("slow", long.MaxValue, 10).Items, Has.Count.EqualTo(1));
        Assert.That(store.ReadAudits("gw1", long.MaxValue, 10).Items, Has.Count.EqualTo(3));
        Assert.That(store.ReadAudits(null, long.MaxValue, 10).Items, Has.Count.EqualTo(4));
        Assert.That(
            store.Load().Gateways.Single(gateway => gateway.Gateway == "slow").LastAudit!.Requests,
            Is.EqualTo(1)
        );
    }

    [Test]
    public async Task A_partition_that_somebody_reads_stays_until_the_next_time()
    {
        using var store = PostgresLedgerStore.Open(Small);
        for (var n = 1; n <= 9; n++)
            store.Commit(Ended(n, "2026-01-31T09:50:00.000000Z"));
        await using (var reader = await database.Peer.OpenAsync(database.Schema))
        await using (var transaction = await reader.BeginTransactionAsync())
        {
            await using var command = new Npgsql.NpgsqlCommand(
                "SELECT count(*) FROM cdrs",
                reader,
                transaction
            );
            await command.ExecuteScalarAsync();
            Assert.That(store.Forget(Eleven, 100), Is.EqualTo(default(Forgotten)));
            store.Commit(Ended(10, "2026-01-31T09:50:00.000000Z"));
        }

        Assert.That(store.Forget(Eleven, 100), Is.EqualTo(new Forgotten(8, 0, 0, 0)));
    }
}

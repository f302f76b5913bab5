using CallServer.Host.Tests.Storage;
using CallServer.Interop.Peers;
using CallServer.Model;
using CallServer.Storage;
using CallServer.Storage.Postgres;
using CallServer.Surface;

namespace CallServer.Interop.Storing;

/// <summary>What hosts that write one record share, and what each has of its own.</summary>
internal sealed class SharedRecordTests : SharedRecordFixture
{
    private const int Each = 60;

    [Test]
    public async Task Numbers_of_hosts_that_write_side_by_side_are_followed_without_a_gap()
    {
        FleetHost[] hosts = [await HostAsync("a"), await HostAsync("b"), await HostAsync("c")];
        var reader = hosts[0].Store;
        var writing = Task.WhenAll(hosts.Select((host, unit) => Task.Run(() => WriteAsync(host, unit))));

        var (changes, entries) = (new List<long>(), new List<long>());
        var total = hosts.Length * Each;
        while (changes.Count < total || entries.Count < 2 * total)
        {
            Assert.That(writing.IsFaulted, Is.False, () => $"{writing.Exception}");
            changes.AddRange(
                reader.ReadChanges(changes.LastOrDefault(), 20).Items.Select(change => change.Sequence)
            );
            var page = reader.ReadAccounting("file", 20).Items;
            entries.AddRange(page.Select(entry => entry.Sequence));
            if (page.Count > 0)
                reader.AdvanceAccounting("file", page[^1].Sequence);
        }
        await writing;

        Assert.That(changes, Is.EqualTo(Enumerable.Range(1, total)));
        Assert.That(entries, Is.EqualTo(Enumerable.Range(1, 2 * total)));
        Assert.That(
            reader.ReadCdrs(null, null, 0, 1_000).Items.Select(cdr => cdr.Sequence),
            Is.EqualTo(Enumerable.Range(1, total))
        );
    }

    private static async Task WriteAsync(FleetHost host, int unit)
    {
        var fence = (await host.ClaimAsync(unit))[unit].Fence;
        for (var number = 0; number < Each; number++)
            Assert.That(host.Store.Commit(Commit(fence, $"c{number}")).Refused, Is.False);
    }

    [Test]
    public async Task A_server_alone_and_hosts_that_share_keep_each_other_out()
    {
        using (var alone = PostgresLedgerStore.Open(Database.Options))
        {
            Assert.That(() => PostgresLedgerStore.Open(Options("a")), Throws.TypeOf<StoreLockedException>());
            alone.Commit(TestRows.Commit());
        }
        var a = await HostAsync("a");

        Assert.That(() => PostgresLedgerStore.Open(Database.Options), Throws.TypeOf<StoreLockedException>());
        Assert.That((await a.ClaimAsync(1))[1].Gateways.Single().Gateway, Is.EqualTo("gw1"));
    }

    [Test]
    public async Task All_hosts_have_the_records_number_of_units()
    {
        await HostAsync("a");
        var more = Options("b") with { Shared = new SharedRecord(Units + 1, () => default) };

        Assert.That(
            () => PostgresLedgerStore.Open(more),
            Throws.TypeOf<StoreForeignException>().With.Message.Contains("16 units")
        );
    }

    [Test]
    public async Task A_commit_whose_end_is_not_heard_is_found_out_and_not_written_twice(
        [Values] bool refuses
    )
    {
        await using var proxy = new CutProxy(Database.Peer.Port);
        Assert.That(
            PostgresAddress.TryParse(
                $"postgres://cs@127.0.0.1:{proxy.Port}/postgres?schema={Database.Schema}",
                out var address,
                out _
            )
        );
        var (a, b) = (await HostAsync("a", Options("a") with { Address = address! }), await HostAsync("b"));
        var fence = (await a.ClaimAsync(1))[1].Fence;
        var other = (await b.ClaimAsync(2))[2].Fence;
        a.Store.Commit(Commit(fence, "before"));
        proxy.Arm(new CutProxy.Cut(Arrives: true, LeavesSession: true, refuses));
        var commit = Commit(fence);

        if (refuses)
        {
            Assert.That(() => a.Store.Commit(commit), Throws.InstanceOf<StoreUnavailableException>());
            b.Store.Commit(Commit(other));
            proxy.Restore();
        }
        var result = a.Store.Commit(commit);

        Assert.That(result.Changes.Single().Sequence, Is.EqualTo(2));
        Assert.That(b.Store.ReadCdrs(null, "gw1", 0, 10).Items, Has.Count.EqualTo(2));
        Assert.That(b.Store.ReadAudits("gw1", long.MaxValue, 10).Items, Has.Count.EqualTo(2));
    }

    [Test]
    public async Task A_host_that_stands_still_within_a_transaction_does_not_keep_the_others_from_writing()
    {
        var b = await HostAsync("b");
        var fence = (await b.ClaimAsync(1))[1].Fence;
        using var a = new WritingSession(Options("a"));
        using var awake = new ManualResetEventSlim();
        var stands = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var writing = Task.Run(() =>
            a.Write(
                durable: true,
                to =>
                {
                    var given = to.Numbers.Cdrs;
                    stands.SetResult();
                    awake.Wait();
                    return to.Scalar<long>("SELECT cdrs FROM numbers") - given;
                }
            )
        );
        await stands.Task;

        Assert.That(b.Store.Commit(Commit(fence)).Refused, Is.False);

        awake.Set();
        var fault = Assert.CatchAsync(() => writing);
        Assert.That(
            PostgresErrors.Translate(fault!, "here"),
            Is.TypeOf<StoreUnavailableException>().With.Message.Contains("stood still")
        );
        Assert.That(a.Write(durable: true, to => to.Numbers.Cdrs), Is.EqualTo(1), "it writes again");
    }

    [Test]
    public async Task A_host_goes_on_while_a_newer_one_has_brought_the_schema_up_to_date_and_does_not_start_again()
    {
        var a = await HostAsync("a");
        var fence = (await a.ClaimAsync(1))[1].Fence;
        // As docs/development.md asks of a migration.
        foreach (var table in (string[])["gateways", "connections", "cdrs", "unit", "writers", "meta"])
            await Database.Peer.AskAsync($"ALTER TABLE {Database.Schema}.{table} ADD COLUMN later text");
        await Database.Peer.AskAsync(
            $"UPDATE {Database.Schema}.meta SET value = value::integer + 1 WHERE key = 'schema_version'"
        );

        Assert.That(a.Store.Commit(Commit(fence)).Refused, Is.False);
        Assert.That((await a.ClaimAsync(1, 2)).Keys, Is.EquivalentTo(new[] { 1, 2 }));
        Assert.That(a.Store.ReadCdrs(null, "gw1", 0, 10).Items, Has.Count.EqualTo(1));
        Assert.That(() => PostgresLedgerStore.Open(Options("b")), Throws.TypeOf<StoreVersionException>());
    }

    [Test]
    public async Task A_record_is_handed_over_to_the_timeline_of_the_next_host()
    {
        var hour = TimeSpan.FromHours(1);
        var (a, b) = (await HostAsync("a", ahead: hour), await HostAsync("b"));
        var fence = (await a.ClaimAsync(1))[1].Fence;
        a.Store.Commit(Commit(fence, "before"));
        a.Store.Commit(Commit(fence, "a"));
        await DieAsync(a);

        var taken = await StartAsync(b);

        Assert.That(taken.Latest - taken.Earliest, Is.LessThan(TimeSpan.FromSeconds(10)));
        Assert.That(taken.Contains(Truth(TestRows.Noon - 60_010_000)), Is.True);
        Assert.That(taken.Contains(Truth(TestRows.Noon - 59_990_000)), Is.True);

        static long Truth(long written) => written - 3_600_000_000;
    }

    [Test]
    public async Task What_was_not_written_anew_stays_on_its_timeline_at_the_next_hand_over()
    {
        var hour = TimeSpan.FromHours(1);
        var (a, b, c) = (
            await HostAsync("a", ahead: hour),
            await HostAsync("b", ahead: -hour),
            await HostAsync("c")
        );
        a.Store.Commit(Commit((await a.ClaimAsync(1))[1].Fence));
        await DieAsync(a);
        var taken = (await b.ClaimAsync(1))[1];
        // It asked, and told only that: no step has written the rows.
        b.Store.Commit(
            new StoreCommit
            {
                Gateway = taken.Gateways.Single().Record.Row,
                Fence = taken.Fence,
                Changes = [TestRows.Change("release-refused")],
            }
        );
        await DieAsync(b);

        var start = await StartAsync(c);

        Assert.That(start.Latest - start.Earliest, Is.LessThan(TimeSpan.FromSeconds(10)));
        Assert.That(
            start.Contains(TestRows.Noon - 60_000_000 - 3_600_000_000),
            Is.True,
            $"{start.Earliest.Micros - TestRows.Noon} {start.Latest.Micros - TestRows.Noon}"
        );
    }

    private sealed record Span(Instant Earliest, Instant Latest)
    {
        public bool Contains(long micros) => Earliest.Micros <= micros && micros <= Latest.Micros;
    }

    /// <summary>The start of connection a as a host gets it with unit 1.</summary>
    private static async Task<Span> StartAsync(FleetHost host)
    {
        var record = (await host.ClaimAsync(1))[1].Gateways.Single().Record;
        var view = record.Find("a", new Instant(TestRows.Noon), TimeSpan.Zero);
        return new Span(Parse(view.Start.Earliest), Parse(view.Start.Latest));

        static Instant Parse(string text) =>
            InstantModule.ofDateTime(
                DateTimeOffset.Parse(text, System.Globalization.CultureInfo.InvariantCulture)
            );
    }
}

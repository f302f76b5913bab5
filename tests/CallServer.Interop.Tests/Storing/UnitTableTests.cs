using CallServer.Host.Tests.Storage;
using CallServer.Interop.Peers;
using CallServer.Storage;
using CallServer.Storage.Postgres;

namespace CallServer.Interop.Storing;

/// <summary>Who may take a unit, and that nobody else writes its gateways.</summary>
internal sealed class UnitTableTests : SharedRecordFixture
{
    [Test]
    public async Task A_claim_takes_what_is_free_and_its_own_under_a_higher_epoch()
    {
        var a = await HostAsync("a");

        var first = await a.ClaimAsync(3, 1);
        var again = await a.ClaimAsync(1);

        Assert.That(first.Values.Select(unit => unit.Fence.Epoch), Is.EqualTo(new[] { 1, 1 }));
        Assert.That(again[1].Fence, Is.EqualTo(new UnitFence(1, 2)));
        var held = (await a.Table.ReadAsync(CancellationToken.None)).Where(unit => unit.Owner is not null);
        Assert.That(
            held,
            Is.EqualTo(
                new[]
                {
                    new UnitHolding(new UnitFence(1, 2), a.Self),
                    new UnitHolding(new UnitFence(3, 1), a.Self),
                }
            )
        );
    }

    [Test]
    public async Task A_unit_is_taken_from_a_member_only_when_that_is_dead()
    {
        var (a, b) = (await HostAsync("a"), await HostAsync("b"));
        await a.ClaimAsync(1, 2);

        Assert.That((await b.ClaimAsync(1, 5)).Keys, Is.EqualTo(new[] { 5 }));
        await LeaveAsync(a);
        Assert.That(await b.ClaimAsync(1), Is.Empty);
        await DieAsync(a);
        var taken = await b.ClaimAsync(1, 2);

        Assert.That(taken.Values.Select(unit => unit.Fence.Epoch), Is.EqualTo(new[] { 2, 2 }));
    }

    [Test]
    public async Task Who_is_no_active_member_takes_nothing()
    {
        var a = await HostAsync("a");
        await DieAsync(a);

        var claims = await a.Table.ClaimAsync(a.Self, Wanted(1), CancellationToken.None);
        var stranger = await a.Table.ClaimAsync(
            a.Self with
            {
                Generation = 2,
            },
            Wanted(1),
            CancellationToken.None
        );

        Assert.That((claims.IsMember, claims.Units.Count), Is.EqualTo((false, 0)));
        Assert.That((stranger.IsMember, stranger.Units.Count), Is.EqualTo((false, 0)));
        Assert.That(
            (await a.Table.ReadAsync(CancellationToken.None)).Select(unit => unit.Fence.Epoch),
            Is.All.Zero
        );
    }

    [Test]
    public async Task Hosts_that_race_for_units_each_get_others()
    {
        FleetHost[] hosts = [await HostAsync("a"), await HostAsync("b"), await HostAsync("c")];
        int[] all = [.. Enumerable.Range(0, Units)];

        var claims = await Task.WhenAll(
            hosts.SelectMany(host =>
                all.Chunk(5).Append(all).Select(units => Task.Run(() => host.ClaimAsync(units)))
            )
        );

        // A host may take its own again, so that the highest epoch says who holds a unit.
        var taken = claims.SelectMany(units => units.Values).Select(unit => unit.Fence).ToList();
        Assert.That(taken, Is.Unique);
        var held = await hosts[0].Table.ReadAsync(CancellationToken.None);
        Assert.That(held.Select(unit => unit.Owner), Has.None.Null);
        Assert.That(
            held.Select(unit => unit.Fence.Epoch),
            Is.EqualTo(all.Select(unit => taken.Where(fence => fence.Unit == unit).Max(fence => fence.Epoch)))
        );
    }

    [Test]
    public async Task A_refused_commit_writes_nothing_of_that_gateway_and_all_of_the_others()
    {
        var (a, b) = (await HostAsync("a"), await HostAsync("b"));
        var own = await a.ClaimAsync(1, 2, 3);
        await DieAsync(a);
        await b.ClaimAsync(2);

        var results = a.Store.CommitAll([
            .. own.Values.OrderBy(unit => unit.Fence.Unit).Select(unit => Commit(unit.Fence)),
        ]);

        Assert.That(results.Select(result => result.Refused), Is.EqualTo(new[] { false, true, false }));
        Assert.That(results[1].Changes.Count + results[1].Cdrs.Count, Is.Zero);
        Assert.That(results[2].Changes.Single().Sequence, Is.EqualTo(2));
        foreach (var (unit, count) in new[] { (1, 1), (2, 0), (3, 1) })
            Assert.That(Counts(b.Store, Gateway(unit)), Has.All.EqualTo(count), Gateway(unit));
        Assert.That(
            b.Store.ReadChanges(0, 10).Items.Select(change => change.Gateway),
            Is.EqualTo(new[] { "gw1", "gw3" })
        );
        Assert.That(await AskAsync("SELECT count(*) FROM gateways"), Is.EqualTo(2));
    }

    [Test]
    public async Task A_claim_between_two_commits_loads_the_first_and_refuses_the_second()
    {
        var (a, b) = (await HostAsync("a"), await HostAsync("b"));
        var fence = (await a.ClaimAsync(1))[1].Fence;
        a.Store.Commit(Commit(fence, "a"));
        await DieAsync(a);

        var taken = (await b.ClaimAsync(1))[1];
        var late = a.Store.Commit(Commit(fence, "b"));
        var own = b.Store.Commit(Commit(taken.Fence, "c"));

        Assert.That(taken.Gateways.Single().Record.Known.Count, Is.EqualTo(1));
        Assert.That((late.Refused, own.Refused), Is.EqualTo((true, false)));
        Assert.That(b.Store.ReadConnections("gw1").Select(row => row.Id), Is.EqualTo(new[] { "a", "c" }));
    }

    [Test]
    public async Task A_claim_waits_for_a_commit_that_is_under_way_and_loads_what_it_wrote()
    {
        var (a, b) = (await HostAsync("a"), await HostAsync("b"));
        var fence = (await a.ClaimAsync(1))[1].Fence;
        await using var other = await Database.Peer.OpenAsync(Database.Schema);
        await using var held = await other.BeginTransactionAsync();
        await using (var hold = other.CreateCommand())
        {
            hold.CommandText = "SELECT FROM numbers FOR UPDATE";
            await hold.ExecuteNonQueryAsync();
        }
        var commit = Task.Run(() => a.Store.Commit(Commit(fence)));
        await WaitsAsync("a");
        await DieAsync(a);
        var claim = Task.Run(() => b.ClaimAsync(1));
        await WaitsAsync("b");

        await held.CommitAsync();

        Assert.That((await commit).Refused, Is.False);
        Assert.That((await claim)[1].Gateways.Single().Record.Known.Count, Is.EqualTo(1));
        Assert.That(a.Store.Commit(Commit(fence, "b")).Refused, Is.True);
    }

    [Test]
    public async Task What_is_handed_over_is_free_and_what_somebody_else_has_is_not_touched()
    {
        var (a, b) = (await HostAsync("a"), await HostAsync("b"));
        var own = await a.ClaimAsync(1, 2);
        var stale = (await a.ClaimAsync(2)).Count > 0 ? own[2].Fence : default;

        var freed = await a.Table.HandOverAsync([own[1].Fence, stale], CancellationToken.None);

        Assert.That(freed, Is.EqualTo(new[] { 1 }));
        Assert.That((await b.ClaimAsync(1, 2)).Values.Single().Fence, Is.EqualTo(new UnitFence(1, 2)));
    }

    [Test]
    public async Task An_epoch_that_the_database_has_lost_and_given_again_is_that_of_the_later_host()
    {
        var (a, b) = (await HostAsync("a"), await HostAsync("b"));
        var lost = (await a.ClaimAsync(1))[1].Fence;
        await AskAsync("UPDATE unit SET epoch = 0, writer = NULL, owner_address = NULL");

        var taken = (await b.ClaimAsync(1))[1].Fence;

        Assert.That(taken, Is.EqualTo(lost));
        Assert.That(a.Store.Commit(Commit(lost)).Refused, Is.True);
        Assert.That(b.Store.Commit(Commit(taken)).Refused, Is.False);
    }

    [Test]
    public async Task A_commit_without_a_fence_is_our_own_fault()
    {
        var a = await HostAsync("a");

        Assert.That(() => a.Store.Commit(TestRows.Commit()), Throws.TypeOf<InvalidOperationException>());
    }

    [Test]
    public async Task A_row_that_cannot_be_read_is_set_aside_before_a_host_replaces_it()
    {
        var (a, b) = (await HostAsync("a"), await HostAsync("b"));
        a.Store.Commit(Commit((await a.ClaimAsync(1))[1].Fence));
        await AskAsync("UPDATE connections SET start_evidence = 'hearsay'");
        await DieAsync(a);

        var taken = (await b.ClaimAsync(1))[1];
        b.Store.Commit(Commit(taken.Fence));

        Assert.That(taken.Gateways.Single().Record.Known.Count, Is.Zero);
        Assert.That(
            await AskAsync("SELECT count(*) FROM set_aside WHERE columns ->> 'start_evidence' = 'hearsay'"),
            Is.EqualTo(1)
        );
    }

    private static int[] Counts(PostgresLedgerStore store, string gateway) =>
        [
            store.ReadConnections(gateway).Count,
            store.ReadCdrs(null, gateway, 0, 100).Items.Count,
            store.ReadAudits(gateway, long.MaxValue, 100).Items.Count,
            store.ReadReleases(gateway, long.MaxValue, 100).Items.Count,
            store.ReadStory(gateway, "a", long.MaxValue, 100).Count,
            store.ReadAccounting("file", 100).Items.Count(entry => entry.Gateway == gateway) / 2,
        ];

    private async Task<object?> AskAsync(string sql)
    {
        await using var connection = await Database.Peer.OpenAsync(Database.Schema);
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        return await command.ExecuteScalarAsync();
    }

    /// <summary>Until a session of this host waits for a lock.</summary>
    private Task<string> WaitsAsync(string host) =>
        Eventually.GetAsync(
            async () =>
                await Database.Peer.AskAsync(
                    $"SELECT 'waits' FROM pg_stat_activity WHERE application_name = '{host}' AND wait_event_type = 'Lock'"
                ) as string,
            () => $"a session of {host} that waits for a lock"
        );
}

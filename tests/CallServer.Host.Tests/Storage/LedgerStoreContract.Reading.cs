using System.Text.Json;
using CallServer.Storage;
using NUnit.Framework;

namespace CallServer.Host.Tests.Storage;

/// <summary>The contract for reading CDRs, audits and changes back, page by page.</summary>
public abstract partial class LedgerStoreContract
{
    [Test]
    public void The_same_CDR_twice_is_one()
    {
        var first = Store.Commit(TestRows.Commit() with { Cdrs = [TestRows.Cdr("x")] });
        var again = Reopen()
            .Commit(
                TestRows.Commit() with
                {
                    Cdrs = [TestRows.Cdr("x", end: "2026-01-31T10:00:07.000000Z"), TestRows.Cdr("y")],
                }
            );

        Assert.That(first.Cdrs, Has.Count.EqualTo(1));
        Assert.That(again.Cdrs.Single().Json, Does.Contain("\"y\""));
        var all = Store.ReadCdrs(null, null, 0, 10).Items;
        Assert.That(all, Is.EqualTo(new[] { first.Cdrs[0], again.Cdrs[0] }));
    }

    private IEnumerable<string> Kept() =>
        Store
            .ReadCdrs(null, null, 0, 100)
            .Items.Select(cdr => JsonDocument.Parse(cdr.Json).RootElement.GetProperty("id").GetString()!);

    /// <summary>The store under test keeps CDRs for an hour.</summary>
    [Test]
    public void CDRs_that_are_old_are_forgotten_and_not_what_waits_to_be_told()
    {
        Store.RegisterReaders(["file"]);
        Store.Commit(
            TestRows.Commit() with
            {
                Cdrs =
                [
                    TestRows.Cdr("a", end: "2026-01-31T09:00:00.000000Z"),
                    TestRows.Cdr("b", end: "2026-01-31T10:30:00.000000Z"),
                    TestRows.Cdr("c", end: "2026-01-31T09:59:59.999999Z"),
                    TestRows.Cdr("d", end: "2026-01-31T10:00:00.000000Z"),
                ],
            }
        );
        var now = new DateTimeOffset(2026, 1, 31, 11, 0, 0, TimeSpan.Zero);

        Assert.That(Store.Forget(now, 1), Is.EqualTo(new Forgotten(1, 0, 0, 0)));
        Assert.That(Store.Forget(now, 10), Is.EqualTo(new Forgotten(1, 0, 0, 0)));
        Assert.That(Store.Forget(now, 10), Is.EqualTo(default(Forgotten)));
        _ = Reopen();

        Assert.That(Kept(), Is.EqualTo(new[] { "b", "d" }));
        Store.RegisterReaders(["file"]);
        Assert.That(Store.CountAccounting("file"), Is.EqualTo(4));
    }

    /// <summary>The store under test keeps ten CDRs.</summary>
    [Test]
    public void CDRs_that_are_too_many_are_forgotten_oldest_first()
    {
        const string End = "2026-01-31T10:00:00.000000Z";
        for (var n = 0; n < 25; n++)
            Store.Commit(TestRows.Commit() with { Cdrs = [TestRows.Cdr($"{n}", end: End)] });
        var now = new DateTimeOffset(2026, 1, 31, 10, 0, 0, TimeSpan.Zero);

        Assert.That(Store.Forget(now, 12), Is.EqualTo(new Forgotten(0, 12, 0, 0)));
        Assert.That(Store.Forget(now, 12), Is.EqualTo(new Forgotten(0, 3, 0, 0)));
        Assert.That(Kept(), Is.EqualTo(Enumerable.Range(15, 10).Select(n => $"{n}")));
    }

    [Test]
    public void Where_ids_are_reused_the_end_tells_CDRs_apart()
    {
        var one = TestRows.Cdr("x", end: "2026-01-31T10:00:00.000000Z", reused: true);
        var other = TestRows.Cdr("x", end: "2026-01-31T10:00:00.000001Z", reused: true);

        Store.Commit(TestRows.Commit() with { Cdrs = [one, other] });
        Store.Commit(TestRows.Commit() with { Cdrs = [other, one] });

        Assert.That(Store.ReadCdrs(null, null, 0, 10).Items, Has.Count.EqualTo(2));
    }

    [Test]
    public void A_CDR_is_kept_as_the_one_line_that_is_shown()
    {
        var cdr = TestRows.Cdr("x", originator: "\"Zoë\" <+41>\n😀");
        Store.Commit(TestRows.Commit() with { Cdrs = [cdr] });

        var json = Reopen().ReadCdrs(null, null, 0, 10).Items.Single().Json;

        Assert.That(json, Is.EqualTo(RecordJson.Cdr(cdr)));
        Assert.That(json, Does.Not.Contain('\n'));
        Assert.That(
            JsonDocument.Parse(json).RootElement.GetProperty("originator").GetString(),
            Is.EqualTo(cdr.Originator)
        );
    }

    [Test]
    public void Releases_are_kept_all_and_read_newest_first()
    {
        for (var i = 0; i < 7; i++)
            Store.Commit(
                TestRows.Commit(i % 2 == 0 ? "gw1" : "gw2") with
                {
                    Releases = [TestRows.Release($"{i}", i % 2 == 0 ? "gw1" : "gw2")],
                }
            );

        var first = Reopen().ReadReleases(null, long.MaxValue, 4);
        var rest = Store.ReadReleases(null, first.Next!.Value, 4);

        Assert.That(
            first
                .Items.Concat(rest.Items)
                .Select(release =>
                    JsonDocument.Parse(release.Json).RootElement.GetProperty("connection").GetString()
                ),
            Is.EqualTo(new[] { "6", "5", "4", "3", "2", "1", "0" })
        );
        Assert.That(rest.Next, Is.Null);
        Assert.That(Store.ReadReleases("gw2", long.MaxValue, 10).Items, Has.Count.EqualTo(3));
        Assert.That(first.Items[0].Json, Is.EqualTo(RecordJson.Release(TestRows.Release("6"))));
    }

    [Test]
    public void Reports_of_takeovers_are_kept_and_read_newest_first()
    {
        for (var epoch = 2; epoch <= 1_005; epoch++)
            Store.AddRecovery(TestRows.Recovery(epoch));

        var first = Reopen().ReadRecoveries(long.MaxValue, 3);
        var second = Store.ReadRecoveries(first.Next!.Value, 1_000);

        Assert.That(first.Items[0].Json, Is.EqualTo(RecordJson.Recovery(TestRows.Recovery(1_005))));
        Assert.That(first.Items.Select(report => report.Sequence), Is.Ordered.Descending);
        Assert.That(second.Items, Has.Count.EqualTo(997), "the newest thousand are kept");
        Assert.That(second.Next, Is.Null);
    }

    [Test]
    public void The_role_is_kept()
    {
        Assert.That(Store.Load().Identity.Acted, Is.Null);

        Store.SetRole(true);
        var acts = Reopen().Load().Identity;
        Store.SetRole(false);
        var watches = Reopen().Load().Identity;

        using (Assert.EnterMultipleScope())
        {
            Assert.That(acts.Acted, Is.True);
            Assert.That(watches.Acted, Is.False);
        }
    }

    [Test]
    public void CDRs_are_found_by_their_ids()
    {
        Store.Commit(TestRows.Commit() with { Cdrs = [TestRows.Cdr("1"), TestRows.Cdr("2")] });

        var ids = Reopen()
            .ReadCdrs(null, null, 0, 10)
            .Items.Select(cdr => JsonDocument.Parse(cdr.Json).RootElement.GetProperty("id").GetString()!)
            .ToList();

        Assert.That(Store.FindCdrs([ids[1], "none", ids[0], ids[0]]), Is.EquivalentTo(ids));
        Assert.That(Store.FindCdrs([]), Is.Empty);
    }

    [Test]
    public void Changes_of_no_gateways_record_are_numbered_with_the_others()
    {
        var commit = Store.Commit(TestRows.Commit() with { Changes = [TestRows.Change("opened")] });
        var added = Store.AddChanges([TestRows.Change("finding"), TestRows.Change("finding-cleared")]);

        Assert.That(added.Cdrs, Is.Empty);
        Assert.That(
            Reopen().ReadChanges(0, 10).Items,
            Is.EqualTo(new[] { commit.Changes[0], added.Changes[0], added.Changes[1] })
        );
        Assert.That(added.Changes[0].Sequence, Is.GreaterThan(commit.Changes[0].Sequence));
    }

    [Test]
    public void CDRs_are_read_page_by_page_in_the_order_of_writing()
    {
        for (var i = 0; i < 7; i++)
            Store.Commit(TestRows.Commit() with { Cdrs = [TestRows.Cdr($"{i}")] });

        List<StoredCdr> read = [];
        List<int> sizes = [];
        for (long? cursor = 0; cursor is { } from; )
        {
            var page = Store.ReadCdrs(null, null, from, 3);
            read.AddRange(page.Items);
            sizes.Add(page.Items.Count);
            cursor = page.Next;
        }

        Assert.That(sizes, Is.EqualTo(new[] { 3, 3, 1 }));
        Assert.That(read.Select(cdr => Id(cdr.Json)), Is.EqualTo(Enumerable.Range(0, 7).Select(i => $"{i}")));
        Assert.That(read.Select(cdr => cdr.Sequence), Is.Ordered.And.Unique);
    }

    [Test]
    public void A_last_page_that_is_just_full_says_that_it_is_the_last()
    {
        Store.Commit(TestRows.Commit() with { Cdrs = [TestRows.Cdr("a"), TestRows.Cdr("b")] });

        Assert.That(Store.ReadCdrs(null, null, 0, 2).Next, Is.Null);
    }

    [Test]
    public void CDRs_are_found_by_gateway_and_by_end()
    {
        string[] ends =
        [
            "2026-01-31T09:59:59.999999Z",
            "2026-01-31T10:00:00.000000Z",
            "2026-01-31T11:00:00.000000Z",
        ];
        foreach (var gateway in new[] { "gw1", "gw2" })
            Store.Commit(
                TestRows.Commit(gateway) with
                {
                    Cdrs = [.. ends.Select((end, i) => TestRows.Cdr($"{gateway}-{i}", gateway, end))],
                }
            );

        string[] Read(DateTimeOffset? since, string? gateway) =>
            [.. Store.ReadCdrs(since, gateway, 0, 10).Items.Select(cdr => Id(cdr.Json))];

        var ten = new DateTimeOffset(2026, 1, 31, 11, 0, 0, TimeSpan.FromHours(1));
        Assert.That(Read(ten, null), Is.EqualTo(new[] { "gw1-1", "gw1-2", "gw2-1", "gw2-2" }));
        Assert.That(Read(null, "gw2"), Is.EqualTo(new[] { "gw2-0", "gw2-1", "gw2-2" }));
        Assert.That(Read(ten.AddMinutes(1), "gw1"), Is.EqualTo(new[] { "gw1-2" }));
        Assert.That(Read(null, "gw3"), Is.Empty);
    }

    [Test]
    public void A_search_looks_at_a_part_at_a_time_and_says_where_it_goes_on()
    {
        const int many = 20_001;
        Store.Commit(
            TestRows.Commit() with
            {
                Cdrs =
                [
                    .. Enumerable
                        .Range(1, many)
                        .Select(i => TestRows.Cdr($"{i}", originator: i == many ? "needle" : "hay")),
                ],
            }
        );
        var needle = new CdrFilter { Originator = "NEED*" };

        var first = Reopen().SearchCdrs(needle, newestFirst: false, null, 10);
        var second = Store.SearchCdrs(needle, newestFirst: false, first.Next, 10);

        Assert.That(first.Items, Is.Empty);
        Assert.That(second.Items.Select(cdr => Id(cdr.Json)), Is.EqualTo(new[] { $"{many}" }));
        Assert.That(second.Next, Is.Null);
        Assert.That(Store.SearchCdrs(needle, newestFirst: true, null, 1).Items, Has.Count.EqualTo(1));
    }

    [Test]
    public void A_search_ends_with_the_last_CDR_that_fits()
    {
        Store.Commit(
            TestRows.Commit() with
            {
                Cdrs =
                [
                    .. Enumerable
                        .Range(0, 6)
                        .Select(i => TestRows.Cdr($"{i}", originator: i < 4 ? "a" : "b")),
                ],
            }
        );
        var a = new CdrFilter { Originator = "a" };

        var first = Store.SearchCdrs(a, newestFirst: false, null, 2);
        var second = Store.SearchCdrs(a, newestFirst: false, first.Next, 2);

        Assert.That(
            first.Items.Concat(second.Items).Select(cdr => Id(cdr.Json)),
            Is.EqualTo(new[] { "0", "1", "2", "3" })
        );
        Assert.That(second.Next, Is.Null);
    }

    [Test]
    public void A_CDR_is_found_by_its_id()
    {
        Store.Commit(TestRows.Commit() with { Cdrs = [TestRows.Cdr("a"), TestRows.Cdr("b")] });

        Assert.That(Id(Reopen().FindCdr("b")!.Json), Is.EqualTo("b"));
        Assert.That(Store.FindCdr("c"), Is.Null);
    }

    [Test]
    public void A_story_is_the_newest_changes_of_one_id_oldest_first()
    {
        foreach (var kind in (string[])["opened", "updated", "closed"])
            Store.Commit(
                TestRows.Commit() with
                {
                    Changes =
                    [
                        TestRows.Change(kind, "c1"),
                        TestRows.Change(kind, "c2"),
                        TestRows.Change(kind, null),
                    ],
                }
            );

        string[] Kinds(long before, int limit) =>
            [.. Store.ReadStory("gw1", "c1", before, limit).Select(change => change.Kind)];

        Reopen();
        Assert.That(Kinds(long.MaxValue, 10), Is.EqualTo(new[] { "opened", "updated", "closed" }));
        Assert.That(Kinds(long.MaxValue, 2), Is.EqualTo(new[] { "updated", "closed" }));
        Assert.That(
            Kinds(Store.ReadStory("gw1", "c1", long.MaxValue, 1)[0].Sequence, 1),
            Is.EqualTo(new[] { "updated" })
        );
        Assert.That(Store.ReadStory("gw2", "c1", long.MaxValue, 10), Is.Empty);
    }

    [Test]
    public void The_newest_changes_are_kept_and_numbered_for_ever()
    {
        var first = Store.Commit(TestRows.Commit() with { Changes = [TestRows.Change("opened", "c0")] });
        for (var i = 1; i < 25; i++)
        {
            Store.Commit(TestRows.Commit() with { Changes = [TestRows.Change("updated", $"c{i}")] });
            if (i % 10 == 0)
                Reopen();
        }

        var start = first.Changes[0].Sequence;
        var page = Store.ReadChanges(start, 100);

        Assert.That(page.Missed, Is.True);
        Assert.That(page.Newest, Is.EqualTo(start + 24));
        Assert.That(
            page.Items.Select(change => change.Sequence),
            Is.EqualTo(Enumerable.Range(15, 10).Select(i => start + i))
        );
        Assert.That(page.Items[^1].Json, Does.Contain("\"connection\":\"c24\""));
        Assert.That(page.Items[^1].Kind, Is.EqualTo("updated"));
        Assert.That(Store.ReadChanges(start + 14, 3).Missed, Is.False);
        Assert.That(Store.ReadChanges(start + 14, 3).Items, Has.Count.EqualTo(3));
        Assert.That(
            Store.ReadChanges(start + 24, 3),
            Has.Property("Missed").False.And.Property("Items").Empty
        );
    }

    [Test]
    public void One_commit_may_hold_more_changes_than_are_kept()
    {
        var changes = Enumerable.Range(0, 15).Select(i => TestRows.Change("opened", $"c{i}")).ToArray();

        var result = Store.Commit(TestRows.Commit() with { Changes = changes });

        Assert.That(result.Changes, Has.Count.EqualTo(15));
        Assert.That(Store.ReadChanges(0, 100).Items, Is.EqualTo(result.Changes.Skip(5)));
    }

    [Test]
    public void The_newest_audits_of_each_gateway_are_kept_and_read_newest_first()
    {
        for (var i = 0; i < 5; i++)
            foreach (var gateway in new[] { "gw1", "gw2" })
                Store.Commit(TestRows.Commit(gateway) with { Audits = [TestRows.Audit(gateway, i)] });

        var first = Reopen().ReadAudits("gw1", long.MaxValue, 2);
        var second = Store.ReadAudits("gw1", first.Next!.Value, 2);
        var all = Store.ReadAudits(null, long.MaxValue, 100);

        Assert.That(first.Items.Concat(second.Items).Select(Requests), Is.EqualTo(new[] { 4, 3, 2 }));
        Assert.That(second.Next, Is.Null);
        Assert.That(all.Items.Select(Requests), Is.EqualTo(new[] { 4, 4, 3, 3, 2, 2 }));
        Assert.That(all.Items[0].Json, Is.EqualTo(RecordJson.Audit(TestRows.Audit("gw2", 4))));

        static int Requests(StoredAudit audit) =>
            JsonSerializer.Deserialize<AuditSummary>(audit.Json, RecordJson.Camel)!.Requests;
    }

    private static string Id(string json) =>
        JsonDocument.Parse(json).RootElement.GetProperty("id").GetString()!;
}

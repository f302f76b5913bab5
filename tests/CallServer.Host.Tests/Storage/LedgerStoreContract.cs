using CallServer.Storage;
using CallServer.Surface;
using NUnit.Framework;

namespace CallServer.Host.Tests.Storage;

/// <summary>
/// What every store must do. A store's own fixture inherits this, says how to open the store, and how to make a write
/// fail in the middle of a commit.
/// </summary>
public abstract partial class LedgerStoreContract
{
    /// <summary>The parts of a commit, in the order in which they may be written.</summary>
    public enum Part
    {
        Gateway,
        Upsert,
        Delete,
        Audit,
        Cdr,
        Accounting,
        Change,
        Release,
    }

    private ILedgerStore? _store;

    /// <summary>The store of this test, opened on first use and again after <see cref="Reopen"/>.</summary>
    protected ILedgerStore Store => _store ??= OpenStore();

    /// <summary>
    /// Opens this test's store: the same one each time within a test, empty at first. It keeps 10 changes and 3
    /// audits.
    /// </summary>
    protected abstract ILedgerStore OpenStore();

    /// <summary>Makes every write of this part fail until the result is disposed.</summary>
    protected abstract IDisposable Break(Part part);

    /// <summary>Damages a stored connection so that the core does not recognise its words.</summary>
    protected abstract void Garble(string gateway, string? connection);

    /// <summary>Number of rows that were set aside before something replaced them.</summary>
    protected abstract int CountSetAside();

    protected ILedgerStore Reopen()
    {
        _store?.Dispose();
        _store = null;
        return Store;
    }

    [TearDown]
    public void CloseStore()
    {
        _store?.Dispose();
        _store = null;
    }

    [Test]
    public void A_new_store_holds_nothing()
    {
        var image = Store.Load();

        Assert.That(image.Gateways, Is.Empty);
        Assert.That(image.Unreadable, Is.Empty);
        Assert.That(image.Correction, Is.EqualTo(TimeSpan.Zero));
        Assert.That(image.Identity, Is.EqualTo(new StoreIdentity(null, 0, null)));
        Assert.That(Store.ReadCdrs(null, null, 0, 10).Items, Is.Empty);
        Assert.That(Store.ReadAudits(null, long.MaxValue, 10).Items, Is.Empty);
        Assert.That(Store.ReadChanges(0, 10).Items, Is.Empty);
        Assert.That(Store.ReadReleases(null, long.MaxValue, 10).Items, Is.Empty);
        Assert.That(Store.ReadAccounting("cdr-file", 10).Items, Is.Empty);
        Assert.That(Store.ReadHeld(0, 10).Items, Is.Empty);
    }

    [Test]
    public void Every_column_comes_back()
    {
        ConnectionRow[] rows =
        [
            TestRows.Bare("a"),
            TestRows.Connection("b"),
            TestRows.Connection("c", change: row => row.Originator = "Zoë 😀 «\"'\\;--» \u0001\t\r\n\0 end"),
            TestRows.Connection("d", change: row => row.Call = row.Endpoint = ""),
            TestRows.Connection(
                "e",
                change: row =>
                {
                    (row.StartEarliest, row.StartLatest) = (null, long.MaxValue - 1);
                    (row.FirstHeard, row.Run) = (long.MinValue + 1, int.MaxValue);
                }
            ),
            TestRows.Connection("Ω/端点;42"),
            TestRows.Connection(
                "ω",
                change: row =>
                    (row.Call, row.Endpoint, row.Remote) = (
                        new string('é', 1_000),
                        new string('x', 70_000),
                        new string('端', 700)
                    )
            ),
        ];

        Store.Commit(TestRows.Commit(rows));

        Assert.That(Reopen().ReadConnections("gw1"), Is.EqualTo(rows));
    }

    [Test]
    public void A_gateways_own_row_comes_back([Values] bool bare)
    {
        var row = bare
            ? new GatewayRow
            {
                Gateway = "gw1",
                AbsencesToClose = 1,
                Run = 1,
                Completes = "",
            }
            : TestRows.Gateway();
        Store.Commit(new StoreCommit { Gateway = row });

        var record = Reopen().Load().Gateways.Single().Record;

        Assert.That(record.Gateway, Is.EqualTo("gw1"));
        Assert.That(record.OpenedTotal, Is.EqualTo(row.OpenedTotal));
        Assert.That(record.ClosedTotal, Is.EqualTo(row.ClosedTotal));
        Assert.That(record.ConflictsTotal, Is.EqualTo(row.ConflictsTotal));
        Assert.That(ReadGateway("gw1"), Is.EqualTo(row));
    }

    [Test]
    public void Each_gateway_gets_its_own_connections_and_last_audit()
    {
        Store.Commit(
            TestRows.Commit(TestRows.Connection("same"), TestRows.Connection("b")) with
            {
                Audits = [TestRows.Audit(requests: 1), TestRows.Audit(requests: 2)],
            }
        );
        Store.Commit(TestRows.Commit(TestRows.Connection("same", "gw2")));
        Store.Commit(TestRows.Commit("gw3"));

        var gateways = Reopen().Load().Gateways.OrderBy(gateway => gateway.Gateway).ToArray();

        Assert.That(gateways.Select(gateway => gateway.Gateway), Is.EqualTo(new[] { "gw1", "gw2", "gw3" }));
        Assert.That(gateways.Select(gateway => gateway.Record.Count), Is.EqualTo(new[] { 2, 1, 0 }));
        Assert.That(
            gateways.Select(gateway => gateway.Record.UnconfirmedCount),
            Is.EqualTo(new[] { 2, 1, 0 })
        );
        Assert.That(gateways[0].LastAudit!.Requests, Is.EqualTo(2));
        Assert.That(gateways[0].LastAudit!.Proof, Is.EqualTo(TestRows.Audit().Proof));
        Assert.That(gateways[1].LastAudit, Is.Null);
    }

    [Test]
    public void A_commit_replaces_deletes_and_writes_CDRs_at_once()
    {
        Store.Commit(TestRows.Commit(TestRows.Connection("a"), TestRows.Connection("b")));
        var newer = TestRows.Connection("a", change: row => row.ConfirmedCount = 99);

        Store.Commit(TestRows.Commit(newer) with { Deletes = ["b"], Cdrs = [TestRows.Cdr("cdr-b")] });

        Assert.That(Reopen().ReadConnections("gw1"), Is.EqualTo(new[] { newer }));
        Assert.That(Store.ReadCdrs(null, null, 0, 10).Items.Single().Json, Does.Contain("cdr-b"));
    }

    [Test]
    public void What_was_merely_confirmed_comes_back_as_the_gateways_row_tells_it()
    {
        ConnectionRow Missed() => TestRows.Connection("b", change: row => row.Status = "unconfirmed");
        ConnectionRow Later() => TestRows.Connection("c", change: row => row.Step = 43);
        Store.Commit(TestRows.Commit(TestRows.Connection("a"), Missed(), TestRows.Connection("d")));
        Store.Commit(TestRows.Commit(Later()) with { Gateway = Confirming(43, 10, 0, 7) });

        ConnectionRow[] expected =
        [
            TestRows.Connection(
                "a",
                change: row => (row.LastHeard, row.ConfirmedCount, row.Step) = (TestRows.Noon + 10, 8, 43)
            ),
            Missed(),
            Later(),
            TestRows.Connection(
                "d",
                change: row => (row.LastHeard, row.ConfirmedCount, row.Step) = (TestRows.Noon + 7, 8, 43)
            ),
        ];
        Assert.That(Reopen().ReadConnections("gw1"), Is.EqualTo(expected));
        var record = Store.Load().Gateways.Single().Record;
        var seen = record
            .Connections(new Model.Instant(TestRows.Noon + 20), TimeSpan.Zero)
            .Select(view => (view.Id, view.ConfirmedCount, view.LastHeard));
        Assert.That(
            seen,
            Is.EqualTo(
                new[]
                {
                    ("a", 8, "2026-01-31T10:00:00.000010Z"),
                    ("b", 6, "2026-01-31T10:00:00.000000Z"),
                    ("c", 6, "2026-01-31T10:00:00.000000Z"),
                    ("d", 8, "2026-01-31T10:00:00.000007Z"),
                }
            )
        );
    }

    [Test]
    public void A_connection_that_cannot_be_read_takes_no_others_moment()
    {
        Store.Commit(
            TestRows.Commit(TestRows.Connection("a"), TestRows.Connection("b"), TestRows.Connection("c"))
        );
        Store.Commit(new StoreCommit { Gateway = Confirming(42, 1, 2, 3) });
        Garble("gw1", "b");

        var record = Reopen().Load().Gateways.Single().Record;

        Assert.That(
            record
                .Connections(new Model.Instant(TestRows.Noon + 20), TimeSpan.Zero)
                .Select(view => (view.Id, view.LastHeard)),
            Is.EqualTo(new[] { ("a", "2026-01-31T10:00:00.000001Z"), ("c", "2026-01-31T10:00:00.000003Z") })
        );
    }

    [Test]
    public void Without_the_gateways_own_row_nothing_is_taken_for_confirmed_since()
    {
        Store.Commit(TestRows.Commit(TestRows.Connection("a"), TestRows.Connection("b")));
        Store.Commit(
            TestRows.Commit(TestRows.Connection("b", change: row => row.Step = 42)) with
            {
                Gateway = Confirming(42, 1, 2),
            }
        );
        Garble("gw1", null);

        var record = Reopen().Load().Gateways.Single().Record;

        Assert.That(
            record
                .Connections(new Model.Instant(TestRows.Noon + 20), TimeSpan.Zero)
                .Select(view => view.ConfirmedCount),
            Is.EqualTo(new[] { 6, 6 })
        );
    }

    /// <summary>The gateway's row after a step that heard its confirmed connections so long after noon.</summary>
    private static GatewayRow Confirming(long step, params long[] afterNoon) =>
        TestRows.Gateway(change: row =>
            (row.Step, row.Heard) = (
                step,
                TestRows.Heard([.. afterNoon.Select(micros => TestRows.Noon + micros)])
            )
        );

    [Test]
    public void A_commit_that_fails_leaves_nothing_and_can_be_tried_again([Values] Part part)
    {
        Store.Load();
        Store.Commit(TestRows.Commit(TestRows.Connection("a"), TestRows.Connection("b")));
        var before = Everything();
        var commit = new StoreCommit
        {
            Gateway = TestRows.Gateway(change: row => row.Run = 4),
            Upserts = [TestRows.Connection("c"), TestRows.Connection("a", change: row => row.Run = 4)],
            Deletes = ["b"],
            Cdrs = [TestRows.Cdr("cdr-b")],
            Changes = [TestRows.Change("closed", "b"), TestRows.Change("opened", "c")],
            Audits = [TestRows.Audit()],
            Releases = [TestRows.Release("b")],
            Starts = [TestRows.Cdr("cdr-c")],
            Interims = [TestRows.Cdr("cdr-a")],
        };

        using (Break(part))
            Assert.That(() => Store.Commit(commit), Throws.InstanceOf<Exception>());

        Assert.That(Everything(), Is.EqualTo(before));
        var result = Store.Commit(commit);
        Assert.That(result.Cdrs, Has.Count.EqualTo(1));
        Assert.That(result.Changes, Has.Count.EqualTo(2));
        Reopen();
        Assert.That(Store.ReadConnections("gw1").Select(row => row.Id), Is.EqualTo(new[] { "a", "c" }));
        Assert.That(Store.ReadCdrs(null, null, 0, 10).Items, Is.EqualTo(result.Cdrs));
        Assert.That(Store.ReadChanges(0, 10).Items, Is.EqualTo(result.Changes));
        Assert.That(Store.ReadAudits(null, long.MaxValue, 10).Items, Has.Count.EqualTo(1));
        Assert.That(Store.ReadReleases(null, long.MaxValue, 10).Items, Has.Count.EqualTo(1));
        Assert.That(Store.ReadAccounting("file", 10).Items, Has.Count.EqualTo(3));
    }

    [Test]
    public void Commits_of_several_gateways_are_written_in_their_order(
        [Values(1, 15, 16, 17, 40)] int changes
    )
    {
        StoreCommit Of(string gateway) =>
            TestRows.Commit(TestRows.Connection("a", gateway)) with
            {
                Changes =
                [
                    .. Enumerable.Range(0, changes).Select(n => TestRows.Change("opened", $"{n}", gateway)),
                ],
                Cdrs = [TestRows.Cdr("same", "gw1"), TestRows.Cdr($"cdr-{gateway}", gateway)],
            };

        var results = Store.CommitAll([Of("gw1"), Of("gw2"), Of("gw3")]);

        var all = results.SelectMany(result => result.Changes).ToArray();
        Assert.That(
            all.Select(change => (change.Sequence, change.Gateway, change.Connection)),
            Is.EqualTo(
                from n in Enumerable.Range(0, 3 * changes)
                select (n + 1L, $"gw{n / changes + 1}", $"{n % changes}")
            )
        );
        Assert.That(Reopen().ReadChanges(0, 1000).Items, Is.EqualTo(all.TakeLast(10)));
        Assert.That(
            results.Select(result => result.Cdrs.Count),
            Is.EqualTo(new[] { 2, 1, 1 }),
            "the same CDR is new once"
        );
        Assert.That(
            Store.ReadCdrs(null, null, 0, 10).Items,
            Is.EqualTo(results.SelectMany(result => result.Cdrs))
        );
        Assert.That(Store.Load().Gateways, Has.All.Property("Record").Property("Count").EqualTo(1));
    }

    [Test]
    public void Entries_of_the_outbox_come_in_their_order([Values(1, 16, 35)] int starts)
    {
        var began = Enumerable.Range(0, starts).Select(n => TestRows.Cdr($"{n}")).ToArray();

        Store.Commit(TestRows.Commit() with { Starts = began, Interims = began });

        var entries = Store.ReadAccounting("file", 1000).Items;
        Assert.That(
            entries.Select(entry => (entry.Sequence, entry.Id, entry.Kind)),
            Is.EqualTo(
                from n in Enumerable.Range(0, 2 * starts)
                select (n + 1L, $"{n % starts}", n < starts ? AccountingKind.Start : AccountingKind.Interim)
            )
        );
        Assert.That(
            entries.Select(entry => entry.Json),
            Is.EqualTo(began.Concat(began).Select(RecordJson.Cdr))
        );
    }

    [Test]
    public void Identity_and_steps_of_the_clock_are_kept()
    {
        var steps = Enumerable
            .Range(0, 102)
            .Select(n => new ClockStep(
                new Model.Instant(TestRows.Noon + n),
                TimeSpan.FromMicroseconds(n % 2 == 0 ? n : -n)
            ))
            .ToArray();
        Store.SetIdentity("cs-a", 7);
        Store.AddSteps(steps[..2], TimeSpan.FromMicroseconds(1));
        Store.AddSteps(steps[2..], TimeSpan.FromMicroseconds(-3_600_000_001));

        var image = Reopen().Load();

        Assert.That(image.Identity.Name, Is.EqualTo("cs-a"));
        Assert.That(image.Identity.Epoch, Is.EqualTo(7));
        Assert.That(image.Identity.LastOpened, Is.Not.Null);
        Assert.That(image.Correction, Is.EqualTo(TimeSpan.FromMicroseconds(-3_600_000_001)));
        Assert.That(image.Steps, Is.EqualTo(steps[2..]), "the newest hundred");
    }

    [Test]
    public void What_cannot_be_read_is_named_and_the_rest_is_restored()
    {
        Store.Commit(
            TestRows.Commit(TestRows.Connection("a"), TestRows.Connection("b"), TestRows.Connection("c"))
        );
        Store.Commit(TestRows.Commit(TestRows.Connection("d", "gw2")));
        Garble("gw1", "b");
        Garble("gw2", null);

        var image = Reopen().Load();

        Assert.That(
            image.Unreadable.Select(row => (row.Gateway, row.Connection)),
            Is.EquivalentTo(new[] { ("gw1", "b"), ("gw2", null) })
        );
        Assert.That(image.Unreadable, Has.All.Property("Why").Not.Empty);
        Assert.That(
            image.Gateways.ToDictionary(gateway => gateway.Gateway, gateway => gateway.Record.Count),
            Is.EqualTo(new Dictionary<string, int> { ["gw1"] = 2, ["gw2"] = 1 })
        );
        Assert.That(Store.ReadConnections("gw1").Select(row => row.Id), Does.Contain("b"));
        Assert.That(CountSetAside(), Is.Zero);
    }

    [Test]
    public void What_cannot_be_read_is_copied_before_it_is_replaced()
    {
        Store.Commit(TestRows.Commit(TestRows.Connection("a"), TestRows.Connection("b")));
        Garble("gw1", "b");
        Garble("gw1", null);
        Reopen().Load();

        Store.Commit(TestRows.Commit(TestRows.Connection("a")));
        Assert.That(CountSetAside(), Is.EqualTo(1), "the gateway's own row");
        Store.Commit(TestRows.Commit(TestRows.Connection("b")));
        Assert.That(CountSetAside(), Is.EqualTo(2), "and the connection's");
        Store.Commit(TestRows.Commit(TestRows.Connection("b")));
        Assert.That(CountSetAside(), Is.EqualTo(2), "each once");

        Assert.That(Reopen().Load().Unreadable, Is.Empty);
    }

    [Test]
    public void It_takes_commits_and_readers_from_several_threads()
    {
        Store.Load();
        Parallel.For(
            0,
            8,
            shard =>
            {
                for (var i = 0; i < 20; i++)
                {
                    var row = TestRows.Connection($"{i}", $"gw{shard}");
                    Store.Commit(
                        TestRows.Commit(row) with
                        {
                            Cdrs = [TestRows.Cdr($"{shard}/{i}", $"gw{shard}")],
                        }
                    );
                    Assert.That(Store.ReadCdrs(null, $"gw{shard}", 0, 100).Items, Has.Count.EqualTo(i + 1));
                }
            }
        );

        Assert.That(Reopen().Load().Gateways, Has.All.Property("Record").Property("Count").EqualTo(20));
    }

    /// <summary>A gateway's own row as it is in the store.</summary>
    protected abstract GatewayRow ReadGateway(string gateway);

    /// <summary>Everything that can be read, as comparable values.</summary>
    private object[] Everything() =>
        [
            ReadGateway("gw1"),
            .. Store.ReadConnections("gw1"),
            .. Store.ReadCdrs(null, null, 0, 1000).Items,
            .. Store.ReadChanges(0, 1000).Items,
            .. Store.ReadAudits(null, long.MaxValue, 1000).Items,
            .. Store.ReadReleases(null, long.MaxValue, 1000).Items,
            .. Store.ReadAccounting("file", 1000).Items,
        ];
}

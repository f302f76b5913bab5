using System.Reactive.Concurrency;
using System.Text.Json;
using CallServer.Host.Tests.Storage;
using CallServer.Server.Polling;
using CallServer.Server.Recording;
using CallServer.Server.Recording.Cdrs;
using CallServer.Storage;
using CallServer.Storage.Sqlite;
using CallServer.Surface;
using Microsoft.Extensions.Logging.Abstractions;

namespace CallServer.Host.Tests.Recording;

/// <summary>Ledger, writer and CDR file over a real store, in virtual time.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class RecordingTests : IDisposable
{
    private readonly HistoricalScheduler time = new(new DateTimeOffset(2026, 1, 31, 10, 0, 0, TimeSpan.Zero));
    private readonly TestDirectory directory = new();
    private readonly SchedulerClock clock;
    private readonly FlakyStore store;
    private readonly StoreWriter writer;
    private readonly LedgerShards ledger;
    private readonly List<StoredChange> announced = [];

    public RecordingTests()
    {
        clock = new SchedulerClock(time);
        store = new FlakyStore(
            SqliteLedgerStore.Open(new SqliteStoreOptions { File = directory.File("callserver.db") })
        );
        store.Load();
        writer = new StoreWriter(store, time, NullLogger.Instance);
        writer.Committed.Subscribe(result => announced.AddRange(result.Changes));
        ledger = new LedgerShards(
            [time, time],
            clock,
            new ServerIdentity("test", 1),
            writer,
            time,
            NullLogger.Instance
        );
    }

    public void Dispose()
    {
        writer.Dispose();
        store.Dispose();
        directory.Dispose();
    }

    /// <summary>Takes in one audit a second, each of which hears these connections.</summary>
    private void Hear(string gateway, params string[] connections) => Hear(ledger, gateway, connections);

    private void Hear(LedgerShards ledger, string gateway, params string[] connections)
    {
        time.AdvanceBy(TimeSpan.FromSeconds(1));
        var now = clock.Now.Steady;
        ledger.Take(
            Results.Complete(gateway, now - TimeSpan.FromMilliseconds(20), now, connections),
            "snmp://h"
        );
        time.AdvanceBy(TimeSpan.FromMilliseconds(1));
    }

    /// <summary>A writer that gathers, in a time of its own, and what hands over to it.</summary>
    private (HistoricalScheduler Time, StoreWriter Writer, LedgerShards Ledger) Gathering()
    {
        var held = new HistoricalScheduler(time.Now);
        var gathers = new StoreWriter(store, held, NullLogger.Instance)
        {
            Gathering = TimeSpan.FromMilliseconds(50),
        };
        return (
            held,
            gathers,
            new LedgerShards([time], clock, ledger.Identity, gathers, time, NullLogger.Instance)
        );
    }

    private string[] Stored(string gateway) => [.. store.ReadConnections(gateway).Select(row => row.Id)];

    private string[] StoredCdrs() =>
        [
            .. store
                .ReadCdrs(null, null, 0, 1000)
                .Items.Select(cdr =>
                    JsonDocument.Parse(cdr.Json).RootElement.GetProperty("connection").GetString()!
                ),
        ];

    [Test]
    public void ARecordThatIsFullTakesNoMoreAndSaysWhy()
    {
        var memory = new MemoryBudget(
            (long)(4 * MemoryBudget.OctetsAConnection / MemoryBudget.RecordPart) + 1
        );
        var bounded = new LedgerShards(
            [time],
            clock,
            new ServerIdentity("test", 1),
            writer,
            time,
            NullLogger.Instance,
            limits: new RecordLimits(() => 2, memory)
        );
        Hear(bounded, "gw1", "a", "b", "c", "d", "e");
        var state = bounded.Find("gw1")!;
        Assert.That((state.Record.Count, state.LastAudit!.Complete), Is.EqualTo((4, false)));
        Assert.That(memory.HeldByRecord, Is.EqualTo(4 * MemoryBudget.OctetsAConnection));
        Hear(bounded, "gw2", "x", "y", "z");
        Assert.That(bounded.Find("gw2")!.Record.Count, Is.EqualTo(2), "an equal part is nobody else's");
        Hear(bounded, "gw1", "b");
        Assert.That((bounded.Find("gw1")!.Record.Count, memory.HeldByRecord), Is.EqualTo((1, 9_000)));
        Hear(bounded, "gw2", "x", "y", "z");
        Assert.That(bounded.Find("gw2")!.LastAudit!.Complete);
    }

    [Test]
    public void WhatIsLeftToTheOtherServerIsToldAndIsNoEnd()
    {
        Hear("gw1", "a", "b", "c");
        announced.Clear();
        ledger.Leave("gw1", ["b", "c", "never heard"]);
        time.AdvanceBy(TimeSpan.FromSeconds(1));
        Assert.That(
            announced.Select(change => $"{change.Kind} {change.Gateway}/{change.Connection}"),
            Is.EqualTo(new[] { "left gw1/b", "left gw1/c" })
        );
        Assert.That(announced[0].Json, Does.Contain("\"detail\":\"the other server has it\""));
        Assert.That(Stored("gw1"), Is.EqualTo(new[] { "a" }));
        Assert.That(StoredCdrs(), Is.Empty);

        announced.Clear();
        ledger.Leave("gw1", ["b"]);
        time.AdvanceBy(TimeSpan.FromSeconds(1));
        Assert.That(announced, Is.Empty, "it is gone already");
    }

    [Test]
    public async Task ATakeoverTellsOnceForEachGatewayThatNothingIsConfirmed()
    {
        Hear("gw1", "a", "b");
        Hear("gw2", "c");
        Hear("gw3");
        announced.Clear();
        var taken = ledger.TakenOverAsync(clock.Now.Steady, null, ["gw1", "gw2", "gw3", "gw4"]);
        time.AdvanceBy(TimeSpan.FromSeconds(1));
        await taken.WaitAsync(TimeSpan.FromMinutes(1));
        Assert.That(
            announced.Select(change => (change.Kind, change.Gateway, change.Connection)),
            Is.EquivalentTo(new[] { ("unconfirmed", "gw1", (string?)null), ("unconfirmed", "gw2", null) }),
            "a gateway without connections has none to confirm"
        );
        Assert.That(announced.Select(change => change.Json), Has.All.Contains("this server took over"));
        Assert.That(
            (ledger.Find("gw1")!.Record.UnconfirmedCount, ledger.Find("gw2")!.Record.UnconfirmedCount),
            Is.EqualTo((2, 1))
        );

        announced.Clear();
        Hear("gw1", "a", "b");
        Assert.That(
            announced.Select(change => $"{change.Kind} {change.Connection}"),
            Is.EqualTo(new[] { "confirmed a", "confirmed b" })
        );
        Assert.That(ledger.Find("gw2")!.Record.UnconfirmedCount, Is.EqualTo(1), "it was not heard yet");
    }

    [Test]
    public void TheAgeOfConnectionsAndOfTheLastCompleteAuditIsKnown()
    {
        Hear("gw1", "a");
        var first = clock.Now.Steady;
        time.AdvanceBy(TimeSpan.FromHours(2));
        Hear("gw1", "a", "b");
        var state = ledger.Find("gw1")!;
        Assert.That(state.Record.CountBegun(first), Is.EqualTo(1), "the other may be younger");
        Assert.That(state.Record.CountBegun(clock.Now.Steady), Is.EqualTo(2));

        var complete = state.LastComplete!.Value;
        Assert.That(clock.Now.Steady - complete, Is.LessThan(TimeSpan.FromSeconds(1)));
        var now = clock.Now.Steady;
        ledger.Take(AuditResult.Unasked("gw1", "snmp", now, "no answer"), null);
        time.AdvanceBy(TimeSpan.FromSeconds(1));
        Assert.That(ledger.Find("gw1")!.LastAudit!.Silent);
        Assert.That(
            ledger.Find("gw1")!.LastComplete,
            Is.EqualTo(complete),
            "silence is no audit that was complete"
        );
    }

    [Test]
    public void WhatIsHeardIsStoredAndTold()
    {
        Hear("gw1", "a", "b");
        Hear("gw1", "b", "c");
        Assert.That(Stored("gw1"), Is.EqualTo(new[] { "b", "c" }));
        Assert.That(StoredCdrs(), Is.EqualTo(new[] { "a" }));
        Assert.That(ledger.Find("gw1")!.Record.Count, Is.EqualTo(2));
        Assert.That(
            announced.Select(change => change.Kind),
            Is.EquivalentTo(new[] { "opened", "opened", "opened", "closed" })
                .Or.SupersetOf(new[] { "opened", "opened", "opened", "closed" })
        );
    }

    [Test]
    public void ACdrTellsOfTheStepsOfTheClockSinceItsConnectionBegan()
    {
        Hear("gw1", "before", "through");
        Hear("gw1", "through");
        clock.Correction = TimeSpan.FromHours(1);
        clock.Steps = [new ClockStep(clock.Now.Steady, TimeSpan.FromHours(1))];
        Hear("gw1", "through");
        Hear("gw1", "through", "after");
        Hear("gw1");

        var steps = store
            .ReadCdrs(null, null, 0, 10)
            .Items.Select(cdr => JsonDocument.Parse(cdr.Json).RootElement)
            .ToDictionary(
                cdr => cdr.GetProperty("connection").GetString()!,
                cdr => (Steps: cdr.GetProperty("clock_steps"), Confirmed: cdr.GetProperty("last_confirmed"))
            );
        Assert.That(steps["before"].Steps.ValueKind, Is.EqualTo(JsonValueKind.Null));
        Assert.That(steps["after"].Steps.ValueKind, Is.EqualTo(JsonValueKind.Null));
        var step = steps["through"].Steps.EnumerateArray().Single();
        Assert.That(step.GetProperty("ms").GetInt64(), Is.EqualTo(3_600_000));
        // Both times are by the clock after the step; the connection was last heard two seconds after it.
        Assert.That(
            steps["through"].Confirmed.GetDateTimeOffset() - step.GetProperty("at").GetDateTimeOffset(),
            Is.InRange(TimeSpan.FromSeconds(1.5), TimeSpan.FromSeconds(2.5))
        );
    }

    [Test]
    public void OldCdrsAreForgottenInPiecesAndAFailingStoreLater()
    {
        for (var round = 0; round < 3; round++)
            Hear("gw1", [.. Enumerable.Range(0, 900).Select(n => $"{round}/{n}")]);
        Hear("gw1");
        Assert.That(store.ReadCdrs(null, null, 0, 10_000).Items, Has.Count.EqualTo(2_700));
        var now = DateTimeOffset.UnixEpoch.AddMicroseconds(clock.Now.Steady.Micros);

        writer.Forget(now + TimeSpan.FromDays(89));
        store.Down = new StoreLockedException("somebody else holds it");
        writer.Forget(now + TimeSpan.FromDays(91));
        Assert.That(store.ReadCdrs(null, null, 0, 10_000).Items, Has.Count.EqualTo(2_700));

        store.Down = null;
        writer.Forget(now + TimeSpan.FromDays(91));
        Assert.That(store.ReadCdrs(null, null, 0, 10_000).Items, Is.Empty);
    }

    [Test]
    public void WhileTheStoreFailsTheRecordGoesOnAndNothingIsLost()
    {
        Hear("gw1", "a", "b", "c");
        store.Fault = _ => new StoreFullException("the disk is full");
        Hear("gw1", "b", "c", "d");
        Hear("gw1", "c", "d", "e");
        Hear("gw2", "x");
        Assert.Multiple(() =>
        {
            Assert.That(ledger.Find("gw1")!.Record.Count, Is.EqualTo(3));
            Assert.That(ledger.Find("gw2")!.Record.Count, Is.EqualTo(1));
            Assert.That(Stored("gw1"), Is.EqualTo(new[] { "a", "b", "c" }), "nothing half written");
            Assert.That(writer.Health.Healthy, Is.False);
            Assert.That(writer.Health.Reason, Does.Contain("disk is full"));
            Assert.That((writer.Health.PendingGateways, writer.Health.PendingCdrs), Is.EqualTo((2, 2)));
        });

        // Steady retries for an hour, not a storm of them.
        var attempts = store.Attempts;
        time.AdvanceBy(TimeSpan.FromHours(1));
        Assert.That(store.Attempts - attempts, Is.InRange(200, 300));

        store.Fault = _ => null;
        time.AdvanceBy(TimeSpan.FromMinutes(1));
        Assert.Multiple(() =>
        {
            Assert.That(writer.Health, Is.EqualTo(new StoreHealth(true, null, 0, 0)));
            Assert.That(Stored("gw1"), Is.EqualTo(new[] { "c", "d", "e" }));
            Assert.That(Stored("gw2"), Is.EqualTo(new[] { "x" }));
            Assert.That(StoredCdrs(), Is.EqualTo(new[] { "a", "b" }));
        });
    }

    [Test]
    public void OneGatewaysCommitThatCannotBeWrittenHoldsUpNoOther()
    {
        store.Fault = commit =>
            commit.Gateway.Gateway == "gw1" ? new InvalidOperationException("test") : null;
        Hear("gw1", "a");
        Hear("gw2", "x");
        time.AdvanceBy(TimeSpan.FromMinutes(1));
        Assert.That((Stored("gw1"), Stored("gw2")), Is.EqualTo((Array.Empty<string>(), new[] { "x" })));
        Assert.That((writer.Health.Healthy, writer.Health.PendingGateways), Is.EqualTo((false, 1)));
        store.Fault = _ => null;
        time.AdvanceBy(TimeSpan.FromMinutes(1));
        Assert.That(Stored("gw1"), Is.EqualTo(new[] { "a" }));
    }

    [Test]
    public void CommitsThatWaitAreWrittenTogetherAndOneOfThemHoldsUpNoOther()
    {
        string[] gateways = ["gw1", "gw2", "gw3"];
        void HandOver(string kind)
        {
            foreach (var gateway in gateways)
                writer.Enqueue(
                    TestRows.Commit(TestRows.Connection(kind, gateway)) with
                    {
                        Changes = [TestRows.Change(kind, gateway: gateway)],
                    }
                );
            time.AdvanceBy(TimeSpan.FromSeconds(1));
        }

        HandOver("a");
        Assert.That((store.Attempts, writer.Commits), Is.EqualTo((1, 1)));
        Assert.That(announced.Select(change => change.Gateway), Is.EqualTo(gateways));

        store.Fault = commit =>
            commit.Gateway.Gateway == "gw2" ? new InvalidOperationException("test") : null;
        HandOver("b");
        Assert.That(gateways.Select(gateway => Stored(gateway).Length), Is.EqualTo(new[] { 2, 1, 2 }));
        Assert.That(writer.Health.PendingGateways, Is.EqualTo(1));

        store.Fault = _ => null;
        time.AdvanceBy(TimeSpan.FromMinutes(1));
        Assert.That(Stored("gw2"), Has.Length.EqualTo(2));
        Assert.That(
            announced.Skip(3).Select(change => change.Gateway),
            Is.EqualTo(new[] { "gw1", "gw3", "gw2" }),
            "each once"
        );
    }

    [Test]
    public void FlushingEndsWhetherTheStoreIsWellOrNot()
    {
        var empty = writer.FlushAsync();
        time.AdvanceBy(TimeSpan.FromMilliseconds(1));
        Assert.That(empty.IsCompleted);

        store.Fault = _ => new StoreLockedException("held by another");
        Hear("gw1", "a");
        var attempts = store.Attempts;
        var failing = writer.FlushAsync();
        time.AdvanceBy(TimeSpan.FromMilliseconds(1));
        Assert.That((failing.IsCompleted, store.Attempts - attempts), Is.EqualTo((true, 1)));
    }

    [Test]
    public void WhoeverWaitsForAGatewayWaitsUntilItsCommitWasTried()
    {
        var held = new HistoricalScheduler(time.Now);
        var frozen = new StoreWriter(store, held, NullLogger.Instance);
        Assert.That(frozen.PassAsync("gw1").IsCompleted, "nothing was handed over");

        Hear(new LedgerShards([time], clock, ledger.Identity, frozen, time, NullLogger.Instance), "gw1", "a");
        var (own, other) = (frozen.PassAsync("gw1"), frozen.PassAsync("gw2"));
        Assert.That((own.IsCompleted, other.IsCompleted), Is.EqualTo((false, true)));

        held.Start();
        Assert.That(own.IsCompleted);
        Assert.That(Stored("gw1"), Is.EqualTo(new[] { "a" }));

        store.Fault = _ => new StoreLockedException("held by another");
        Hear("gw1", "b");
        Assert.That(writer.PassAsync("gw1").IsCompleted, "nobody waits for a store that fails");
    }

    [Test]
    public void AWriterThatGathersWritesTogetherWhatNobodyWaitsFor()
    {
        var (held, gathers, shards) = Gathering();
        using var _ = gathers;
        int Written(double milliseconds)
        {
            var before = store.Attempts;
            held.AdvanceBy(TimeSpan.FromMilliseconds(milliseconds));
            return store.Attempts - before;
        }

        Hear(shards, "gw1", "a");
        Assert.That(Written(1), Is.EqualTo(1), "what comes after a pause is written at once");
        Hear(shards, "gw2", "b");
        Hear(shards, "gw3", "c");
        Assert.That(Written(40), Is.Zero);
        Assert.That(Written(10), Is.EqualTo(1), "and the next ones together");
        Assert.That((Stored("gw2"), Stored("gw3")), Is.EqualTo((new[] { "b" }, new[] { "c" })));

        Hear(shards, "gw1", "a", "d");
        var passed = gathers.PassAsync("gw1");
        Assert.That(
            (Written(1), passed.IsCompleted),
            Is.EqualTo((1, true)),
            "who waits does not wait longer"
        );
        Hear(shards, "gw1", "a", "d", "e");
        var flushed = gathers.FlushAsync();
        Assert.That((Written(1), flushed.IsCompleted), Is.EqualTo((1, true)));
        Assert.That(Stored("gw1"), Is.EqualTo(new[] { "a", "d", "e" }));
        Assert.That(Written(1_000), Is.Zero, "nothing is written while nothing comes");
    }

    [Test]
    public void WhatComesWhileAGatheringWriterWritesIsWrittenLater()
    {
        var (held, gathers, shards) = Gathering();
        using var _ = gathers;
        Hear(shards, "gw1", "a");
        store.Fault = _ =>
        {
            store.Fault = _ => null;
            Hear(shards, "gw2", "b");
            return null;
        };
        held.AdvanceBy(TimeSpan.FromMilliseconds(40));
        Assert.That((Stored("gw1").Length, Stored("gw2").Length), Is.EqualTo((1, 0)));
        held.AdvanceBy(TimeSpan.FromMilliseconds(20));
        Assert.That(Stored("gw2"), Is.EqualTo(new[] { "b" }));
    }

    [Test]
    public void SilenceClosesNothing()
    {
        Hear("gw1", "a", "b");
        ledger.Take(AuditResult.Unasked("gw1", "snmp", clock.Now.Steady, "no answer"), "snmp://h");
        time.AdvanceBy(TimeSpan.FromMilliseconds(1));
        var state = ledger.Find("gw1")!;
        Assert.That((state.Record.Count, state.Record.UnconfirmedCount), Is.EqualTo((2, 2)));
        Assert.That(StoredCdrs(), Is.Empty);
    }

    [Test]
    public void ConnectionsBecomeCallsAndDisagreementsAreTold()
    {
        Hear("gw1", "c101", "c1");
        Hear("gw2", "c111", "c112");
        Assert.That(Calls(), Is.EqualTo(new[] { "gw1/c1", "gw1/c101 gw2/c111", "gw2/c112" }));

        Hear("gw1", "c101", "c1");
        Hear("gw1", "c1");
        for (var round = 0; round < 4; round++)
            Hear("gw2", "c111", "c112");
        var finding = announced.Single(change => change.Kind == "finding");
        Assert.That(finding.Gateway, Is.EqualTo("gw2"));
        Assert.That(finding.Json, Does.Contain("one-sided: call call-1@example.net: gw1/c101 is over"));
        Assert.That(ledger.Joiner.Calls.Findings["one-sided"], Is.EqualTo(1));
        Assert.That(
            ledger.Counters.FindingsByKind,
            Is.EqualTo(new[] { KeyValuePair.Create("one-sided", 1L) })
        );

        Hear("gw2", "c112");
        Assert.That(announced[^1].Kind, Is.EqualTo("finding-cleared"));
        Assert.That(ledger.Joiner.Calls.Findings["one-sided"], Is.Zero);
        Assert.That(ledger.Counters.Failures, Is.Zero);
    }

    [Test]
    public void FindingsWaitForAStoreThatIsAway()
    {
        Hear("gw1", "c101");
        Hear("gw2", "c111");
        Hear("gw1", "c101");
        store.Down = new StoreFullException("the disk is full");
        Hear("gw1");
        for (var round = 0; round < 4; round++)
            Hear("gw2", "c111");
        Assert.That(announced.Select(change => change.Kind), Has.None.EqualTo("finding"));
        Assert.That(writer.Health.Healthy, Is.False);
        store.Down = null;
        time.AdvanceBy(TimeSpan.FromMinutes(1));
        Assert.That(announced.Count(change => change.Kind == "finding"), Is.EqualTo(1));
        Assert.That(writer.Health.Healthy);
    }

    [Test]
    public void AFindingThatCannotBeWrittenByAFaultOfOurOwnHoldsUpNobody()
    {
        Hear("gw1", "c101");
        Hear("gw2", "c111");
        Hear("gw1", "c101");
        store.Down = new InvalidOperationException("test");
        Hear("gw1");
        for (var round = 0; round < 4; round++)
            Hear("gw2", "c111");
        Assert.That((Stored("gw1"), Stored("gw2")), Is.EqualTo((Array.Empty<string>(), new[] { "c111" })));
        store.Down = null;
        time.AdvanceBy(TimeSpan.FromMinutes(1));
        Assert.That(announced.Count(change => change.Kind == "finding"), Is.EqualTo(1));
    }

    [Test]
    public void TheStoresConnectionsAreCallsAgainAndSilenceFindsNothing()
    {
        Hear("gw1", "c101");
        Hear("gw2", "c111");
        var later = new LedgerShards(
            [time, time],
            clock,
            new ServerIdentity("test", 1),
            writer,
            time,
            NullLogger.Instance
        );
        later.Restore(store.Load());
        time.AdvanceBy(TimeSpan.FromMilliseconds(1));
        Assert.That(
            later.Joiner.Calls.After(null, null, null, false).Single().View(TimeSpan.Zero).Connections,
            Is.EqualTo(new[] { "gw1/c101", "gw2/c111" })
        );
        for (var round = 0; round < 100; round++)
        {
            time.AdvanceBy(TimeSpan.FromSeconds(10));
            later.Take(AuditResult.Unasked("gw1", "snmp", clock.Now.Steady, "no answer"), "snmp://h");
        }

        time.AdvanceBy(TimeSpan.FromSeconds(1));
        Assert.That(later.Joiner.Calls.Findings.Values, Is.All.Zero);
        later.Joiner.Dispose();
    }

    private string[] Calls() =>
        [
            .. ledger
                .Joiner.Calls.After(null, null, null, false)
                .Select(call => string.Join(' ', call.View(TimeSpan.Zero).Connections)),
        ];

    [Test]
    public void CdrsComeToTheFileOnceAndInOrder()
    {
        var path = directory.File("cdr/calls.ndjson");
        using var file = new CdrFile(
            path,
            CdrFormat.Ndjson,
            CdrRotation.Never,
            store,
            time,
            NullLogger.Instance
        );
        Hear("gw1", "a", "b");
        Hear("gw1", "b");
        file.Nudge();
        time.AdvanceBy(TimeSpan.FromMilliseconds(1));
        Hear("gw1");
        file.Nudge();
        file.Nudge();
        time.AdvanceBy(TimeSpan.FromMilliseconds(1));
        Assert.That(Lines(path), Is.EqualTo(new[] { "a", "b" }));

        // The server's next run continues where the file ended.
        using var later = new CdrFile(
            path,
            CdrFormat.Ndjson,
            CdrRotation.Never,
            store,
            time,
            NullLogger.Instance
        );
        later.Nudge();
        time.AdvanceBy(TimeSpan.FromMilliseconds(1));
        Assert.That(Lines(path), Is.EqualTo(new[] { "a", "b" }));
    }

    [Test]
    public void ALongConnectionIsToldOfOverARestartOfTheServer()
    {
        var path = directory.File("calls.ndjson");
        using var file = new CdrFile(
            path,
            CdrFormat.Ndjson,
            CdrRotation.Never,
            store,
            time,
            NullLogger.Instance
        );
        var wants = new AccountingWants(TimeSpan.FromMinutes(1), Starts: true);
        LedgerShards Server()
        {
            var server = new LedgerShards(
                [time, time],
                clock,
                new ServerIdentity("test", 1),
                writer,
                time,
                NullLogger.Instance,
                wants
            );
            server.Restore(store.Load());
            return server;
        }

        void Hear(LedgerShards server, double seconds, params string[] connections)
        {
            time.AdvanceBy(TimeSpan.FromSeconds(seconds));
            var now = clock.Now.Steady;
            server.Take(
                Results.Complete("gw1", now - TimeSpan.FromMilliseconds(20), now, connections),
                "snmp://h"
            );
            time.AdvanceBy(TimeSpan.FromMilliseconds(1));
        }

        var first = Server();
        Hear(first, 1, "a");
        foreach (var _ in Enumerable.Range(0, 5))
            Hear(first, 20, "a", "b");
        var second = Server();
        Hear(second, 90, "a");
        Hear(second, 1);
        Assert.That(
            store.ReadAccounting("nobody", 100).Items.CountBy(entry => entry.Kind),
            Is.EquivalentTo(
                new Dictionary<string, int>
                {
                    [AccountingKind.Start] = 2,
                    [AccountingKind.Interim] = 4,
                    [AccountingKind.Stop] = 2,
                }
            )
        );
        file.Nudge();
        time.AdvanceBy(TimeSpan.FromMilliseconds(1));

        var records = File.ReadAllLines(path).Select(line => JsonDocument.Parse(line).RootElement).ToList();
        string Told(string connection) =>
            string.Join(
                ' ',
                records
                    .Where(record => record.GetProperty("connection").GetString() == connection)
                    .Select(record =>
                        $"{record.GetProperty("record_seq")}{(record.GetProperty("partial").GetBoolean() ? "" : ".")}"
                    )
            );
        Assert.That(Told("a"), Is.EqualTo("1 2 3 4."));
        Assert.That(Told("b"), Is.EqualTo("1 2."));
        Assert.That(
            records.DistinctBy(record => record.GetProperty("id").GetString()).Count(),
            Is.EqualTo(2)
        );
        Assert.That(StoredCdrs(), Is.EquivalentTo(new[] { "a", "b" }), "finals alone");
        var partial = records[0];
        Assert.That(partial.GetProperty("hangup_cause").ValueKind, Is.EqualTo(JsonValueKind.Null));
        Assert.That(partial.GetProperty("end_evidence").ValueKind, Is.EqualTo(JsonValueKind.Null));
        Assert.That(
            partial.GetProperty("end_stamp").GetString(),
            Is.EqualTo(partial.GetProperty("last_confirmed").GetString())
        );
    }

    [Test]
    public void HalfALineThatACrashLeftIsWrittenAnew()
    {
        var path = directory.File("calls.ndjson");
        File.WriteAllText(path, "{\"connection\":\"before\"}\n{\"connection\":\"a" + new string('x', 5000));
        using var file = new CdrFile(
            path,
            CdrFormat.Ndjson,
            CdrRotation.Never,
            store,
            time,
            NullLogger.Instance
        );
        Hear("gw1", "a");
        Hear("gw1");
        file.Nudge();
        time.AdvanceBy(TimeSpan.FromMilliseconds(1));
        Assert.That(Lines(path), Is.EqualTo(new[] { "before", "a" }));
    }

    [Test]
    public void AFileThatCannotBeWrittenIsTriedAgain()
    {
        var path = directory.File("in-the-way/calls.ndjson");
        File.WriteAllText(directory.File("in-the-way"), "");
        using var file = new CdrFile(
            path,
            CdrFormat.Ndjson,
            CdrRotation.Never,
            store,
            time,
            NullLogger.Instance
        );
        Hear("gw1", "a");
        Hear("gw1");
        file.Nudge();
        time.AdvanceBy(TimeSpan.FromMilliseconds(1));
        Assert.That(file.Fault, Is.Not.Null);
        File.Delete(directory.File("in-the-way"));
        time.AdvanceBy(TimeSpan.FromMinutes(1));
        Assert.That(file.Fault, Is.Null);
        Assert.That(Lines(path), Is.EqualTo(new[] { "a" }));
    }

    private static string[] Lines(string path) =>
        [
            .. File.ReadAllLines(path)
                .Select(line => JsonDocument.Parse(line).RootElement.GetProperty("connection").GetString()!),
        ];
}

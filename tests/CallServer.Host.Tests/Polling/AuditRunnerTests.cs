using System.Net;
using System.Reactive.Concurrency;
using System.Reactive.Linq;
using CallServer.Model;
using CallServer.Server.Net;
using CallServer.Server.Polling;

namespace CallServer.Host.Tests.Polling;

/// <summary>One audit in virtual time.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class AuditRunnerTests
{
    private static readonly GatewayAddress Peer = new(new IPEndPoint(IPAddress.Loopback, 161));

    private sealed class Wire : IGatewayNetwork, IMessageChannel
    {
        public IDatagramReceiver? Receiver { get; private set; }

        public int Sent { get; private set; }

        public bool Closed { get; private set; }

        public string Local => "192.0.2.1:2";

        public IMessageChannel Open(GatewayAddress gateway, IDatagramReceiver receiver)
        {
            Receiver = receiver;
            return this;
        }

        public IStreamChannel Connect(IPEndPoint gateway, IStreamReceiver receiver) =>
            throw new NotSupportedException();

        public Action OnSend { get; set; } = () => { };

        public void Send(byte[] message)
        {
            Sent++;
            OnSend();
        }

        public void Dispose() => Closed = true;
    }

    private readonly HistoricalScheduler time = new(new DateTimeOffset(2026, 1, 31, 10, 0, 0, TimeSpan.Zero));
    private readonly Wire wire = new();
    private readonly List<AuditOutcome> outcomes = [];

    private IDisposable Run(
        TimeSpan timeout,
        int attempts,
        TimeSpan deadline,
        SchedulerClock? clock = null,
        HeapWatch? heap = null,
        Func<TimeSpan>? threadTime = null
    ) =>
        new AuditRunner(wire, clock ?? new SchedulerClock(time), time, heap: heap, threadTime: threadTime)
            .Run(ScriptedAudit.Target("gw", timeout, attempts), Peer, null, null, deadline)
            .Subscribe(outcomes.Add);

    [Test]
    public void WhatItsStepsTakeOfTheirThreadIsTold()
    {
        var used = TimeSpan.FromHours(1);
        var takes = new Queue<int>([10, 30, 20]);
        wire.OnSend = () => used += TimeSpan.FromMilliseconds(takes.Dequeue());
        Run(TimeSpan.FromSeconds(1), 3, TimeSpan.FromMinutes(1), threadTime: () => used);
        // Others use the thread in between.
        time.Schedule(TimeSpan.FromSeconds(0.5), () => used += TimeSpan.FromMinutes(1));
        time.AdvanceBy(TimeSpan.FromSeconds(4));
        Assert.That(
            outcomes.Single().Work,
            Is.EqualTo(new AuditWork(TimeSpan.FromMilliseconds(60), TimeSpan.FromMilliseconds(30)))
        );
    }

    [Test]
    public void AnAnswerThatWouldMakeItHoldTooMuchEndsItWhileItIsRead()
    {
        var moment = TimeSpan.FromMilliseconds(1);
        new AuditRunner(wire, new SchedulerClock(time), time)
            .Run(
                ScriptedAudit.Target("gw", TimeSpan.FromSeconds(10), 1).Bounded(8_000_000, 1_000_000, 100),
                Peer,
                null,
                null,
                TimeSpan.FromMinutes(1)
            )
            .Subscribe(outcomes.Add);
        time.AdvanceBy(moment);
        Assert.That(wire.Receiver!.Reading(1_000_000));
        time.AdvanceBy(moment);
        Assert.That(outcomes, Is.Empty, "so much it may hold");
        wire.Receiver.Reading(1);
        time.AdvanceBy(moment);
        Assert.That(
            outcomes.Single().Result.Reasons[0],
            Is.EqualTo("limit: polling.auditOctets: more than 1 MB in one audit")
        );
        Assert.That(wire.Receiver.Reading(1), Is.False, "the rest is not read");
    }

    [TestCase(99, 0)]
    [TestCase(101, 20)]
    public void OneThatTookMuchWaitsWhileThereIsTooMuchGarbage(int took, int waits)
    {
        var used = TimeSpan.Zero;
        wire.OnSend = () => used += TimeSpan.FromMilliseconds(took);
        var clock = new SchedulerClock(time);
        var heap = new HeapWatch(new MemoryBudget(1), () => 1_000);
        Run(TimeSpan.FromSeconds(1), 1, TimeSpan.FromMinutes(1), clock, heap, () => used);
        time.AdvanceBy(TimeSpan.FromMilliseconds(1));
        wire.Receiver!.OnDatagram(new Datagram(clock.Now, [ScriptedAudit.Mine, 1], 1, null));
        var heard = clock.Now.Steady;
        for (var moments = 0; outcomes.Count == 0 && moments < 1000; moments++)
            time.AdvanceBy(TimeSpan.FromMilliseconds(1));
        Assert.That((clock.Now.Steady - heard).TotalMilliseconds, Is.EqualTo(Math.Max(waits, 1)).Within(1));
        Assert.That(outcomes.Single().Result.Complete);
    }

    [Test]
    public void ASilentGatewayIsAskedAgainAndThenGivenUp()
    {
        Run(TimeSpan.FromSeconds(1), 3, TimeSpan.FromMinutes(1));
        time.AdvanceBy(TimeSpan.FromSeconds(2.5));
        Assert.That((wire.Sent, outcomes.Count), Is.EqualTo((3, 0)));
        time.AdvanceBy(TimeSpan.FromSeconds(1));
        Assert.That((wire.Sent, outcomes.Count, wire.Closed), Is.EqualTo((3, 1, true)));
        Assert.That(outcomes.Single().Result.Silent);
    }

    [Test]
    public void TheDeadlineEndsIt()
    {
        Run(TimeSpan.FromSeconds(1), 1000, TimeSpan.FromSeconds(5));
        time.AdvanceBy(TimeSpan.FromSeconds(6));
        Assert.That(outcomes.Single().Result.Reasons.Single(), Does.Contain("stopped"));
        Assert.That(wire.Closed);
    }

    [Test]
    public void AReplyThatWaitsIsHeardBeforeTheTimeOut()
    {
        var clock = new SchedulerClock(time);
        Run(TimeSpan.FromSeconds(1), 1, TimeSpan.FromMinutes(1));
        time.AdvanceBy(TimeSpan.FromMilliseconds(999));
        // The reply arrives at the socket in time but is handed over when the time-out is already due: both wait, the
        // reply behind the time-out.
        time.Schedule(
            TimeSpan.FromMilliseconds(0.5),
            () =>
            {
                var reply = new Datagram(clock.Now, [ScriptedAudit.Mine, 1], 1, null);
                time.Sleep(TimeSpan.FromMilliseconds(5));
                wire.Receiver!.OnDatagram(reply);
            }
        );
        time.AdvanceBy(TimeSpan.FromMilliseconds(10));
        Assert.That(outcomes.Single().Result.Complete);
    }

    [Test]
    public void ATimerThatComesEarlyDoesNotLoseTheWakeUp()
    {
        var clock = new SchedulerClock(time);
        Run(TimeSpan.FromSeconds(1), 1, TimeSpan.FromMinutes(1), clock);
        time.AdvanceBy(TimeSpan.FromMilliseconds(10));
        clock.Behind = TimeSpan.FromMicroseconds(700);
        time.AdvanceBy(TimeSpan.FromSeconds(1));
        Assert.That(outcomes.Single().Result.Silent);
    }

    [Test]
    public void TimeNeverGoesBackWithinAnAudit()
    {
        var clock = new SchedulerClock(time);
        Run(TimeSpan.FromSeconds(1), 1, TimeSpan.FromMinutes(1));
        time.AdvanceBy(TimeSpan.FromMilliseconds(1));
        var begun = clock.Now.Steady;
        wire.Receiver!.OnDatagram(
            new Datagram(MomentModule.at(begun - TimeSpan.FromHours(1)), [ScriptedAudit.Mine, 1], 1, null)
        );
        time.AdvanceBy(TimeSpan.FromMilliseconds(1));
        Assert.That(outcomes.Single().Result.Answered.Micros, Is.EqualTo(begun.Micros).Within(1000));
    }

    [Test]
    public void WhatWaitsOfDatagramsIsBoundedAndTheRestIsLost()
    {
        var lost = 0;
        var clock = new SchedulerClock(time);
        Run(TimeSpan.FromSeconds(1), 1, TimeSpan.FromMinutes(1));
        time.AdvanceBy(TimeSpan.FromMilliseconds(1));
        for (var sent = 0; sent < 1000; sent++)
            wire.Receiver!.OnDatagram(new Datagram(clock.Now, new byte[60_000], 1, () => lost++));
        Assert.That(lost, Is.EqualTo(1000 - 4 * 1024 * 1024 / 60_000 - 1));
    }

    [Test]
    public void AStrayIsRefusedByEverybodyBeforeItCounts()
    {
        var strays = 0;
        var clock = new SchedulerClock(time);
        Run(TimeSpan.FromSeconds(1), 1, TimeSpan.FromMinutes(1));
        time.AdvanceBy(TimeSpan.FromMilliseconds(1));
        var shared = new Datagram(clock.Now, [1, 2, 3], 2, () => strays++);
        wire.Receiver!.OnDatagram(shared);
        time.AdvanceBy(TimeSpan.FromMilliseconds(1));
        Assert.That(strays, Is.Zero);
        shared.Refuse();
        Assert.That(strays, Is.EqualTo(1));
    }

    [Test]
    public void UnsubscribingDropsItWithoutAnOutcome()
    {
        var subscription = Run(TimeSpan.FromSeconds(1), 3, TimeSpan.FromMinutes(1));
        time.AdvanceBy(TimeSpan.FromMilliseconds(1500));
        subscription.Dispose();
        time.AdvanceBy(TimeSpan.FromMinutes(5));
        Assert.That((wire.Sent, wire.Closed, outcomes.Count), Is.EqualTo((2, true, 0)));
    }

    [Test]
    public void AWatchTellsUntilItEnds()
    {
        var clock = new SchedulerClock(time);
        var news = new List<WatchNews>();
        var isOver = false;
        new AuditRunner(wire, clock, time)
            .Watch(ScriptedAudit.Watching("gw"), Peer, null, TimeSpan.FromSeconds(10))
            .Subscribe(news.Add, () => isOver = true);
        time.AdvanceBy(TimeSpan.FromDays(3));
        Assert.That((wire.Sent, news.Count), Is.EqualTo((1, 0)), "it has no deadline");
        foreach (
            byte[] told in (byte[][])
                [
                    [ScriptedAudit.Mine, 1],
                    [ScriptedAudit.Mine, 1, 2],
                    [],
                ]
        )
            wire.Receiver!.OnDatagram(new Datagram(clock.Now, told, 1, null));
        time.AdvanceBy(TimeSpan.FromSeconds(1));
        Assert.That(
            news.Select(told => (told.Result.Count, told.Over)),
            Is.EqualTo(new[] { (1, false), (2, false), (0, true) })
        );
        Assert.That((isOver, wire.Closed), Is.EqualTo((true, true)));
    }

    [Test]
    public void WhatTheRecordHoldsIsLookedUpWhenTheAuditBegins()
    {
        var asked = 0;
        new AuditRunner(wire, new SchedulerClock(time), time)
            .Run(
                ScriptedAudit.Target("gw", TimeSpan.FromSeconds(1)),
                Peer,
                null,
                () =>
                {
                    asked++;
                    return null;
                },
                TimeSpan.FromMinutes(1)
            )
            .Subscribe(outcomes.Add);
        Assert.That(asked, Is.Zero);
        time.AdvanceBy(TimeSpan.FromMilliseconds(1));
        Assert.That(asked, Is.EqualTo(1));
    }
}

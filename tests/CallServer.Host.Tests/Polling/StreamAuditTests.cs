using System.Net;
using System.Reactive.Concurrency;
using CallServer.Host.Tests.Net;
using CallServer.Model;
using CallServer.Server.Net;
using CallServer.Server.Polling;

namespace CallServer.Host.Tests.Polling;

/// <summary>One audit over a stream, in virtual time.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class StreamAuditTests
{
    private static readonly TimeSpan Moments = TimeSpan.FromMilliseconds(1);

    private readonly HistoricalScheduler time = new(new DateTimeOffset(2026, 1, 31, 10, 0, 0, TimeSpan.Zero));
    private readonly ScriptedStreams network = new();
    private readonly List<AuditOutcome> outcomes = [];
    private SchedulerClock clock = null!;

    [SetUp]
    public void Begin() => clock = new SchedulerClock(time);

    private ScriptedStreamAudit Run(int reconnects = 0, MemoryBudget? memory = null)
    {
        var audit = new ScriptedStreamAudit("gw", reconnects);
        new AuditRunner(network, clock, time, memory: memory)
            .Run(
                audit.Target,
                new GatewayAddress(new IPEndPoint(IPAddress.Loopback, 1)),
                null,
                null,
                TimeSpan.FromMinutes(1)
            )
            .Subscribe(outcomes.Add);
        time.AdvanceBy(Moments);
        return audit;
    }

    private void Opens(int which) =>
        network.Opened[which].Tell(stream => new StreamNews.Opened(stream, clock.Now, "192.0.2.1:3"));

    private void Sends(int which, params byte[] octets) =>
        network.Opened[which].Tell(stream => new StreamNews.Arrived(stream, clock.Now, octets));

    private void Breaks(int which, string reason) =>
        network.Opened[which].Tell(stream => new StreamNews.Broken(stream, clock.Now, reason));

    [Test]
    public void OctetsAreHandedOverInOrderAndTheStreamIsClosedAtTheEnd()
    {
        var audit = Run();
        Opens(0);
        time.AdvanceBy(Moments);
        Assert.That(network.Opened[0].Written, Is.EqualTo(new[] { ScriptedAudit.Mine }));
        Sends(0, 1, 2);
        Sends(0, 3);
        Sends(0, 0);
        Assert.That(outcomes, Is.Empty, "everything happens on the scheduler");
        time.AdvanceBy(Moments);
        Assert.That(
            audit.Told,
            Is.EqualTo(new[] { "connected 192.0.2.1:3", "arrived 2", "arrived 1", "arrived 1" })
        );
        Assert.That((outcomes.Single().Result.Count, network.Opened[0].Closed), Is.EqualTo((3, true)));
    }

    [Test]
    public void OurEndOfTheWayOfDatagramsIsTold()
    {
        var audit = Run();
        Assert.That(audit.Given!.Local, Is.EqualTo("192.0.2.1:2"));
    }

    [Test]
    public void OctetsAreMarkedAsTakenOnlyWhenTheyWere()
    {
        Run();
        Opens(0);
        var taken = 0;
        network.Opened[0].Tell(stream => new StreamNews.Arrived(stream, clock.Now, [1], () => taken++));
        Assert.That(taken, Is.Zero);
        time.AdvanceBy(Moments);
        Assert.That(taken, Is.EqualTo(1));
    }

    [Test]
    public void AFloodLeavesOthersTheirTurn()
    {
        var audit = Run();
        Opens(0);
        time.AdvanceBy(Moments);
        for (var sent = 0; sent < 1000; sent++)
            Sends(0, 1);
        var before = -1;
        time.Schedule(() => before = audit.Told.Count);
        time.AdvanceBy(Moments);
        Assert.That((before, audit.Told.Count), Is.EqualTo((5, 1001)));
    }

    [Test]
    public void WhoHoldsMostIsEndedAndOthersGoOn()
    {
        var memory = new MemoryBudget((long)(1_000_000 / MemoryBudget.HeldPart));
        Run(memory: memory);
        Run(memory: memory);
        Opens(0);
        Opens(1);
        // An octet of a message counts as sixteen.
        Sends(0, [.. Enumerable.Repeat((byte)1, 50_000)]);
        time.AdvanceBy(Moments);
        Assert.That((outcomes.Count, memory.HeldByAudits), Is.EqualTo((0, 800_000)));
        Sends(1, [.. Enumerable.Repeat((byte)2, 15_000)]);
        time.AdvanceBy(Moments);
        Assert.That(
            outcomes.Single().Result.Reasons[0],
            Is.EqualTo("limit: polling.memory: all gateways together take more than 2 MB")
        );
        Assert.That((network.Opened[0].Closed, network.Opened[1].Closed), Is.EqualTo((true, false)));
        Sends(1, 0);
        time.AdvanceBy(Moments);
        Assert.That((outcomes[1].Result.Complete, memory.HeldByAudits), Is.EqualTo((true, 0)));
    }

    [Test]
    public void WhatBreaksIsToldInWords()
    {
        var audit = Run();
        Breaks(0, "connection refused");
        time.AdvanceBy(Moments);
        Assert.That(audit.Told, Is.EqualTo(new[] { "broken connection refused" }));
        Assert.That(outcomes.Single().Result.Reasons.Single(), Does.Contain("connection refused"));
    }

    [Test]
    public void ASecondStreamReplacesTheFirst()
    {
        var audit = Run(reconnects: 1);
        Opens(0);
        Breaks(0, "closed by the gateway");
        time.AdvanceBy(Moments);
        Assert.That((network.Opened.Count, network.Opened[0].Closed), Is.EqualTo((2, true)));
        // Whatever the first stream still delivers belongs to nothing.
        Sends(0, 9, 0);
        Opens(1);
        Sends(1, 5, 0);
        time.AdvanceBy(Moments);
        Assert.That(
            audit.Told,
            Is.EqualTo(
                new[]
                {
                    "connected 192.0.2.1:3",
                    "broken closed by the gateway",
                    "connected 192.0.2.1:3",
                    "arrived 2",
                }
            )
        );
        Assert.That(outcomes.Single().Result.Count, Is.EqualTo(1));
        Assert.That(network.Opened[1].Closed);
    }

    [Test]
    public void AStreamThatNeverOpensIsClosedAtTheDeadline()
    {
        Run();
        time.AdvanceBy(TimeSpan.FromMinutes(2));
        Assert.That(outcomes.Single().Result.Reasons.Single(), Does.Contain("stopped"));
        Assert.That(network.Opened.Single().Closed);
    }
}

using System.Net;
using System.Reactive.Concurrency;
using CallServer.Model;
using CallServer.Server.Configuration;
using CallServer.Server.Net;
using CallServer.Server.Polling;
using CallServer.Surface;
using Microsoft.Extensions.Logging.Abstractions;

namespace CallServer.Host.Tests.Polling;

/// <summary>Gateways that report by themselves, beside their polling, in virtual time.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class WatchTests
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    private readonly HistoricalScheduler time = new(new DateTimeOffset(2026, 1, 31, 10, 0, 0, TimeSpan.Zero));
    private readonly List<AuditResult> results = [];
    private SchedulerClock clock = null!;
    private ScriptedRunner runner = null!;
    private PollingService service = null!;

    [SetUp]
    public void Begin()
    {
        clock = new SchedulerClock(time);
        runner = new ScriptedRunner(time, clock);
    }

    [TearDown]
    public void End() => service.Dispose();

    private void Poll(params GatewayConfiguration[] gateways)
    {
        var configuration = new ServerConfiguration
        {
            Name = "test",
            Listen = new Uri("http://127.0.0.1:0"),
            Data = "none",
            Gateways = gateways,
        };
        service = new PollingService(
            clock,
            new EndpointResolver(),
            configuration,
            [new AuditLoop(time, runner)],
            _ => null,
            NullLogger.Instance
        );
        service.Results.Subscribe(polled => results.Add(polled.Result));
        service.Follow(configuration);
        time.AdvanceBy(TimeSpan.FromMilliseconds(100));
    }

    private static GatewayConfiguration Watched(int port = 1) =>
        Gateways.At($"gw{port}", $"sip:all@127.0.0.1:{port}?watch=true", Interval) with
        {
            Target = ScriptedAudit.Watching($"gw{port}"),
        };

    private void Tells(params string[] connections) => Tells(null, connections);

    private void Tells(AuditMemory? memory, params string[] connections) =>
        runner
            .Watches[^1]
            .Speaks.OnNext(
                new WatchNews(
                    Results.Complete("gw1", clock.Now.Steady, clock.Now.Steady, connections),
                    Over: false,
                    memory
                )
            );

    private void Ends()
    {
        var watch = runner.Watches[^1].Speaks;
        watch.OnNext(
            new WatchNews(AuditResult.Unasked("gw1", "sip", clock.Now.Steady, "no answer"), Over: true)
        );
        watch.OnCompleted();
    }

    [Test]
    public void OnlyWhatWatchesIsWatched()
    {
        Poll(Gateways.At("gw1", "sip:all@127.0.0.1:1", Interval));
        Assert.That((runner.Watches.Count, runner.Runs.Count), Is.EqualTo((0, 1)));
    }

    [Test]
    public void WhatItTellsIsTakenInLikeAnAudit()
    {
        Poll(Watched());
        results.Clear();
        Tells("a", "b");
        Tells("a");
        Assert.That(results.Select(result => result.Count), Is.EqualTo(new[] { 2, 1 }));
        Assert.That((service.Counters.WatchesStanding, service.Counters.WatchSnapshots), Is.EqualTo((1, 2)));
    }

    [Test]
    public void WhatAuditAndWatchLearntOfTheGatewayIsHandedOn()
    {
        var (first, second) = (ScriptedRunner.NewMemory(), ScriptedRunner.NewMemory());
        runner.Leaves = first;
        Poll(Watched());
        Assert.That(runner.WatchStarts.Single().Memory, Is.SameAs(first));

        Tells(second, "a");
        Ends();
        time.AdvanceBy(TimeSpan.FromMilliseconds(100));
        Assert.That(runner.RunStarts[^1], Is.SameAs(second));
    }

    [Test]
    public void NobodyElseAsksWhileItStands()
    {
        Poll(Watched());
        time.AdvanceBy(TimeSpan.FromMinutes(5));
        var plain = runner.Runs.Count;
        Assert.That(plain, Is.InRange(30, 32), "a watch that tells nothing slows nothing");

        Tells("a");
        time.AdvanceBy(TimeSpan.FromMinutes(10));
        Assert.That(runner.Runs, Has.Count.EqualTo(plain));

        Ends();
        var before = runner.Runs.Count;
        time.AdvanceBy(TimeSpan.FromMilliseconds(100));
        Assert.That(runner.Runs, Has.Count.EqualTo(before + 1), "asked at once, as it tells no longer");
        time.AdvanceBy(TimeSpan.FromMinutes(5));
        Assert.That(runner.Runs.Count - before, Is.InRange(30, 33));
    }

    [Test]
    public void ItBeginsAfterTheFirstAudit()
    {
        runner.Script[1] = (TimeSpan.FromSeconds(3), true);
        Poll(Watched());
        Assert.That(runner.Watches, Is.Empty);
        time.AdvanceBy(TimeSpan.FromSeconds(3));
        Assert.That(
            runner.Watches.Single().Begun.Micros,
            Is.GreaterThanOrEqualTo(runner.Runs[0].Ended.Micros)
        );
    }

    [Test]
    public void WhoeverAsksOnPurposeInterruptsIt()
    {
        Poll(Watched());
        Tells("a");
        var (audits, watches) = (runner.Runs.Count, runner.Watches.Count);
        service.Trigger("gw1", AuditCause.Operator);
        time.AdvanceBy(TimeSpan.FromMilliseconds(100));
        Assert.That(runner.Runs, Has.Count.EqualTo(audits + 1));
        Assert.That(runner.Watches, Has.Count.EqualTo(watches + 1));
        Assert.That(runner.Watches[^2].Speaks.HasObservers, Is.False);
        Assert.That(
            runner.Watches[^1].Begun.Micros,
            Is.GreaterThanOrEqualTo(runner.Runs[^1].Ended.Micros),
            "never both at once"
        );
    }

    [Test]
    public void WhyItEndedTellsNothingOfConnections()
    {
        Poll(Watched());
        Tells("a");
        results.Clear();
        Ends();
        Assert.That(results, Is.Empty);
        Assert.That((service.Counters.WatchesStanding, service.Counters.WatchesEnded), Is.EqualTo((0, 1)));
    }

    [Test]
    public void ItIsBegunAgainAfterAGrowingPause()
    {
        Poll(Watched());
        for (var n = 0; n < 6; n++)
        {
            var begun = runner.Watches.Count;
            Ends();
            while (runner.Watches.Count == begun)
                time.AdvanceBy(TimeSpan.FromSeconds(1));
        }

        var pauses = runner
            .Watches.Zip(runner.Watches.Skip(1), (first, second) => second.Begun - first.Begun)
            .Select(pause => (int)Math.Round(pause.TotalSeconds));
        Assert.That(pauses, Is.EqualTo(new[] { 10, 20, 40, 60, 60, 60 }), "up to the limit of a minute");

        Tells("a");
        Ends();
        var ended = clock.Now.Steady;
        time.AdvanceBy(TimeSpan.FromSeconds(11));
        Assert.That(
            (runner.Watches[^1].Begun - ended).TotalSeconds,
            Is.EqualTo(10).Within(0.1),
            "one that told begins the pauses anew"
        );
    }

    [Test]
    public void AFaultInItHarmsNoPolling()
    {
        runner.WatchFault = () => new InvalidOperationException("broken");
        Poll(Watched());
        time.AdvanceBy(TimeSpan.FromMinutes(5));
        Assert.That(runner.Runs, Has.Count.InRange(30, 33));
        Assert.That((service.Counters.LoopRestarts, service.Counters.AuditFaults), Is.EqualTo((0, 0)));
        Assert.That(service.Counters.WatchFaults, Is.GreaterThan(4));
    }

    [Test]
    public void ItStopsWithItsGateway()
    {
        Poll(Watched());
        Tells("a");
        service.Dispose();
        time.AdvanceBy(TimeSpan.FromSeconds(1));
        Assert.That(runner.Watches[^1].Speaks.HasObservers, Is.False);
        Assert.That(service.Counters.WatchesStanding, Is.Zero);
        time.AdvanceBy(TimeSpan.FromMinutes(5));
        Assert.That(runner.Watches, Has.Count.EqualTo(1));
    }
}

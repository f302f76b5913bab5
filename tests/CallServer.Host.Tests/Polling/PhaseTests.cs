using System.Reactive.Concurrency;
using System.Reactive.Linq;
using CallServer.Model;
using CallServer.Server.Polling;

namespace CallServer.Host.Tests.Polling;

public sealed class PhaseTests
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    [Test]
    public void TicksComeOnceAnIntervalAtTheSamePhaseWheneverItBegins()
    {
        var phases = new HashSet<long>();
        foreach (var offset in new[] { 0.0, 3.3, 9.999, 12_345.678 })
        {
            var time = new HistoricalScheduler(DateTimeOffset.UnixEpoch.AddDays(20_000).AddSeconds(offset));
            var ticks = new List<long>();
            using var _ = Phase
                .Ticks("gw1", Interval, new SchedulerClock(time), time)
                .Subscribe(_ => ticks.Add((time.Now - DateTimeOffset.UnixEpoch).Ticks));
            time.AdvanceBy(TimeSpan.FromSeconds(100));
            Assert.That(ticks, Has.Count.EqualTo(10));
            // The record's timeline is in whole microseconds.
            phases.UnionWith(ticks.Select(tick => tick / TimeSpan.TicksPerMicrosecond % 10_000_000));
        }

        Assert.That(phases, Has.Count.EqualTo(1));
    }

    [Test]
    public void AFleetIsSpreadOverTheInterval()
    {
        var quarters = Enumerable
            .Range(0, 400)
            .Select(n => Phase.Next($"gw{n}", Interval, new Instant(0)).Micros / 2_500_000)
            .GroupBy(quarter => Math.Min(quarter, 3))
            .Select(group => group.Count())
            .ToList();
        Assert.That(quarters, Has.Count.EqualTo(4));
        Assert.That(quarters, Is.All.InRange(60, 140));
    }

    [Test]
    public void NextIsAlwaysLaterAndAtMostAnIntervalAway(
        [Random(-1_000_000_000L, 1_000_000_000L, 200)] long micros
    )
    {
        var from = new Instant(micros);
        var next = Phase.Next("gw1", Interval, from);
        Assert.That(next.Micros, Is.GreaterThan(micros).And.LessThanOrEqualTo(micros + 10_000_000));
        Assert.That(Phase.Next("gw1", Interval, next).Micros - next.Micros, Is.EqualTo(10_000_000));
    }

    [Test]
    public void WhatTheMachineSleptThroughIsLeftOut()
    {
        var time = new HistoricalScheduler(DateTimeOffset.UnixEpoch);
        var ticks = 0;
        using var _ = Phase.Ticks("gw1", Interval, new SchedulerClock(time), time).Subscribe(_ => ticks++);
        time.Schedule(TimeSpan.FromSeconds(15), () => time.Sleep(TimeSpan.FromHours(1)));
        time.AdvanceBy(TimeSpan.FromSeconds(15));
        var before = ticks;
        time.AdvanceBy(TimeSpan.FromSeconds(20));
        Assert.That(ticks - before, Is.InRange(2, 3));
    }
}

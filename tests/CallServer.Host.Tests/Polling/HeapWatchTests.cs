using System.Reactive.Concurrency;
using CallServer.Host.Polling;

namespace CallServer.Host.Tests.Polling;

/// <summary>When those who make much garbage are held up.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class HeapWatchTests
{
    private readonly HistoricalScheduler time = new(new DateTimeOffset(2026, 1, 31, 10, 0, 0, TimeSpan.Zero));
    private long size;
    private int collections;

    private HeapWatch Watch() =>
        new(new MemoryBudget(1_000), new SchedulerClock(time), () => size, () => collections++);

    [Test]
    public void NobodyIsHeldUpWhileThereIsRoom()
    {
        size = 350;
        Assert.That((Watch().Pause(), collections), Is.EqualTo((TimeSpan.Zero, 0)));
    }

    [Test]
    public void WhileThereIsTooMuchEverybodyWaitsAndTheRuntimeIsAskedOnceASecond()
    {
        size = 351;
        var watch = Watch();
        for (var n = 0; n < 100; n++)
        {
            Assert.That(watch.Pause(), Is.GreaterThan(TimeSpan.Zero));
            time.AdvanceBy(TimeSpan.FromMilliseconds(20));
        }

        Assert.That(collections, Is.EqualTo(2));
        size = 100;
        Assert.That(watch.Pause(), Is.EqualTo(TimeSpan.Zero));
    }
}

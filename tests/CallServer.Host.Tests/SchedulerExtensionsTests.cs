using System.Reactive.Concurrency;
using System.Runtime.CompilerServices;
using CallServer.Server;

namespace CallServer.Host.Tests;

public sealed class SchedulerExtensionsTests
{
    [Test]
    public void WhatIsCancelledIsLetGoThoughItsTimeIsFar()
    {
        using var loop = new LoopScheduler("test");
        var held = Cancelled(loop);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        Assert.That(held.IsAlive, Is.False);
    }

    [Test]
    public void WhatIsNotCancelledRunsOnceWhenItIsDue()
    {
        var time = new HistoricalScheduler();
        var runs = 0;
        using var timer = time.ScheduleLightly(TimeSpan.FromSeconds(5), () => runs++);
        time.AdvanceBy(TimeSpan.FromSeconds(4));
        Assert.That(runs, Is.Zero);
        time.AdvanceBy(TimeSpan.FromSeconds(2));
        Assert.That(runs, Is.EqualTo(1));
    }

    [Test]
    public void WhatIsCancelledDoesNotRun()
    {
        var time = new HistoricalScheduler();
        var runs = 0;
        time.ScheduleLightly(TimeSpan.FromSeconds(5), () => runs++).Dispose();
        time.AdvanceBy(TimeSpan.FromSeconds(6));
        Assert.That(runs, Is.Zero);
    }

    // A separate method, so that no local variable keeps it alive.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference Cancelled(LoopScheduler loop)
    {
        var large = new byte[1024];
        loop.ScheduleLightly(TimeSpan.FromHours(1), () => large[0]++).Dispose();
        return new WeakReference(large);
    }
}

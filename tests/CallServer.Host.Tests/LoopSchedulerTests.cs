using System.Collections.Concurrent;
using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using CallServer.Server;

namespace CallServer.Host.Tests;

public sealed class LoopSchedulerTests
{
    [Test]
    public async Task ActionsOfManyThreadsRunOneAtATimeEachInItsOrder()
    {
        using var loop = new LoopScheduler("test");
        var (running, overlaps) = (0, 0);
        var ran = new List<(int Thread, int Number)>();
        await Task.WhenAll(
            Enumerable
                .Range(0, 4)
                .Select(thread =>
                    Task.Run(async () =>
                    {
                        for (var number = 0; number < 1000; number++)
                        {
                            var mine = (thread, number);
                            loop.Schedule(() =>
                            {
                                overlaps += Interlocked.Increment(ref running) - 1;
                                ran.Add(mine);
                                Interlocked.Decrement(ref running);
                            });
                        }
                        await loop.PassAsync();
                    })
                )
        );
        Assert.That(overlaps, Is.Zero);
        Assert.That(ran, Has.Count.EqualTo(4000));
        foreach (var thread in ran.GroupBy(one => one.Thread))
            Assert.That(thread.Select(one => one.Number), Is.Ordered);
    }

    [Test]
    public async Task WhatIsDueLaterRunsLaterWhicheverWasScheduledFirst()
    {
        using var loop = new LoopScheduler("test");
        var ran = new ConcurrentQueue<string>();
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await loop.RunAsync(() =>
        {
            // All four are scheduled before the loop looks again.
            loop.Schedule(
                TimeSpan.FromMilliseconds(60),
                () =>
                {
                    ran.Enqueue("last");
                    done.SetResult();
                }
            );
            loop.Schedule(TimeSpan.FromMilliseconds(30), () => ran.Enqueue("later"));
            loop.Schedule(TimeSpan.FromSeconds(-1), () => ran.Enqueue("now"));
            loop.Schedule(() => ran.Enqueue("next"));
        });
        await done.Task;
        Assert.That(ran, Is.EqualTo(["now", "next", "later", "last"]));
    }

    [Test]
    public async Task AnEarlierActionWakesALoopThatWaitsForALaterOne()
    {
        using var loop = new LoopScheduler("test");
        var ran = new ConcurrentQueue<string>();
        loop.Schedule(TimeSpan.FromHours(1), () => ran.Enqueue("far"));
        await loop.PassAsync();
        var near = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        loop.Schedule(TimeSpan.FromMilliseconds(5), near.SetResult);
        await near.Task;
        Assert.That(ran, Is.Empty);
    }

    [Test]
    public async Task WhatIsCancelledNeverRuns()
    {
        using var loop = new LoopScheduler("test");
        var runs = 0;
        await loop.RunAsync(() => loop.Schedule(() => runs++).Dispose());
        await loop.PassAsync();
        Assert.That(runs, Is.Zero);
    }

    [Test]
    public async Task WhatAnActionScheduledIsCancelledWithIt()
    {
        using var loop = new LoopScheduler("test");
        var cancelled = false;
        var scheduled = loop.Schedule(0, (_, _) => Disposable.Create(() => cancelled = true));
        await loop.PassAsync();
        scheduled.Dispose();
        Assert.That(cancelled, Is.True);
    }

    [Test]
    public async Task AfterTheEndNothingRunsAndNothingCanBeScheduled()
    {
        var loop = new LoopScheduler("test");
        var runs = 0;
        await loop.RunAsync(() =>
        {
            loop.Schedule(() => runs++);
            loop.Dispose();
        });
        Assert.That(() => loop.Schedule(() => runs++), Throws.InstanceOf<ObjectDisposedException>());
        loop.Dispose();
        Assert.That(runs, Is.Zero);
    }
}

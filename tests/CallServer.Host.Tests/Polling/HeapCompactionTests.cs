using System.Reactive.Concurrency;
using CallServer.Server.Polling;

namespace CallServer.Host.Tests.Polling;

public sealed class HeapCompactionTests
{
    private const long Budget = 1_000;
    private const long Large = (long)(Budget * HeapCompaction.CommittedPart);
    private const long TooLarge = (long)(Budget * HeapCompaction.MostPart);
    private const long WorthIt = (long)(Budget * HeapCompaction.FreePart);

    [TestCase(Large + 1, WorthIt + 1, true)]
    [TestCase(Large, WorthIt + 1, false)]
    [TestCase(Large + 1, WorthIt, false)]
    [TestCase(TooLarge, 0, false)]
    [TestCase(TooLarge + 1, 0, true)]
    public void IsDueWhereTheHeapIsLargeAndMuchOfItIsFree(long committed, long free, bool due) =>
        Assert.That(
            HeapCompaction.IsDue(new HeapSize(committed, free), new MemoryBudget(Budget)),
            Is.EqualTo(due)
        );

    [TestCase(WorthIt + 1, 1, Description = "worth it: again after a rest")]
    [TestCase(WorthIt, 2, Description = "what is there is alive: after a long one")]
    public void ItIsDoneAsSoonAsItIsDueAndNotAgainBeforeItsRest(long given, int rests)
    {
        var rest = rests == 1 ? HeapCompaction.Rest : HeapCompaction.LongRest;
        var scheduler = new HistoricalScheduler(DateTimeOffset.UnixEpoch);
        var times = new List<double>();
        var committed = 0L;
        using var keeping = HeapCompaction.Keep(
            new MemoryBudget(Budget),
            scheduler,
            () => false,
            () => new HeapSize(committed, 200),
            () =>
            {
                times.Add((scheduler.Now - DateTimeOffset.UnixEpoch).TotalSeconds);
                committed -= given;
            }
        );
        scheduler.AdvanceBy(TimeSpan.FromSeconds(10));
        for (var second = 0; second < 2 * rest.TotalSeconds; second++)
        {
            committed = Large + 1;
            scheduler.AdvanceBy(TimeSpan.FromSeconds(1));
        }

        committed = 0;
        scheduler.AdvanceBy(TimeSpan.FromMinutes(10));
        // It looks each second, also after its rest.
        Assert.That(times.Select(time => Math.Round(time)), Is.EqualTo(new[] { 11, 12 + rest.TotalSeconds }));
    }

    [TestCase(0, 1)]
    [TestCase(WorthIt, 1)]
    [TestCase(WorthIt + 1, 2)]
    public void WhatIsAliveIsCompactedAgainOnlyAfterItHasGrown(long growth, int times)
    {
        var scheduler = new HistoricalScheduler(DateTimeOffset.UnixEpoch);
        var committed = TooLarge + 1;
        var compactions = 0;
        using var keeping = HeapCompaction.Keep(
            new MemoryBudget(Budget),
            scheduler,
            () => false,
            () => new HeapSize(committed, 0),
            () => compactions++
        );
        scheduler.AdvanceBy(TimeSpan.FromSeconds(2));
        committed += growth;
        scheduler.AdvanceBy(HeapCompaction.LongRest + TimeSpan.FromSeconds(2));
        Assert.That(compactions, Is.EqualTo(times));
    }

    [TestCase]
    public void ItWaitsWhileTheServerIsBusy()
    {
        var scheduler = new HistoricalScheduler(DateTimeOffset.UnixEpoch);
        var busy = true;
        var compactions = 0;
        using var keeping = HeapCompaction.Keep(
            new MemoryBudget(Budget),
            scheduler,
            () => busy,
            () => new HeapSize(TooLarge + 1, 0),
            () => compactions++
        );
        scheduler.AdvanceBy(TimeSpan.FromSeconds(30));
        Assert.That(compactions, Is.Zero);

        busy = false;
        scheduler.AdvanceBy(TimeSpan.FromSeconds(2));
        Assert.That(compactions, Is.EqualTo(1));
    }
}

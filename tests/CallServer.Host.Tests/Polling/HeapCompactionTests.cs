using System.Reactive.Concurrency;
using CallServer.Server.Polling;

namespace CallServer.Host.Tests.Polling;

public sealed class HeapCompactionTests
{
    [TestCase(601, 121, true)]
    [TestCase(600, 121, false)]
    [TestCase(601, 120, false)]
    [TestCase(750, 0, false)]
    [TestCase(751, 0, true)]
    public void IsDueWhereTheHeapIsLargeAndMuchOfItIsFree(long committed, long free, bool due) =>
        Assert.That(
            HeapCompaction.IsDue(new HeapSize(committed, free), new MemoryBudget(1_000)),
            Is.EqualTo(due)
        );

    [TestCase(121, new double[] { 11, 32, 53 }, Description = "worth it")]
    [TestCase(120, new double[] { 11 }, Description = "what is there is alive")]
    public void ItIsDoneAsSoonAsItIsDueAndNotAgainBeforeItsRest(long given, double[] expected)
    {
        var scheduler = new HistoricalScheduler(DateTimeOffset.UnixEpoch);
        var times = new List<double>();
        var committed = 0L;
        using var keeping = HeapCompaction.Keep(
            new MemoryBudget(1_000),
            scheduler,
            () => new HeapSize(committed, 200),
            () =>
            {
                times.Add((scheduler.Now - DateTimeOffset.UnixEpoch).TotalSeconds);
                committed -= given;
            }
        );
        scheduler.AdvanceBy(TimeSpan.FromSeconds(10));
        for (var second = 0; second < 60; second++)
        {
            committed = 700;
            scheduler.AdvanceBy(TimeSpan.FromSeconds(1));
        }

        committed = 0;
        scheduler.AdvanceBy(TimeSpan.FromMinutes(10));
        Assert.That(times.Select(time => Math.Round(time)), Is.EqualTo(expected));
    }
}

using System.Reactive.Concurrency;
using System.Reactive.Linq;

namespace CallServer.Server.Polling;

/// <summary>What the runtime says of its heap after its last collection.</summary>
/// <param name="Committed">Octets taken from the machine.</param>
/// <param name="Free">Octets of these that are free between objects and that a collection could not give back.</param>
public readonly record struct HeapSize(long Committed, long Free)
{
    /// <summary>The heap's size now.</summary>
    public static HeapSize Now
    {
        get
        {
            var info = GC.GetGCMemoryInfo(GCKind.Any);
            return new HeapSize(info.TotalCommittedBytes, info.FragmentedBytes);
        }
    }
}

/// <summary>
/// Compacts the heap when the free space between objects grows out of proportion. A background collection frees
/// objects but moves none: audits that live for seconds among connections that live for hours leave holes, and the
/// process grows by them.
/// </summary>
/// <remarks>Every thread stands still for about a second per GB of live objects, so it must be rare.</remarks>
public static class HeapCompaction
{
    /// <summary>
    /// Share of the budget that the heap may take before it is compacted if much of it is known to be free.
    /// </summary>
    public const double CommittedPart = 0.16;

    /// <summary>Share of the budget that must be free in the heap: below this the pause is not worth it.</summary>
    public const double FreePart = 0.05;

    /// <summary>
    /// Share of the budget above which the heap is compacted anyway: what is free in it is not known before a
    /// collection.
    /// </summary>
    public const double MostPart = 0.25;

    /// <summary>Least time between two compactions.</summary>
    public static readonly TimeSpan Rest = TimeSpan.FromMinutes(2);

    /// <summary>Least time after a compaction that freed too little: what is left is alive.</summary>
    public static readonly TimeSpan LongRest = TimeSpan.FromMinutes(4);

    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    /// <summary>Whether a heap of this size is worth compacting.</summary>
    /// <param name="heap">The heap.</param>
    /// <param name="budget">The process's memory budget.</param>
    /// <param name="left">Octets that were committed after the last compaction: what has not grown since is alive.</param>
    public static bool IsDue(HeapSize heap, MemoryBudget budget, long left = 0)
    {
        ArgumentNullException.ThrowIfNull(budget);
        return heap.Committed > Math.Max(budget.Most * MostPart, left + budget.Most * FreePart)
            || (heap.Committed > budget.Most * CommittedPart && heap.Free > budget.Most * FreePart);
    }

    /// <summary>Looks each second and compacts when due, until the subscription is disposed.</summary>
    /// <param name="budget">The process's memory budget.</param>
    /// <param name="scheduler">When to look, and on which thread.</param>
    /// <param name="isBusy">Whether the process must not stand still now: during a takeover, say.</param>
    /// <param name="size">Reads the heap's size.</param>
    /// <param name="compact">Compacts the heap.</param>
    public static IDisposable Keep(
        MemoryBudget budget,
        IScheduler scheduler,
        Func<bool> isBusy,
        Func<HeapSize> size,
        Action compact
    )
    {
        var left = 0L;
        return Observable
            .Interval(Period, scheduler)
            .Where(_ => !isBusy())
            .Select(_ => size())
            .Where(heap => IsDue(heap, budget, left))
            .Take(1)
            .SelectMany(before =>
            {
                compact();
                left = size().Committed;
                var given = before.Committed - left;
                return Observable.Timer(given > budget.Most * FreePart ? Rest : LongRest, scheduler);
            })
            .Repeat()
            .Subscribe();
    }

    /// <summary>Compacts this process's heap and returns the freed memory to the machine.</summary>
    public static void Compact() =>
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
}

using System.Reactive.Concurrency;
using System.Reactive.Linq;

namespace CallServer.Server.Polling;

/// <summary>What the runtime says of its heap after its last collection.</summary>
/// <param name="Committed">Octets that it took from the machine.</param>
/// <param name="Free">Octets of these, between objects, that a collection could not give back.</param>
public readonly record struct HeapSize(long Committed, long Free)
{
    /// <summary>As it is now.</summary>
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
/// Moves objects together where the free space between them grows out of proportion. A collection beside the program frees
/// objects but moves none: each audit that lives for seconds among connections that live for hours leaves holes,
/// and the process grows by them.
/// </summary>
/// <remarks>Every thread stands still meanwhile, for about a second for each GB that is alive: it must be rare.</remarks>
public static class HeapCompaction
{
    /// <summary>Of the budget, what the heap may take before it is compacted where much of it is known to be free.</summary>
    public const double CommittedPart = 0.5;

    /// <summary>Of the budget, what must be free in it: below this it is not worth the pause.</summary>
    public const double FreePart = 0.1;

    /// <summary>Of the budget, what the heap may take at all: what is free in it is not known before somebody looks.</summary>
    public const double MostPart = 0.65;

    /// <summary>At least this long between two.</summary>
    public static readonly TimeSpan Rest = TimeSpan.FromSeconds(90);

    /// <summary>At least this long after one that gave too little back: what is there is alive.</summary>
    public static readonly TimeSpan LongRest = TimeSpan.FromMinutes(3);

    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    /// <summary>Whether a heap of this size is worth it.</summary>
    public static bool IsDue(HeapSize heap, MemoryBudget budget)
    {
        ArgumentNullException.ThrowIfNull(budget);
        return heap.Committed > budget.Most * MostPart
            || (heap.Committed > budget.Most * CommittedPart && heap.Free > budget.Most * FreePart);
    }

    /// <summary>Looks each second, and compacts when it is due; until the subscription ends.</summary>
    /// <param name="budget">What the process is to take.</param>
    /// <param name="scheduler">When to look, and on which thread.</param>
    /// <param name="size">Of the heap.</param>
    /// <param name="compact">Does it.</param>
    public static IDisposable Keep(
        MemoryBudget budget,
        IScheduler scheduler,
        Func<HeapSize> size,
        Action compact
    ) =>
        Observable
            .Interval(Period, scheduler)
            .Select(_ => size())
            .Where(heap => IsDue(heap, budget))
            .Take(1)
            .SelectMany(before =>
            {
                compact();
                var given = before.Committed - size().Committed;
                return Observable.Timer(given > budget.Most * FreePart ? Rest : LongRest, scheduler);
            })
            .Repeat()
            .Subscribe();

    /// <summary>Compacts this process's heap, and gives back to the machine what that frees.</summary>
    public static void Compact() =>
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
}

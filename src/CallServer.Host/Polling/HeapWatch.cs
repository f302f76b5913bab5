using CallServer.Host.Net;
using CallServer.Model;

namespace CallServer.Host.Polling;

/// <summary>
/// Holds up those who make much garbage until the runtime has taken some of it back: it collects beside the program, and
/// who is quick makes as much again meanwhile. From any thread.
/// </summary>
/// <param name="budget">What the process is to take.</param>
/// <param name="clock">Time.</param>
/// <param name="size">Octets that objects take, dead ones included; null: as the runtime tells.</param>
/// <param name="collect">Begins to take back; null: as the runtime does.</param>
public sealed class HeapWatch(
    MemoryBudget budget,
    IClock clock,
    Func<long>? size = null,
    Action? collect = null
)
{
    /// <summary>Of the budget, the part that may be objects; the rest is what the runtime needs besides.</summary>
    public const double Part = 0.35;

    private static readonly TimeSpan Wait = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan BetweenCollections = TimeSpan.FromSeconds(1);

    private readonly Func<long> size = size ?? (() => GC.GetTotalMemory(forceFullCollection: false));
    private readonly Action collect =
        collect ?? (() => GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: false));
    private long collected = InstantModule.distantPast.Micros;

    /// <summary>How long to wait before making more; zero: go on.</summary>
    public TimeSpan Pause()
    {
        if (size() <= budget.Most * Part)
            return TimeSpan.Zero;
        var now = clock.Now.Steady.Micros;
        var last = Volatile.Read(ref collected);
        if (
            now - last >= (long)BetweenCollections.TotalMicroseconds
            && Interlocked.CompareExchange(ref collected, now, last) == last
        )
            collect();
        return Wait;
    }
}

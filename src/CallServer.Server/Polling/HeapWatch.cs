namespace CallServer.Server.Polling;

/// <summary>
/// Delays whoever makes much garbage until the runtime has collected some of it: collections run in the background,
/// and a fast producer makes as much again meanwhile. Callable from any thread.
/// </summary>
/// <param name="budget">The process's memory budget.</param>
/// <param name="size">Octets that objects take, dead ones included; null asks the runtime.</param>
public sealed class HeapWatch(MemoryBudget budget, Func<long>? size = null)
{
    /// <summary>Share of the budget that objects may take before anybody is delayed.</summary>
    public const double Part = 0.12;

    /// <summary>The length of one delay.</summary>
    public static readonly TimeSpan Wait = TimeSpan.FromMilliseconds(20);

    private readonly Func<long> size = size ?? (() => GC.GetTotalMemory(forceFullCollection: false));

    /// <summary>How long to wait before making more; zero to go on.</summary>
    public TimeSpan Pause() => size() > budget.Most * Part ? Wait : TimeSpan.Zero;
}

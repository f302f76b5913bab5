namespace CallServer.Server.Polling;

/// <summary>
/// Holds up those who make much garbage until the runtime has taken some of it back: it collects beside the program, and
/// who is quick makes as much again meanwhile. From any thread.
/// </summary>
/// <param name="budget">What the process is to take.</param>
/// <param name="size">Octets that objects take, dead ones included; null: as the runtime tells.</param>
public sealed class HeapWatch(MemoryBudget budget, Func<long>? size = null)
{
    /// <summary>Of the budget, the part that objects may be before anybody waits.</summary>
    public const double Part = 0.25;

    /// <summary>So long.</summary>
    public static readonly TimeSpan Wait = TimeSpan.FromMilliseconds(20);

    private readonly Func<long> size = size ?? (() => GC.GetTotalMemory(forceFullCollection: false));

    /// <summary>How long to wait before making more; zero: go on.</summary>
    public TimeSpan Pause() => size() > budget.Most * Part ? Wait : TimeSpan.Zero;
}

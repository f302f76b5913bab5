namespace CallServer.Server.Polling;

/// <summary>Counters of polling.</summary>
public sealed class PollingCounters
{
    private long loopRestarts;
    private long auditFaults;
    private long watchesStanding;
    private long watchSnapshots;
    private long watchesEnded;
    private long watchFaults;

    /// <summary>Gateway loops that a fault of our own ended and that were started again.</summary>
    public long LoopRestarts => Volatile.Read(ref loopRestarts);

    /// <summary>Audits that a fault of our own ended.</summary>
    public long AuditFaults => Volatile.Read(ref auditFaults);

    /// <summary>Standing watches that are reporting now.</summary>
    public long WatchesStanding => Volatile.Read(ref watchesStanding);

    /// <summary>Reports of standing watches.</summary>
    public long WatchSnapshots => Volatile.Read(ref watchSnapshots);

    /// <summary>Standing watches that ended after they had reported.</summary>
    public long WatchesEnded => Volatile.Read(ref watchesEnded);

    /// <summary>Standing watches that a fault of our own ended.</summary>
    public long WatchFaults => Volatile.Read(ref watchFaults);

    internal void LoopRestarted() => Interlocked.Increment(ref loopRestarts);

    internal void AuditFailed() => Interlocked.Increment(ref auditFaults);

    internal void WatchStands() => Interlocked.Increment(ref watchesStanding);

    internal void WatchDropped() => Interlocked.Decrement(ref watchesStanding);

    internal void WatchTold() => Interlocked.Increment(ref watchSnapshots);

    internal void WatchEnded() => Interlocked.Increment(ref watchesEnded);

    internal void WatchFailed() => Interlocked.Increment(ref watchFaults);
}

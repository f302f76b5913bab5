namespace CallServer.Server.Polling;

/// <summary>What polling counts.</summary>
public sealed class PollingCounters
{
    private long loopRestarts;
    private long auditFaults;
    private long watchesStanding;
    private long watchSnapshots;
    private long watchesEnded;
    private long watchFaults;

    /// <summary>Loops of gateways that a fault of our own ended and that were begun again.</summary>
    public long LoopRestarts => Volatile.Read(ref loopRestarts);

    /// <summary>Audits that a fault of our own ended.</summary>
    public long AuditFaults => Volatile.Read(ref auditFaults);

    /// <summary>Standing watches that tell.</summary>
    public long WatchesStanding => Volatile.Read(ref watchesStanding);

    /// <summary>What standing watches have told.</summary>
    public long WatchSnapshots => Volatile.Read(ref watchSnapshots);

    /// <summary>Standing watches that ended after they had told something.</summary>
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

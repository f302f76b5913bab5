namespace CallServer.Server.Polling;

/// <summary>
/// Estimated memory that the audits of all gateways and the record of their connections hold together. When audits
/// would hold too much, the one that holds most is ended, whoever asked for more: small audits never suffer from
/// large ones.
/// </summary>
public sealed class MemoryBudget
{
    /// <summary>Estimated size of a connection in the record, in octets.</summary>
    public const int OctetsAConnection = 3_000;

    // Shares of the budget: what the record's connections may take, and what all live objects may take. The runtime
    // needs the rest for itself and for garbage that it has not collected yet.
    internal const double RecordPart = 0.35;
    internal const double HeldPart = 0.45;
    internal const double LeastForAudits = 0.25;

    private readonly HashSet<Share> shares = [];
    private readonly Lock guard = new();
    private long most;
    private long audits;
    private long connections;
    private long ended;

    /// <param name="most">The limit in octets.</param>
    public MemoryBudget(long most) => Most = most;

    /// <summary>The limit in octets; may change at any time.</summary>
    public long Most
    {
        get => Volatile.Read(ref most);
        set => Volatile.Write(ref most, value);
    }

    /// <summary>What audits hold now, in octets.</summary>
    public long HeldByAudits
    {
        get
        {
            lock (guard)
                return audits;
        }
    }

    /// <summary>What the record holds now, in octets.</summary>
    public long HeldByRecord => Volatile.Read(ref connections) * OctetsAConnection;

    /// <summary>Audits that were ended because they held most when memory ran short.</summary>
    public long Ended => Volatile.Read(ref ended);

    /// <summary>
    /// How many connections a gateway's record may have while all others keep theirs, so that the record stays within
    /// its share of the budget. Each gateway has an equal part that others cannot take from it.
    /// </summary>
    /// <param name="held">Connections it has now.</param>
    /// <param name="gateways">Number of gateways.</param>
    public int RoomFor(int held, int gateways)
    {
        var all = (long)(Most * RecordPart) / OctetsAConnection;
        var left = all - Volatile.Read(ref connections) + held;
        return (int)Math.Clamp(Math.Max(left, all / Math.Max(gateways, 1)), 0, int.MaxValue);
    }

    /// <summary>Counts connections that the record gained, or lost (negative).</summary>
    public void Count(int change) => Interlocked.Add(ref connections, change);

    /// <summary>Opens an audit's share; <paramref name="end"/> is called when the audit has to end.</summary>
    public Share Open(Action end)
    {
        var share = new Share(this, end);
        lock (guard)
            shares.Add(share);
        return share;
    }

    private void Set(Share share, long octets)
    {
        Share? largest = null;
        lock (guard)
        {
            if (!shares.Contains(share))
                return;
            audits += octets - share.Held;
            share.Held = octets;
            if (audits > Math.Max(Most * HeldPart - HeldByRecord, Most * LeastForAudits))
            {
                largest = shares.MaxBy(other => other.Held)!;
                // Counted as free already: the audit ends at its next step.
                Remove(largest);
                Interlocked.Increment(ref ended);
            }
        }

        largest?.End();
    }

    private void Remove(Share share)
    {
        if (shares.Remove(share))
            audits -= share.Held;
    }

    /// <summary>The share of one audit.</summary>
    public sealed class Share : IDisposable
    {
        private readonly MemoryBudget budget;

        internal Share(MemoryBudget budget, Action end)
        {
            this.budget = budget;
            End = end;
        }

        internal Action End { get; }

        internal long Held { get; set; }

        /// <summary>Sets what the audit holds now, in octets. Callable from any thread.</summary>
        public void Set(long octets) => budget.Set(this, octets);

        /// <inheritdoc/>
        public void Dispose()
        {
            lock (budget.guard)
                budget.Remove(this);
        }
    }
}

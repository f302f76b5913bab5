namespace CallServer.Server.Polling;

/// <summary>
/// Octets of memory that the audits of all gateways and the record of their connections hold together, as they
/// are estimated. Where audits would hold more, the one that holds most is ended, whoever asked for more: those
/// that take little never wait for those that take much.
/// </summary>
public sealed class MemoryBudget
{
    /// <summary>What a connection in the record takes, roughly.</summary>
    public const int OctetsAConnection = 3_000;

    // Of what the process is to take, the part that the record's connections may be, and that all objects may be which
    // somebody holds: the runtime needs the rest for itself, and for what nobody holds any more and it has not taken back.
    private const double RecordPart = 0.35;
    private const double HeldPart = 0.45;
    private const double LeastForAudits = 0.2;

    private readonly HashSet<Share> shares = [];
    private readonly Lock guard = new();
    private long most;
    private long audits;
    private long connections;
    private long ended;

    /// <param name="most">Octets.</param>
    public MemoryBudget(long most) => Most = most;

    /// <summary>The limit; may change at any time.</summary>
    public long Most
    {
        get => Volatile.Read(ref most);
        set => Volatile.Write(ref most, value);
    }

    /// <summary>What audits hold now.</summary>
    public long HeldByAudits
    {
        get
        {
            lock (guard)
                return audits;
        }
    }

    /// <summary>What the record holds now.</summary>
    public long HeldByRecord => Volatile.Read(ref connections) * OctetsAConnection;

    /// <summary>Audits that were ended as they held most when there was too little.</summary>
    public long Ended => Volatile.Read(ref ended);

    /// <summary>
    /// Connections that a gateway's record may have while all others have what they have: the record takes at
    /// most its part of all. Each gateway has an equal part that others cannot take from it.
    /// </summary>
    /// <param name="held">That it has now.</param>
    /// <param name="gateways">How many there are.</param>
    public int RoomFor(int held, int gateways)
    {
        var all = (long)(Most * RecordPart) / OctetsAConnection;
        var left = all - Volatile.Read(ref connections) + held;
        return (int)Math.Clamp(Math.Max(left, all / Math.Max(gateways, 1)), 0, int.MaxValue);
    }

    /// <summary>The record has so many connections more, or fewer.</summary>
    public void Count(int change) => Interlocked.Add(ref connections, change);

    /// <summary>A share of an audit that begins; it is called when it has to end.</summary>
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
                // What it holds is as good as free: it ends at its next step.
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

    /// <summary>Of one audit.</summary>
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

        /// <summary>It holds so much now; from any thread.</summary>
        public void Set(long octets) => budget.Set(this, octets);

        /// <inheritdoc/>
        public void Dispose()
        {
            lock (budget.guard)
                budget.Remove(this);
        }
    }
}

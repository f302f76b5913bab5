namespace CallServer.Fleet;

/// <summary>What came of calling another host.</summary>
internal enum PeerAnswer
{
    /// <summary>It answered.</summary>
    Answered,

    /// <summary>Its machine says that nobody listens there: the process has ended.</summary>
    Gone,

    /// <summary>Nothing came: it may live, and be cut off from here.</summary>
    Silent,
}

/// <summary>
/// Decides whether this host may ask gateways, from what it is told: beats of its own clock, looks into the table of members,
/// and answers of the other hosts. Three rules: it is an active member as far as it knows; after it has stood still, it has
/// looked again; and while the database is away, no other host is silent, which might see the database and take over.
/// </summary>
/// <param name="time">Its monotonic clock is read, the wall clock is not.</param>
internal sealed class FleetGate(TimeProvider time) : IFleetGate
{
    /// <summary>Between two beats; after a longer time it has stood still, and may have been declared dead.</summary>
    public static readonly TimeSpan Stall = TimeSpan.FromSeconds(2);

    /// <summary>For how long the database or another host may tell nothing until it counts as away.</summary>
    public static readonly TimeSpan Silence = TimeSpan.FromSeconds(3);

    private readonly Lock guard = new();
    private readonly Dictionary<FleetMember, long> peers = [];
    private FleetMember? self;
    private bool active;
    private bool ended;
    private long beat = time.GetTimestamp();
    private long looked = time.GetTimestamp();
    private long? woke;

    /// <inheritdoc/>
    public FleetMember? Self
    {
        get
        {
            lock (guard)
                return self;
        }
    }

    /// <inheritdoc/>
    public bool MayAsk
    {
        get
        {
            lock (guard)
            {
                var now = Notice();
                return active
                    && !ended
                    && woke is null
                    && (!IsPast(looked, now) || !peers.Values.Any(heard => IsPast(heard, now)));
            }
        }
    }

    /// <summary>Whether the table of members cannot be read for longer than a moment.</summary>
    public bool IsBlind
    {
        get
        {
            lock (guard)
                return IsPast(looked, time.GetTimestamp());
        }
    }

    /// <summary>Whether it has stood still and not looked into the table of members since.</summary>
    public bool MustLook
    {
        get
        {
            lock (guard)
            {
                Notice();
                return woke is not null;
            }
        }
    }

    /// <summary>To be called several times a second: while nobody does, the process stands still.</summary>
    public void Beat()
    {
        lock (guard)
            beat = Notice();
    }

    /// <summary>A look into the table of members succeeded.</summary>
    /// <param name="asked">When it began.</param>
    /// <param name="member">This host.</param>
    /// <param name="isActive">Whether the table says that it is active.</param>
    /// <param name="others">The other active hosts.</param>
    public void Looked(long asked, FleetMember member, bool isActive, IReadOnlyCollection<FleetMember> others)
    {
        lock (guard)
        {
            var now = Notice();
            self = member;
            active = isActive;
            looked = now;
            if (asked >= woke)
                woke = null;
            foreach (var gone in peers.Keys.Except(others).ToList())
                peers.Remove(gone);
            foreach (var other in others)
                peers.TryAdd(other, now);
        }
    }

    /// <summary>This process is no member any more, and never will be again.</summary>
    public void End()
    {
        lock (guard)
            ended = true;
    }

    /// <summary>Another host was called.</summary>
    public void Heard(FleetMember peer, PeerAnswer answer)
    {
        lock (guard)
        {
            if (answer != PeerAnswer.Silent && peers.ContainsKey(peer))
                peers[peer] = time.GetTimestamp();
        }
    }

    /// <summary>Whoever comes first after a stall closes the gate.</summary>
    private long Notice()
    {
        var now = time.GetTimestamp();
        if (time.GetElapsedTime(beat, now) > Stall)
            woke = beat = now;
        return now;
    }

    private bool IsPast(long since, long now) => time.GetElapsedTime(since, now) > Silence;
}

namespace CallServer.Fleet;

/// <summary>When a host looks after its units, which of them it has to call for, and which it gives away.</summary>
/// <param name="count">How many units there are.</param>
/// <param name="time">Its monotonic clock is read, the wall clock is not.</param>
internal sealed class UnitPlan(int count, TimeProvider time)
{
    // Hosts that start together see each other by then. Who began before would take everything, and give most of it away again.
    public static readonly TimeSpan BeforeTheFirst = TimeSpan.FromSeconds(6);

    // A host that has just joined is known everywhere by then.
    public static readonly TimeSpan BeforeMoving = TimeSpan.FromSeconds(3);

    public static readonly TimeSpan BetweenSweeps = TimeSpan.FromSeconds(2);

    // A host that is leaving still answers for the units that it is giving up: the call succeeds, and nobody has the unit then.
    public static readonly TimeSpan WhileOneLeaves = TimeSpan.FromMilliseconds(500);

    private IReadOnlyList<FleetMember> members = [];
    private FleetMember?[] owners = new FleetMember?[count];
    private long since = time.GetTimestamp();
    private long? swept;
    private TimeSpan rest = BetweenSweeps;
    private bool begun;

    /// <summary>The active hosts as they are now. Returns whether they have changed: what is due then is due at once.</summary>
    public bool Follow(IReadOnlyList<FleetMember> active)
    {
        if (active.SequenceEqual(members))
            return false;
        members = active;
        var rendezvous = new Rendezvous(active);
        owners = [.. Enumerable.Range(0, count).Select(rendezvous.OwnerOf)];
        since = time.GetTimestamp();
        swept = null;
        return true;
    }

    /// <summary>Whether to look now; then the next look is due after a while.</summary>
    public bool IsDue(bool mayAsk)
    {
        if (!mayAsk || (!begun && time.GetElapsedTime(since) < BeforeTheFirst))
            return false;
        begun = true;
        if (swept is { } last && time.GetElapsedTime(last) < rest)
            return false;
        (swept, rest) = (time.GetTimestamp(), BetweenSweeps);
        return true;
    }

    /// <summary>The units that belong to this host, and are not active here.</summary>
    public List<int> Missing(FleetMember self, Func<int, bool> isActive) =>
        [.. Enumerable.Range(0, count).Where(unit => owners[unit] == self && !isActive(unit))];

    /// <summary>What was missing has been called for: how many calls failed, and how many units are missing still.</summary>
    public void Called(int failed, int missing)
    {
        if (failed == 0 && missing > 0)
            rest = WhileOneLeaves;
    }

    /// <summary>
    /// Whether units may go to other hosts. Also while some are missing: two hosts that hold each other's units would wait for
    /// each other for ever.
    /// </summary>
    public bool MayMove => time.GetElapsedTime(since) >= BeforeMoving;

    /// <summary>Those of these units that belong to other hosts.</summary>
    public IEnumerable<int> Others(FleetMember self, IEnumerable<int> units) =>
        units.Where(unit => owners[unit] != self);

    /// <summary>Some were given away, and more may be left: the next look is due at once.</summary>
    public void Moved() => swept = null;
}

namespace CallServer.Fleet;

/// <summary>
/// Sees to it that this host holds the units that belong to it, and gives away those that do not. Every host looks after its own, so
/// that none is needed in particular.
/// </summary>
internal sealed partial class UnitKeeper(
    int count,
    IUnitHost units,
    UnitGrains grains,
    IGrainFactory factory,
    FleetView view,
    FleetGate gate,
    TimeProvider time,
    ILogger<UnitKeeper> logger
) : BackgroundService
{
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(100);

    // Hosts that start together see each other by then. Who began before would take everything, and give most of it away again.
    private static readonly TimeSpan BeforeTheFirst = TimeSpan.FromSeconds(6);

    // A host that has just joined is known everywhere by then.
    private static readonly TimeSpan BeforeMoving = TimeSpan.FromSeconds(3);

    private static readonly TimeSpan BetweenSweeps = TimeSpan.FromSeconds(2);

    // A host that is leaving still answers for the units that it is giving up: the call succeeds, and nobody has the unit then.
    private static readonly TimeSpan WhileOneLeaves = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan GiveUpPatience = TimeSpan.FromSeconds(10);
    private const int AtOnce = 256;
    private const int MovesAtOnce = 64;

    private IReadOnlyList<FleetMember> members = [];
    private FleetMember?[] owners = [];
    private long since = time.GetTimestamp();
    private long? swept;
    private TimeSpan rest = BetweenSweeps;
    private bool begun;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var ticks = new PeriodicTimer(Period, time);
        try
        {
            while (await ticks.WaitForNextTickAsync(stoppingToken))
                await SweepAsync(stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested) { }
    }

    private async Task SweepAsync(CancellationToken stop)
    {
        Follow(view.Active);
        var stood = time.GetElapsedTime(since);
        if (!gate.MayAsk || (!begun && stood < BeforeTheFirst))
            return;
        begun = true;
        if (swept is { } last && time.GetElapsedTime(last) < rest)
            return;
        swept = time.GetTimestamp();
        var self = view.Self;
        var missing = Enumerable
            .Range(0, count)
            .Where(unit => owners[unit] == self && !grains.Contains(unit))
            .ToList();
        rest = BetweenSweeps;
        if (missing.Count > 0)
        {
            var failed = await EnsureAsync(missing, stop);
            LogEnsured(missing.Count, members.Count, failed);
            if (failed == 0 && !missing.TrueForAll(grains.Contains))
                rest = WhileOneLeaves;
        }
        // Also while some are missing: two hosts that hold each other's units would wait for each other for ever.
        if (stood >= BeforeMoving)
            await GiveAwayAsync(self, stop);
    }

    private void Follow(IReadOnlyList<FleetMember> active)
    {
        if (active.SequenceEqual(members))
            return;
        if (active.Count > 0)
            LogMembers(
                active.Count,
                string.Join(", ", active.Select(member => $"{member.Address}:{member.Port}"))
            );
        members = active;
        var rendezvous = new Rendezvous(active);
        owners = [.. Enumerable.Range(0, count).Select(rendezvous.OwnerOf)];
        since = time.GetTimestamp();
        swept = null;
    }

    /// <summary>Returns how many could not be activated; they are tried again at the next sweep.</summary>
    private async Task<int> EnsureAsync(IReadOnlyCollection<int> missing, CancellationToken stop)
    {
        var failed = 0;
        await Parallel.ForEachAsync(
            missing,
            new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = stop },
            async (unit, _) =>
            {
                try
                {
                    await factory.GetGrain<IUnitGrain>(unit).EnsureAsync();
                }
#pragma warning disable CA1031 // another sweep follows
                catch (Exception fault)
#pragma warning restore CA1031
                {
                    if (Interlocked.Increment(ref failed) == 1)
                        LogNotEnsured(unit, fault.Message);
                }
            }
        );
        return failed;
    }

    private async Task GiveAwayAsync(FleetMember self, CancellationToken stop)
    {
        var strangers = grains.Units.Where(unit => owners[unit] != self).Take(MovesAtOnce).ToList();
        foreach (var unit in strangers)
            grains.Move(unit);
        // Their grains are elsewhere or nowhere.
        var left = units.Held.Keys.Where(unit => owners[unit] != self && !grains.Contains(unit)).ToList();
        using var limit = new CancellationTokenSource(GiveUpPatience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, stop);
        await Task.WhenAll(left.Select(unit => units.GiveUpAsync(unit, either.Token)));
        if (strangers.Count + left.Count > 0)
            swept = null;
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "the fleet has {Count} hosts now: {Members}")]
    private partial void LogMembers(int count, string members);

    [LoggerMessage(
        Level = LogLevel.Information,
        Message = "called for {Count} units that belong to this host, of {Hosts}; {Failed} calls failed"
    )]
    private partial void LogEnsured(int count, int hosts, int failed);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "unit {Unit} is not activated, and is tried again: {Why}"
    )]
    private partial void LogNotEnsured(int unit, string why);
}

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
    private static readonly TimeSpan GiveUpPatience = TimeSpan.FromSeconds(10);
    private const int AtOnce = 256;
    private const int MovesAtOnce = 64;

    private readonly UnitPlan plan = new(count, time);

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
        var active = view.Active;
        if (plan.Follow(active) && active.Count > 0)
            LogMembers(
                active.Count,
                string.Join(", ", active.Select(member => $"{member.Address}:{member.Port}"))
            );
        if (!plan.IsDue(gate.MayAsk))
            return;
        var self = view.Self;
        var missing = plan.Missing(self, grains.Contains);
        if (missing.Count > 0)
        {
            var failed = await EnsureAsync(missing, stop);
            LogEnsured(missing.Count, active.Count, failed);
            plan.Called(failed, missing.Count(unit => !grains.Contains(unit)));
        }
        if (plan.MayMove)
            await GiveAwayAsync(self, stop);
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
        var strangers = plan.Others(self, grains.Units).Take(MovesAtOnce).ToList();
        foreach (var unit in strangers)
            grains.Move(unit);
        // Their grains are elsewhere or nowhere.
        var left = plan.Others(self, units.Held.Keys).Where(unit => !grains.Contains(unit)).ToList();
        using var limit = new CancellationTokenSource(GiveUpPatience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, stop);
        await Task.WhenAll(left.Select(unit => units.GiveUpAsync(unit, either.Token)));
        if (strangers.Count + left.Count > 0)
            plan.Moved();
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

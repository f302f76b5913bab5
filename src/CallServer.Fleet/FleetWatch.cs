namespace CallServer.Fleet;

/// <summary>Tells the gate what it decides by: beats, looks into the table of members, calls to the other hosts.</summary>
internal sealed partial class FleetWatch(
    FleetGate gate,
    FleetView view,
    Peers peers,
    TimeProvider time,
    ILogger<FleetWatch> logger
) : BackgroundService
{
    private static readonly TimeSpan BeatPeriod = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LookPeriod = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LookPatience = TimeSpan.FromSeconds(2);

    private bool mayAsk;
    private bool blind;
    private string fault = "it does not answer";

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(
            EachAsync(BeatPeriod, BeatAsync, stoppingToken),
            EachAsync(LookPeriod, LookAsync, stoppingToken),
            EachAsync(LookPeriod, CallAsync, stoppingToken)
        );

    private async Task EachAsync(TimeSpan period, Func<CancellationToken, Task> work, CancellationToken stop)
    {
        using var ticks = new PeriodicTimer(period, time);
        try
        {
            do await work(stop);
            while (await ticks.WaitForNextTickAsync(stop));
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested) { }
    }

    private async Task BeatAsync(CancellationToken stop)
    {
        gate.Beat();
        // After a stall every moment counts until the host may ask again.
        if (gate.MustLook)
            await LookAsync(stop);
        if (gate.IsBlind != blind)
        {
            blind = !blind;
            if (blind)
                LogBlind(fault);
            else
                LogSeeing();
        }

        if (gate.MayAsk != mayAsk)
        {
            mayAsk = !mayAsk;
            if (mayAsk)
                LogOpen();
            else
                LogShut();
        }
    }

    private async Task LookAsync(CancellationToken stop)
    {
        using var patience = new CancellationTokenSource(LookPatience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, stop);
        var asked = time.GetTimestamp();
        try
        {
            await view.LookAsync(either.Token);
            var (self, active) = (view.Self, view.Active);
            gate.Looked(asked, self, active.Contains(self), [.. active.Where(member => member != self)]);
        }
#pragma warning disable CA1031 // without the database nothing is known, and it is asked again
        catch (Exception error) when (!stop.IsCancellationRequested)
#pragma warning restore CA1031
        {
            fault = error.Message;
        }
    }

    private Task CallAsync(CancellationToken stop) =>
        Task.WhenAll(
            view.Active.Where(member => member != view.Self)
                .Select(async member => gate.Heard(member, await peers.CallAsync(member, stop)))
        );

    [LoggerMessage(
        Level = LogLevel.Information,
        Message = "this host is an active member of the fleet, and asks"
    )]
    private partial void LogOpen();

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "this host asks nobody: it is no active member of the fleet, or does not know whether it still is"
    )]
    private partial void LogShut();

    [LoggerMessage(Level = LogLevel.Information, Message = "the database is back")]
    private partial void LogSeeing();

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "the database is away: this host asks as long as no other host is silent: {Why}"
    )]
    private partial void LogBlind(string why);
}

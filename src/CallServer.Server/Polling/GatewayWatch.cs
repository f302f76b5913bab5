using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using System.Reactive.Linq;
using CallServer.Model;
using CallServer.Server.Configuration;
using CallServer.Surface;

namespace CallServer.Server.Polling;

/// <summary>
/// Keeps a standing watch of one gateway between its audits, never during one, since nobody could tell which of the
/// two views is newer. It starts after an audit, and starts again after a pause whenever it ends. Everything happens
/// on its one scheduler. What it reports is taken in like an audit. Its end says nothing about connections, so the
/// gateway is asked instead.
/// </summary>
internal sealed class GatewayWatch(
    GatewayConfiguration gateway,
    PollingContext context,
    IScheduler scheduler,
    Func<IObservable<WatchNews>> watch,
    Action<AuditResult> told,
    Action ended
) : IDisposable
{
    private readonly SerialDisposable current = new();
    private Instant due = InstantModule.distantPast;
    private int failures;
    private bool runs;
    private bool paused;

    /// <summary>
    /// The watch has reported and goes on. It asks the gateway for everything at its interval by itself, so that no
    /// polling is needed.
    /// </summary>
    public bool Stands { get; private set; }

    /// <summary>The gateway is about to be asked.</summary>
    public void Asking()
    {
        paused = true;
        runs = false;
        current.Disposable = Disposable.Empty;
        Fall();
    }

    /// <summary>The gateway was asked, whatever came of it.</summary>
    public void Asked()
    {
        paused = false;
        var now = context.Clock.Now.Steady;
        if (due <= now)
            Begin();
        else
            current.Disposable = scheduler.Schedule(due - now, Begin);
    }

    private void Begin()
    {
        runs = true;
        // The slot is filled before the watch starts, as it may end at once.
        var slot = new SingleAssignmentDisposable();
        current.Disposable = slot;
        slot.Disposable = Observable.Defer(watch).Do(Take).Subscribe(_ => { }, OnFault, Again);
    }

    public void Dispose()
    {
        current.Dispose();
        Fall();
    }

    private void Take(WatchNews news)
    {
        if (news.Over)
        {
            var level = Stands ? LogLevel.Warning : LogLevel.Debug;
            context.Logger.Log(
                level,
                "{Gateway}: no longer tells by itself: {Reasons}",
                gateway.Id,
                string.Join("; ", news.Result.Reasons)
            );
            return;
        }

        if (!Stands)
        {
            Stands = true;
            context.Counters.WatchStands();
            context.Logger.LogInformation("{Gateway}: tells of changes by itself", gateway.Id);
        }

        failures = 0;
        context.Counters.WatchTold();
        told(news.Result);
    }

    private void OnFault(Exception fault)
    {
        context.Counters.WatchFailed();
        context.Logger.LogError(fault, "{Gateway}: the watch failed by a fault of our own", gateway.Id);
        Again();
    }

    /// <summary>Starts again after an interval, then two, four, … up to the back-off limit.</summary>
    private void Again()
    {
        if (!runs)
            return;
        runs = false;
        var pause = GatewayCadence.Pause(gateway.Interval, context.Limits.BackoffLimit, ++failures);
        due = context.Clock.Now.Steady + pause;
        if (!paused)
            current.Disposable = scheduler.Schedule(pause, Begin);
        if (Fall())
        {
            context.Counters.WatchEnded();
            ended();
        }
    }

    private bool Fall()
    {
        var stood = Stands;
        Stands = false;
        if (stood)
            context.Counters.WatchDropped();
        return stood;
    }
}

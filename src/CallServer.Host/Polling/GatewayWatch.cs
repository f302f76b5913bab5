using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using System.Reactive.Linq;
using CallServer.Host.Configuration;
using CallServer.Model;
using CallServer.Surface;

namespace CallServer.Host.Polling;

/// <summary>
/// Keeps a standing watch of one gateway beside its audits: begins it after the first of them, and again after
/// a pause whenever it ends. Everything happens on the one scheduler. What it tells is taken in like an audit;
/// that it ended tells nothing of connections, so that the gateway is asked instead.
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
    /// <summary>While a watch stands, its gateway is asked so many times less often.</summary>
    public const int SlowsBy = 6;

    private readonly SerialDisposable current = new();
    private int failures;

    private Instant lastAsked = InstantModule.distantPast;
    private bool hasBegun;
    private bool stands;
    private bool newsWaits;

    /// <summary>
    /// It has told something, goes on, and the record could take what it told: there is less need to ask.
    /// </summary>
    public bool Slows => stands && !newsWaits;

    /// <summary>The gateway is being asked.</summary>
    public void Asking() => newsWaits = false;

    /// <summary>
    /// The gateway was asked, and told this; null where that failed by a fault of our own.
    /// </summary>
    public void Asked(AuditResult? result)
    {
        lastAsked = result?.Asked ?? lastAsked;
        if (hasBegun)
            return;
        hasBegun = true;
        Begin();
    }

    private void Begin()
    {
        // The slot is taken before the watch begins, as it may end at once.
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
            var level = stands ? LogLevel.Warning : LogLevel.Debug;
            context.Logger.Log(
                level,
                "{Gateway}: no longer tells by itself: {Reasons}",
                gateway.Id,
                string.Join("; ", news.Result.Reasons)
            );
            return;
        }

        if (!stands)
        {
            stands = true;
            context.Counters.WatchStands();
            context.Logger.LogInformation("{Gateway}: tells of changes by itself", gateway.Id);
        }

        failures = 0;
        context.Counters.WatchTold();
        // The record keeps the newer of two views. What is known only to be newer than something before the
        // last audit may be older than it: then the next interval settles it.
        newsWaits |= news.Result.Asked < lastAsked;
        told(news.Result);
    }

    private void OnFault(Exception fault)
    {
        context.Counters.WatchFailed();
        context.Logger.LogError(fault, "{Gateway}: the watch failed by a fault of our own", gateway.Id);
        Again();
    }

    /// <summary>After an interval, then two, four, … up to the limit of back-off.</summary>
    private void Again()
    {
        if (Fall())
        {
            context.Counters.WatchEnded();
            ended();
        }

        var backoff = context.Limits.BackoffLimit;
        var limit = backoff > gateway.Interval ? backoff : gateway.Interval;
        var pause = gateway.Interval * Math.Pow(2, Math.Min(failures++, 20));
        current.Disposable = scheduler.Schedule(pause < limit ? pause : limit, Begin);
    }

    private bool Fall()
    {
        var stood = stands;
        stands = false;
        if (stood)
            context.Counters.WatchDropped();
        return stood;
    }
}

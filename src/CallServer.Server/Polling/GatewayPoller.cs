using System.Globalization;
using System.Net.Sockets;
using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using System.Reactive.Linq;
using System.Reactive.Subjects;
using System.Reactive.Threading.Tasks;
using CallServer.Model;
using CallServer.Server.Configuration;
using CallServer.Server.Net;
using CallServer.Surface;

namespace CallServer.Server.Polling;

/// <summary>
/// Asks one gateway: at its interval and when triggered, never twice at once, and less often while it is silent.
/// Everything happens on its one scheduler.
/// </summary>
internal sealed class GatewayPoller : IDisposable
{
    private static readonly TimeSpan LoopRest = TimeSpan.FromSeconds(5);

    /// <summary>What was due while nobody might be asked is tried again after this time.</summary>
    private static readonly TimeSpan OwedRest = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan NamePatience = TimeSpan.FromSeconds(5);

    /// <summary>After this time a takeover audits further gateways beside this one.</summary>
    private static readonly TimeSpan TakeoverTurn = TimeSpan.FromMilliseconds(300);

    private readonly PollingContext context;
    private readonly IObserver<Polled> results;
    private readonly List<AuditResult> held = [];
    private readonly IAuditRunner runner;
    private readonly AuditLoop aside;
    private readonly IScheduler scheduler;
    private readonly AuditCost cost;
    private readonly Subject<AuditCause> triggers = new();
    private readonly PacedTrigger fromOutside;
    private readonly Subject<AuditCause> ticks = new();
    private readonly GatewayWatch? watch;
    private readonly IDisposable subscription;
    private AuditMemory? memory;
    private GatewayAddress? lastKnown;
    private GatewayCadence cadence;
    private int holds;
    private bool owes;

    public GatewayPoller(
        GatewayConfiguration gateway,
        PollingContext context,
        AuditLoop loop,
        IObserver<Polled> results
    )
    {
        Gateway = gateway;
        this.context = context;
        this.results = results;
        runner = loop.Runner;
        aside = loop.Aside ?? loop;
        scheduler = loop.Scheduler;
        cost = new AuditCost(gateway.Interval);
        cadence = GatewayCadence.Create(gateway.Interval);
        fromOutside = new PacedTrigger(context.Clock, scheduler);
        context.Addresses.Enter(gateway, GatewayLocator.Literal(gateway.Uri));
        watch = gateway.Target.Watches
            ? new GatewayWatch(
                gateway,
                context,
                scheduler,
                () => Resolve().SelectMany(Watch),
                Deliver,
                () => Trigger(AuditCause.WatchEnded)
            )
            : null;
        var audits = Observable
            .Merge(Observable.Return(AuditCause.Start, scheduler), ticks, triggers.ObserveOn(scheduler))
            .Where(IsDue)
            .OneAtATime(cause => cause != AuditCause.Interval, Audit)
            .Do(Deliver)
            .RetryWhen(faults => faults.Do(OnLoopFault).Delay(LoopRest, scheduler))
            .Subscribe();
        // One source for all who listen, for as long as the poller lives. Publish().RefCount() would go dead if the last of them left on
        // the loop while another one came here: that one would be given the connection that is just being closed.
        subscription = StableCompositeDisposable.Create(
            audits,
            Phase.Ticks(gateway.Id, gateway.Interval, context.Clock, scheduler).Subscribe(ticks)
        );
    }

    public GatewayConfiguration Gateway { get; }

    /// <summary>Asks as soon as possible. Callable from any thread.</summary>
    public void Trigger(AuditCause cause)
    {
        if (cause is AuditCause.Restart or AuditCause.Reconnect)
            fromOutside.Ask(() => Emit(cause));
        else
            Emit(cause);
    }

    /// <summary>Has one connection ended. Callable from any thread.</summary>
    public IObservable<ReleaseResult> Release(string connection, KnownConnections known, TimeSpan deadline) =>
        Observable
            .Return(connection, scheduler)
            .SelectMany(_ => Resolve())
            .SelectMany(address =>
                address is null
                    ? Observable.Return(
                        ReleaseResult.Unasked(connection, $"the name {Gateway.Uri.Host} has no address"),
                        ImmediateScheduler.Instance
                    )
                    : runner.Release(Gateway.Target, connection, address.Value, known, deadline)
            );

    /// <summary>Asks who controls the gateway; empty if its protocol cannot tell. Callable from any thread.</summary>
    public IObservable<ControllerResult> AskController(TimeSpan deadline) =>
        Gateway.Target.TellsController
            ? Observable
                .Return(Gateway.Id, scheduler)
                .SelectMany(_ => Resolve())
                .SelectMany(address =>
                    address is null
                        ? Observable.Empty<ControllerResult>(ImmediateScheduler.Instance)
                        : runner.AskController(
                            Gateway.Target,
                            address.Value,
                            context.Known(Gateway.Id),
                            deadline
                        )
                )
            : Observable.Empty<ControllerResult>(ImmediateScheduler.Instance);

    /// <summary>
    /// The server stops asking altogether, which also ends a standing watch. Callable from any thread.
    /// </summary>
    public void Rest() => scheduler.Schedule(() => watch?.Asking());

    /// <summary>Delivers nothing until the hold is disposed, and then what came meanwhile; from any thread.</summary>
    public IDisposable Hold()
    {
        scheduler.Schedule(() => holds++);
        return Disposable.Create(() => scheduler.Schedule(LetGo));
    }

    /// <summary>Ends the poller on its own scheduler: whatever is scheduled there afterwards does nothing.</summary>
    public void Dispose()
    {
        context.Addresses.Leave(Gateway);
        scheduler.Schedule(() =>
        {
            subscription.Dispose();
            watch?.Dispose();
        });
    }

    private void Deliver(AuditResult result)
    {
        if (holds > 0)
            held.Add(result);
        else
            results.OnNext(new Polled(Gateway, result));
    }

    private void LetGo()
    {
        if (--holds > 0)
            return;
        var late = held.ToList();
        held.Clear();
        late.ForEach(Deliver);
    }

    private void Emit(AuditCause cause)
    {
        lock (triggers)
            triggers.OnNext(cause);
    }

    /// <summary>
    /// Skips some ticks while a gateway is silent, and while a watch reports by itself. Audits that somebody asked
    /// for are never held back.
    /// </summary>
    private bool IsDue(AuditCause cause)
    {
        if (!context.MayAsk())
        {
            Owe(cause);
            return false;
        }
        if (cause != AuditCause.Interval)
            return context.Pace != AuditPace.Known
                || cause is AuditCause.Operator or AuditCause.DryRun or AuditCause.Takeover;
        return watch is not { Stands: true }
            && cadence.IsDue(
                context.Clock.Now.Steady,
                context.Pace,
                // It matters only in this pace: nothing else looks into the record at each tick.
                context.Pace == AuditPace.Known
                    && context.Known(Gateway.Id) is { Count: > 0 }
            );
    }

    /// <summary>A host that may not ask for a moment leaves no gateway unasked until its next interval.</summary>
    private void Owe(AuditCause cause)
    {
        if (owes)
            return;
        owes = true;
        scheduler.Schedule(
            OwedRest,
            () =>
            {
                owes = false;
                Emit(cause);
            }
        );
    }

    private IObservable<WatchNews> Watch(GatewayAddress? address) =>
        address is null
            ? Observable.Empty<WatchNews>(ImmediateScheduler.Instance)
            : runner
                .Watch(Gateway.Target, address.Value, memory, WatchInterval)
                .Do(news => memory = news.Memory ?? memory);

    /// <summary>A standing watch must cost no more than polling would.</summary>
    private TimeSpan WatchInterval => GatewayCadence.Stretched(Gateway.Interval, context.Pace);

    private IObservable<AuditResult> Audit(AuditCause cause)
    {
        watch?.Asking();
        cadence = cadence.Begin(context.Clock.Now.Steady);
        return Resolve()
            .SelectMany(address =>
                address is null
                    ? Observable.Return(Unasked(), ImmediateScheduler.Instance)
                    : Ask(address.Value, cause)
            )
            .Do(Remember)
            .Catch(
                (Exception fault) =>
                {
                    // A fault of our own: this audit is over, and the gateway's next one starts without memory.
                    context.Counters.AuditFailed();
                    context.Logger.LogError(
                        fault,
                        "{Gateway}: the audit failed by a fault of our own",
                        Gateway.Id
                    );
                    memory = null;
                    WatchAgain();
                    return Observable.Empty<AuditResult>();
                }
            );
    }

    /// <summary>
    /// Resolves the name before a place in a lane is taken. If the resolver fails, the last address stays in use;
    /// null if there was none yet.
    /// </summary>
    private IObservable<GatewayAddress?> Resolve()
    {
        if (GatewayLocator.Literal(Gateway.Uri) is { } literal)
            return Observable.Return<GatewayAddress?>(literal, ImmediateScheduler.Instance);

        return Observable
            .FromAsync(cancel => GatewayLocator.FindAsync(context.Resolver, Gateway.Uri, cancel))
            .Select(address => (GatewayAddress?)address)
            .ObserveOn(scheduler)
            .Timeout(NamePatience, scheduler)
            .Do(address =>
            {
                lastKnown = address;
                context.Addresses.Move(Gateway, address!.Value);
            })
            .Catch((SocketException _) => Observable.Return(lastKnown, ImmediateScheduler.Instance))
            .Catch((TimeoutException _) => Observable.Return(lastKnown, ImmediateScheduler.Instance));
    }

    private IObservable<AuditResult> Ask(GatewayAddress address, AuditCause cause)
    {
        // A takeover does not wait for gateways that were slow or silent before it.
        var first =
            IsHurried(cause) ? context.Lanes.Takeover
            : cost.IsHeavy ? context.Lanes.Heavy
            : cadence.WasInVain ? context.Lanes.Silent
            : cadence.IsSlow ? context.Lanes.Slow
            : context.Lanes.Prompt;
        // Whoever begins with many gateways, as after the death of another host, leaves none of them unasked for longer than its
        // interval: what is due goes before what is only new.
        var yields = cause == AuditCause.Start;
        return Enter(first, yields)
            .Amb(
                yields ? ticks.Take(1).SelectMany(_ => Enter(first)) : Observable.Never<(Lane, IDisposable)>()
            )
            .Amb(
                triggers
                    .ObserveOn(scheduler)
                    .Where(IsHurried)
                    .Take(1)
                    .SelectMany(_ => Enter(context.Lanes.Takeover))
            )
            .SelectMany(entered =>
            {
                var (lane, place) = entered;
                if (!context.MayAsk())
                {
                    Owe(cause);
                    place.Dispose();
                    return Observable.Empty<AuditOutcome>(ImmediateScheduler.Instance);
                }
                var heard = false;
                var held = new CompositeDisposable(lane == context.Lanes.Heavy ? AfterRest(place) : place);
                if (lane == context.Lanes.Takeover)
                    held.Add(scheduler.Schedule(TakeoverTurn, place.Dispose));
                else if (lane == context.Lanes.Prompt)
                {
                    // Gateways that answer do not wait for one that turns out to be silent, nor for one that takes
                    // too long.
                    held.Add(
                        scheduler.Schedule(
                            Gateway.Timeout,
                            () =>
                            {
                                if (!heard)
                                    place.Dispose();
                            }
                        )
                    );
                    held.Add(scheduler.Schedule(Gateway.Interval, place.Dispose));
                }

                return Run(address, cause, () => heard = true).Finally(held.Dispose);
            })
            .Select(outcome =>
            {
                memory = outcome.Memory;
                Count(outcome.Work);
                return outcome.Result;
            });
    }

    private static bool IsHurried(AuditCause cause) => cause is AuditCause.Takeover or AuditCause.DryRun;

    private IObservable<(Lane Lane, IDisposable Place)> Enter(Lane lane, bool yields = false) =>
        lane.Enter(scheduler, yields).Select(place => (lane, place));

    private IObservable<AuditOutcome> Run(GatewayAddress address, AuditCause cause, Action heard)
    {
        KnownConnections? Known()
        {
            var known = Gateway.ReadsHistory
                ? context.Known(Gateway.Id)
                : context.Known(Gateway.Id)?.WithoutHistory;
            // Whoever has a gateway asked wants to see it as it is.
            return cause == AuditCause.Operator ? known?.Afresh : known;
        }

        IObservable<AuditOutcome> On(IAuditRunner asker) =>
            asker.Run(Gateway.Target, address, memory, Known, context.Limits.Deadline, heard);

        return cost.IsAside ? On(aside.Runner).SubscribeOn(aside.Scheduler).ObserveOn(scheduler) : On(runner);
    }

    /// <summary>
    /// A place that is freed only after what the audit learnt has been taken in, and others have had as much time as
    /// all that took. So heavy gateways together take half a core, however many there are.
    /// </summary>
    private IDisposable AfterRest(IDisposable place) =>
        Disposable.Create(() =>
        {
            var ended = context.Clock.Now.Steady;
            context
                .TakenIn(Gateway.Id)
                .ToObservable(scheduler)
                .SelectMany(_ => Observable.Timer(cost.Last + (context.Clock.Now.Steady - ended), scheduler))
                .Finally(place.Dispose)
                .Subscribe(_ => { }, OnLoopFault);
        });

    private void Count(AuditWork work)
    {
        if (!cost.Count(work))
            return;
        if (cost.IsHeavy)
            context.Logger.LogWarning(
                "{Gateway}: its audits take {Part} % of a core: it is asked aside from now on, and less often where others of its kind wait",
                Gateway.Id,
                (100 * cost.Part).ToString("0", CultureInfo.InvariantCulture)
            );
        else
            context.Logger.LogInformation("{Gateway}: its audits take little again", Gateway.Id);
    }

    private AuditResult Unasked() =>
        AuditResult.Unasked(
            Gateway.Id,
            Gateway.Uri.Protocol,
            context.Clock.Now.Steady,
            $"the name {Gateway.Uri.Host} has no address"
        );

    private void WatchAgain()
    {
        if (context.Pace != AuditPace.Known)
            watch?.Asked();
    }

    private void Remember(AuditResult result)
    {
        WatchAgain();
        cadence = cadence.End(result, context.Limits.BackoffLimit);
    }

    private void OnLoopFault(Exception fault)
    {
        context.Counters.LoopRestarted();
        context.Logger.LogError(
            fault,
            "{Gateway}: its loop failed by a fault of our own and begins again in {Rest} s",
            Gateway.Id,
            LoopRest.TotalSeconds
        );
    }
}

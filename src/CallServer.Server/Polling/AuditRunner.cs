using System.Net;
using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Reactive.Threading.Tasks;
using System.Security.Cryptography;
using CallServer.Model;
using CallServer.Server.Measuring;
using CallServer.Server.Net;
using CallServer.Surface;

namespace CallServer.Server.Polling;

/// <summary>What an audit learnt, and what it leaves to the next audit of the same gateway.</summary>
/// <param name="Result">What it learnt.</param>
/// <param name="Memory">What the next audit starts from.</param>
/// <param name="Work">What it cost its thread.</param>
public readonly record struct AuditOutcome(AuditResult Result, AuditMemory? Memory, AuditWork Work = default);

/// <summary>What a standing watch reports.</summary>
/// <param name="Result">What it learnt.</param>
/// <param name="Over">Whether it has ended; the result then says why.</param>
/// <param name="Memory">What the next audit or watch of the same gateway starts from.</param>
public readonly record struct WatchNews(AuditResult Result, bool Over, AuditMemory? Memory = null);

/// <summary>Runs audits, watches and releases.</summary>
public interface IAuditRunner
{
    /// <summary>
    /// Runs one audit for each subscription: emits one outcome, then completes. After the deadline, or when
    /// cancelled, the audit gives up, and the outcome is what it learnt so far. Unsubscribing drops it without an
    /// outcome.
    /// </summary>
    /// <param name="target">Whom to ask, and how.</param>
    /// <param name="gateway">The gateway's address.</param>
    /// <param name="memory">What the last audit of the same gateway left.</param>
    /// <param name="known">What the record holds of the gateway when the audit starts; null if there is no
    /// record.</param>
    /// <param name="deadline">Counted from the subscription.</param>
    /// <param name="heard">Called once, at the gateway's first reply.</param>
    /// <param name="cancel">Asks the audit to give up.</param>
    IObservable<AuditOutcome> Run(
        AuditTarget target,
        GatewayAddress gateway,
        AuditMemory? memory,
        Func<KnownConnections?>? known,
        TimeSpan deadline,
        Action? heard = null,
        CancellationToken cancel = default
    );

    /// <summary>
    /// Runs one standing watch for each subscription, of a target that can be watched: emits what it learns as it
    /// learns it, then why it ended, and completes. Unsubscribing drops it.
    /// </summary>
    /// <param name="target">Whom to watch, and how.</param>
    /// <param name="gateway">The gateway's address.</param>
    /// <param name="memory">What the last audit or watch of the same gateway left.</param>
    /// <param name="every">How often the gateway is to report everything.</param>
    IObservable<WatchNews> Watch(
        AuditTarget target,
        GatewayAddress gateway,
        AuditMemory? memory,
        TimeSpan every
    );

    /// <summary>
    /// Ends one connection for each subscription, of a target that can release: emits one result, then completes.
    /// </summary>
    /// <param name="target">Whom to ask, and how.</param>
    /// <param name="connection">The connection; the record must hold it.</param>
    /// <param name="gateway">The gateway's address.</param>
    /// <param name="known">What the record holds of the gateway.</param>
    /// <param name="deadline">Counted from the subscription.</param>
    /// <param name="cancel">Asks the release to give up.</param>
    IObservable<ReleaseResult> Release(
        AuditTarget target,
        string connection,
        GatewayAddress gateway,
        KnownConnections known,
        TimeSpan deadline,
        CancellationToken cancel = default
    );

    /// <summary>
    /// Asks who controls a gateway, once for each subscription, of a target that can tell: emits one result, then
    /// completes.
    /// </summary>
    /// <param name="target">Whom to ask, and how.</param>
    /// <param name="gateway">The gateway's address.</param>
    /// <param name="known">What the record holds of the gateway; null if it holds nothing.</param>
    /// <param name="deadline">Counted from the subscription.</param>
    IObservable<ControllerResult> AskController(
        AuditTarget target,
        GatewayAddress gateway,
        KnownConnections? known,
        TimeSpan deadline
    );
}

/// <summary>
/// Gives audits a network, a clock and a scheduler. The scheduler must run one action at a time (an event loop, or
/// virtual time): that is what keeps the events of an audit in order.
/// </summary>
public sealed class AuditRunner(
    IGatewayNetwork network,
    IClock clock,
    IScheduler scheduler,
    Func<ulong>? seed = null,
    MemoryBudget? memory = null,
    HeapWatch? heap = null,
    Func<TimeSpan>? threadTime = null
) : IAuditRunner
{
    private readonly Func<TimeSpan> threadTime =
        threadTime ?? (() => ThreadTime.Used ?? TimeSpan.FromMicroseconds(clock.Now.Steady.Micros));
    private readonly Func<ulong> seed = seed ?? FreshSeed;
    private readonly MemoryBudget? budget = memory;

    /// <inheritdoc/>
    public IObservable<AuditOutcome> Run(
        AuditTarget target,
        GatewayAddress gateway,
        AuditMemory? memory,
        Func<KnownConnections?>? known,
        TimeSpan deadline,
        Action? heard = null,
        CancellationToken cancel = default
    ) =>
        Exchange(
                target,
                gateway,
                (now, local) => target.Start(memory, now, seed(), local, known?.Invoke()),
                deadline,
                heard,
                trace: AuditTrace.Begin,
                cancel: cancel
            )
            .Select(news => new AuditOutcome(news.Result, news.Memory, news.Work));

    /// <inheritdoc/>
    public IObservable<WatchNews> Watch(
        AuditTarget target,
        GatewayAddress gateway,
        AuditMemory? memory,
        TimeSpan every
    ) =>
        Exchange(target, gateway, (now, local) => target.Watch(memory, every, now, seed(), local))
            .Select(news => new WatchNews(news.Result, news.Over, news.Memory));

    /// <inheritdoc/>
    public IObservable<ReleaseResult> Release(
        AuditTarget target,
        string connection,
        GatewayAddress gateway,
        KnownConnections known,
        TimeSpan deadline,
        CancellationToken cancel = default
    ) =>
        Exchange(
                target,
                gateway,
                (now, local) => target.Release(connection, now, seed(), local, known),
                deadline,
                cancel: cancel
            )
            .Select(news => news.Result);

    /// <inheritdoc/>
    public IObservable<ControllerResult> AskController(
        AuditTarget target,
        GatewayAddress gateway,
        KnownConnections? known,
        TimeSpan deadline
    ) =>
        Exchange(target, gateway, (now, local) => target.AskController(now, seed(), local, known), deadline)
            .Select(news => news.Result);

    /// <summary>
    /// Runs an audit as a task. Cancelling it stops the audit; the task then ends with what was learnt.
    /// <paramref name="progress"/> shows meanwhile how far it has come.
    /// </summary>
    public Task<AuditOutcome> RunAsync(
        AuditTarget target,
        GatewayAddress gateway,
        AuditMemory? memory,
        TimeSpan deadline,
        CancellationToken cancel,
        AuditProgress? progress = null
    ) =>
        // The continuation runs elsewhere: the scheduler's thread belongs to the audits.
        Exchange(
                target,
                gateway,
                (now, local) => target.Start(memory, now, seed(), local, null),
                deadline,
                cancel: cancel,
                progress: progress
            )
            .Select(news => new AuditOutcome(news.Result, news.Memory, news.Work))
            .ToTask(TaskPoolScheduler.Default);

    private static ulong FreshSeed()
    {
        Span<byte> octets = stackalloc byte[sizeof(ulong)];
        RandomNumberGenerator.Fill(octets);
        return BitConverter.ToUInt64(octets);
    }

    private IObservable<ExchangeNews<TResult>> Exchange<TResult>(
        AuditTarget target,
        GatewayAddress gateway,
        Func<Moment, string, GatewayExchange<TResult>> begin,
        TimeSpan? deadline = null,
        Action? heard = null,
        AuditProgress? progress = null,
        Func<IPEndPoint, AuditTrace?>? trace = null,
        CancellationToken cancel = default
    ) =>
        Observable.Create<ExchangeNews<TResult>>(observer =>
        {
            var stage = new ExchangeStage(
                network,
                clock,
                scheduler,
                gateway,
                target,
                budget,
                heap,
                threadTime
            );
            var run = new ExchangeRun<TResult>(
                stage,
                observer,
                heard,
                progress,
                trace?.Invoke(gateway.EndPoint)
            );
            run.Begin(begin, deadline, cancel);
            return run;
        });
}

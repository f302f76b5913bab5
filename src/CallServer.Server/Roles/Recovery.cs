using System.Globalization;
using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using CallServer.Server.Configuration;
using CallServer.Server.Measuring;
using CallServer.Server.Net;
using CallServer.Server.Polling;
using CallServer.Server.Recording;
using CallServer.Storage;
using CallServer.Surface;

namespace CallServer.Server.Roles;

/// <summary>
/// What follows a takeover: every gateway is asked at once, the largest first, and the outcome is reported and kept.
/// A dry run asks the same way, but its report is kept in memory only.
/// </summary>
public sealed class Recovery : IDisposable
{
    // An audit ends at its deadline; what it learnt is taken in soon after.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(5);

    private readonly Func<ServerConfiguration> configuration;
    private readonly ILedgerStore store;
    private readonly LedgerShards ledger;
    private readonly PollingService polling;
    private readonly Action released;
    private readonly IClock clock;
    private readonly IScheduler scheduler;
    private readonly ILogger logger;
    private readonly Measures? measures;
    private readonly SerialDisposable retry = new();
    private readonly Asking takeover;
    private readonly Asking dryRun;
    private readonly IDisposable following;
    private long takeovers;

    /// <param name="configuration">The gateways to ask.</param>
    /// <param name="store">Keeps the reports and the held CDRs.</param>
    /// <param name="ledger">The record.</param>
    /// <param name="polling">Asks the gateways.</param>
    /// <param name="released">Called when held CDRs are to be written.</param>
    /// <param name="clock">The server's clock.</param>
    /// <param name="scheduler">The store's: runs one action at a time, and may block.</param>
    /// <param name="logger">Reports progress.</param>
    /// <param name="measures">Measures how long it takes; null for no one.</param>
    public Recovery(
        Func<ServerConfiguration> configuration,
        ILedgerStore store,
        LedgerShards ledger,
        PollingService polling,
        Action released,
        IClock clock,
        IScheduler scheduler,
        ILogger logger,
        Measures? measures = null
    )
    {
        this.configuration = configuration;
        this.store = store;
        this.ledger = ledger;
        this.polling = polling;
        this.released = released;
        this.clock = clock;
        this.scheduler = scheduler;
        this.logger = logger;
        this.measures = measures;
        takeover = new Asking(scheduler, clock, id => polling.Trigger(id, AuditCause.Takeover), Finish);
        dryRun = new Asking(scheduler, clock, id => polling.Trigger(id, AuditCause.DryRun), _ => { });
        following = ledger.Steps.Subscribe(step =>
        {
            if (step.Audit is not { } audit)
                return;
            takeover.Take(audit, step.Step);
            dryRun.Take(audit, step.Step);
        });
    }

    /// <summary>Takeovers of this server since it started.</summary>
    public long Takeovers => Volatile.Read(ref takeovers);

    /// <summary>Whether the gateways' answers to a takeover are being taken in.</summary>
    public bool IsUnderWay => takeover.Book is { IsWhole: false };

    /// <summary>Progress of the current takeover; null if none is under way.</summary>
    public RecoveryView? Progress => takeover.Book is { IsWhole: false } book ? Report(book) : null;

    /// <summary>The newest dry run, as far as it has come; null if there was none.</summary>
    public RecoveryView? DryRun => dryRun.Book is { } book ? Report(book) : null;

    /// <summary>Starts a recovery. Callable from any thread; returns at once.</summary>
    public void Begin(TakeoverDecision decision)
    {
        Interlocked.Increment(ref takeovers);
        _ = BeginAsync(decision);
    }

    /// <summary>
    /// Asks every gateway as a takeover now would, and reports what that finds. What the gateways tell is taken in as
    /// always; the role does not change.
    /// </summary>
    public RecoveryView BeginDryRun()
    {
        var gateways = LargestFirst();
        var book = RecoveryBook.DryRun(
            clock.Now.Steady,
            configuration().Name,
            ledger.Identity.Epoch,
            gateways
        );
        dryRun.Begin(book, configuration().Deadline + Grace);
        polling.Trigger(gateways, AuditCause.DryRun);
        return Report(book);
    }

    /// <summary>Stops waiting.</summary>
    public void Dispose()
    {
        following.Dispose();
        takeover.Dispose();
        dryRun.Dispose();
        retry.Dispose();
    }

    private async Task BeginAsync(TakeoverDecision decision)
    {
        try
        {
            var gateways = LargestFirst();
            await ledger.TakenOverAsync(decision.At, decision.LastHeard, gateways);
            takeover.Begin(
                RecoveryBook.Begin(decision, configuration().Name, gateways),
                configuration().Deadline + Grace
            );
            polling.Trigger(gateways, AuditCause.Takeover);
        }
        catch (ObjectDisposedException)
        {
            // The server is stopping: it asks everybody when it starts again.
        }
#pragma warning disable CA1031 // nobody waits for it: whatever is wrong is told here
        catch (Exception fault)
#pragma warning restore CA1031
        {
            logger.LogError(fault, "the takeover could not ask everybody by a fault of our own");
        }
    }

    private List<string> LargestFirst() =>
        [
            .. configuration()
                .Gateways.Select(gateway => gateway.Id)
                .OrderByDescending(id => ledger.Find(id)?.Record.Count ?? 0),
        ];

    private RecoveryView Report(RecoveryBook book) => book.Report(clock.Now.Steady, clock.Correction);

    /// <summary>
    /// A server that starts to write CDRs first writes those that it saw end while it watched and that the other
    /// server may not have written. Callable from any thread.
    /// </summary>
    public void ReleaseHeld() => scheduler.Schedule(Release);

    private void Release()
    {
        try
        {
            store.ReleaseAllHeld();
            released();
        }
        catch (ObjectDisposedException)
        {
            // The server is stopping: held CDRs stay held.
        }
        catch (StoreException fault)
        {
            logger.LogError(
                "the CDRs that were held cannot be released yet: {Reason} Next try in {Rest} s",
                fault.Message,
                Rest.TotalSeconds
            );
            retry.Disposable = scheduler.Schedule(Rest, Release);
        }
    }

    private void Finish(RecoveryBook book)
    {
        var report = Report(book);
        measures?.Recovered(report);
        logger.LogWarning(
            "epoch {Epoch}: {Recovered} connections recovered, {Confirmed} confirmed, {Ended} ended, {Unknown} unknown, {Seconds} s after the takeover; {Complete} of {Total} gateways complete, {Silent} silent; {Risk} seconds at risk",
            report.Epoch,
            report.Connections.Recovered,
            report.Connections.Confirmed,
            report.Connections.Ended,
            report.Connections.Unknown,
            report.RecoverySeconds.ToString("0.0", CultureInfo.InvariantCulture),
            report.Gateways.Complete,
            report.Gateways.Total,
            report.Gateways.Silent,
            report.SecondsAtRisk.ToString("0.0", CultureInfo.InvariantCulture)
        );
        try
        {
            store.AddRecovery(report);
        }
        catch (ObjectDisposedException)
        {
            // The server is stopping: the report is lost with it.
        }
        catch (StoreException fault)
        {
            logger.LogError("the report of the takeover cannot be kept: {Reason}", fault.Message);
        }
    }

    /// <summary>Asks everybody, and asks again those that did not tell everything.</summary>
    private sealed class Asking(
        IScheduler scheduler,
        IClock clock,
        Action<string> again,
        Action<RecoveryBook> finish
    ) : IDisposable
    {
        private readonly SerialDisposable deadline = new();
        private readonly Lock guard = new();
        private RecoveryBook? book;
        private bool over = true;

        public RecoveryBook? Book => Volatile.Read(ref book);

        /// <summary>Starts asking; gives up after <paramref name="patience"/>.</summary>
        public void Begin(RecoveryBook begun, TimeSpan patience)
        {
            lock (guard)
            {
                book = begun;
                over = false;
                deadline.Disposable = scheduler.Schedule(patience, End);
            }

            if (begun.IsWhole)
                scheduler.Schedule(End);
        }

        /// <summary>Takes in an audit that was asked since the start.</summary>
        public void Take(AuditResult result, RecordStep step)
        {
            lock (guard)
            {
                if (over || !book!.WaitsFor(result))
                    return;
                book = book.Take(result, step);
                if (book.AsksAgain(result))
                    again(result.Gateway);
                if (!book.IsWhole)
                    return;
            }

            scheduler.Schedule(End);
        }

        public void Dispose() => deadline.Dispose();

        private void End()
        {
            lock (guard)
            {
                if (over)
                    return;
                over = true;
                deadline.Disposable = Disposable.Empty;
                // A recovery does not wait for gateways that are no longer asked.
                book = book!.GiveUp(clock.Now.Steady);
            }

            finish(book);
        }
    }
}

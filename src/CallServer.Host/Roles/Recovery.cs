using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using CallServer.Host.Configuration;
using CallServer.Host.Net;
using CallServer.Host.Polling;
using CallServer.Host.Recording;
using CallServer.Storage;
using CallServer.Surface;

namespace CallServer.Host.Roles;

/// <summary>
/// What follows a takeover: every gateway is asked at once, the largest first, and what came of it is told
/// and kept.
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
    private readonly IClock clock;
    private readonly IScheduler scheduler;
    private readonly ILogger logger;
    private readonly Action released;
    private readonly SerialDisposable deadline = new();
    private readonly SerialDisposable retry = new();
    private readonly Lock guard = new();
    private HashSet<string> waiting = [];
    private TakeoverDecision? current;

    public Recovery(
        Func<ServerConfiguration> configuration,
        ILedgerStore store,
        LedgerShards ledger,
        PollingService polling,
        Action released,
        IClock clock,
        IScheduler scheduler,
        ILogger logger
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
        ledger.Applied = Take;
    }

    /// <summary>Begins; from any thread, returns at once.</summary>
    public void Begin(TakeoverDecision takeover)
    {
        _ = BeginAsync(takeover);
        scheduler.Schedule(ReleaseHeld);
    }

    /// <summary>Waits for nothing more.</summary>
    public void Dispose()
    {
        deadline.Dispose();
        retry.Dispose();
    }

    private async Task BeginAsync(TakeoverDecision takeover)
    {
        await ledger.TakenOverAsync(takeover.At);
        var gateways = configuration()
            .Gateways.Select(gateway => gateway.Id)
            .OrderByDescending(id => ledger.Find(id)?.Record.Count ?? 0)
            .ToList();
        lock (guard)
        {
            current = takeover;
            waiting = gateways.ToHashSet(StringComparer.Ordinal);
            deadline.Disposable = scheduler.Schedule(
                configuration().Deadline + Grace,
                () => Finish(takeover)
            );
        }

        polling.Trigger(gateways, AuditCause.Takeover);
    }

    /// <summary>What this server saw end while it watched, and the other one may not have written.</summary>
    private void ReleaseHeld()
    {
        try
        {
            store.ReleaseAllHeld();
            released();
        }
        catch (StoreException fault)
        {
            logger.LogError(
                "the CDRs that were held cannot be released yet: {Reason} Next try in {Rest} s",
                fault.Message,
                Rest.TotalSeconds
            );
            retry.Disposable = scheduler.Schedule(Rest, ReleaseHeld);
        }
    }

    private void Take(AuditResult result, GatewayRecord before, RecordStep step)
    {
        TakeoverDecision? whole = null;
        lock (guard)
        {
            if (current is null || result.Asked < current.At)
                return;
            waiting.Remove(result.Gateway);
            if (waiting.Count == 0)
                whole = current;
        }

        if (whole is not null)
            scheduler.Schedule(() => Finish(whole));
    }

    private void Finish(TakeoverDecision takeover)
    {
        lock (guard)
        {
            if (current != takeover)
                return;
            current = null;
            deadline.Disposable = Disposable.Empty;
        }

        logger.LogWarning("recovered");
    }
}

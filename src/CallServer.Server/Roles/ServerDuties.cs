using System.Reactive.Disposables;
using CallServer.Server.Configuration;
using CallServer.Server.Net;
using CallServer.Server.Polling;
using CallServer.Server.Recording;
using CallServer.Storage;
using CallServer.Surface;

namespace CallServer.Server.Roles;

/// <summary>What a role means for one server's store, audits and CDRs.</summary>
public sealed class ServerDuties(
    Func<ServerConfiguration> configuration,
    ILedgerStore store,
    LedgerShards ledger,
    PollingService polling,
    Action follow,
    StoreWriter writer,
    IClock clock,
    Action releaseHeld,
    Action<TakeoverDecision> recover,
    ILogger logger
) : IRoleWork, IDisposable
{
    // A takeover does not wait for these answers.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly SerialDisposable looking = new();
    private bool hasPollers;

    /// <inheritdoc/>
    public void Keep(int epoch, bool acts)
    {
        ledger.Identity.Epoch = epoch;
        try
        {
            store.SetIdentity(configuration().Name, epoch);
            store.SetRole(acts);
        }
        catch (StoreException fault)
        {
            // Taking over with a full disk is better than not taking over; a restart may then begin with an older
            // epoch.
            logger.LogError("epoch {Epoch} and the role cannot be kept: {Reason}", epoch, fault.Message);
        }
    }

    /// <inheritdoc/>
    public void Assume(AuditPace pace, bool writesCdrs, bool recovers)
    {
        var rested = polling.Pace == AuditPace.Known;
        ledger.Identity.WritesCdrs = writesCdrs;
        polling.Pace = pace;
        if (writesCdrs)
            releaseHeld();
        if (!hasPollers)
        {
            // Each poller starts with an audit of its own if the role asks at all.
            hasPollers = true;
            follow();
        }
        else if (rested && pace != AuditPace.Known && !recovers)
        {
            polling.Trigger(configuration().Gateways.Select(gateway => gateway.Id), AuditCause.Start);
        }
    }

    /// <inheritdoc/>
    public void LookAround() =>
        looking.Disposable = polling
            .AskControllers(Patience)
            .Subscribe(
                told =>
                    logger.LogInformation("{Gateway}: {Controller}", told.Gateway, told.Result.ToString()),
                fault => logger.LogError(fault, "the gateways could not be asked who controls them")
            );

    /// <summary>Stops asking.</summary>
    public void Dispose() => looking.Dispose();

    /// <inheritdoc/>
    public void Say(string what) =>
        writer.EnqueueChanges([
            ChangeView.Plain("role", "", null, (clock.Now.Steady + clock.Correction).ToString(), what),
        ]);

    /// <inheritdoc/>
    public void Recover(TakeoverDecision takeover) => recover(takeover);
}

using System.Reactive.Concurrency;
using System.Reactive.Linq;
using CallServer.Model;
using CallServer.Server.Configuration;
using CallServer.Server.Net;
using CallServer.Server.Polling;
using CallServer.Storage;
using CallServer.Surface;

namespace CallServer.Server;

/// <summary>The running server: what it is asked to do, and what it reports of itself.</summary>
public sealed partial class ServerRuntime
{
    private static readonly TimeSpan ForgettingPeriod = TimeSpan.FromMinutes(1);

    // What other hosts write announces itself to nobody here.
    private static readonly TimeSpan NewsPeriod = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan SavePatience = TimeSpan.FromSeconds(2);

    /// <summary>
    /// Opens the ports on which gateways speak unasked. Throws ConfigurationException if a port is not available.
    /// </summary>
    public async Task ListenAsync() =>
        Listeners = await Listening.Listeners.OpenAsync(
            Configuration,
            Polling,
            Ledger.NoteRestart,
            clock,
            TaskPoolScheduler.Default,
            loggers.CreateLogger("CallServer.Listening")
        );

    /// <summary>
    /// Answers what another host of the fleet asks of what this one holds (see <see cref="IGatewayShare.AskAsync"/>). Throws
    /// JsonException for what is no question.
    /// </summary>
    /// <param name="question">The question.</param>
    /// <param name="counts">Whether a gateway is one of those that this host alone counts in totals.</param>
    /// <param name="cancellation">Gives up.</param>
    public Task<string> AnswerAsync(
        string question,
        Func<string, bool> counts,
        CancellationToken cancellation
    ) => Web.Reading.HostQuestions.AnswerAsync(this, question, counts, cancellation);

    /// <summary>Finds its role, and starts asking if the role does.</summary>
    public Task StartAsync()
    {
        watches.Add(history = new ServerHistory(Sample, storeLoop));
        watches.Add(
            ClockWatch
                .Steps(clock, share is null ? null : () => share.CommonClock, storeLoop)
                .Subscribe(OnStep)
        );
        watches.Add(
            Observable
                .Interval(ForgettingPeriod, storeLoop)
                .Subscribe(_ =>
                    Writer.Forget(InstantModule.toDateTime(clock.Now.Steady), configuration.Privacy.Retain)
                )
        );
        watches.Add(
            HeapCompaction.Keep(
                Memory,
                TaskPoolScheduler.Default,
                () => Recovery.IsUnderWay,
                () => HeapSize.Now,
                HeapCompaction.Compact
            )
        );
        if (share is not null)
            watches.Add(Observable.Interval(NewsPeriod, storeLoop).Subscribe(_ => LookForNews()));
        NudgeReaders();
        if (configuration.Privacy.Retain is { } retain)
            logger.LogInformation(
                "privacy.retain: CDRs and changes are deleted when they are older than {Age}, those in files excepted",
                Durations.Format(retain)
            );
        var pair = configuration.Pair;
        var backup = configuration.Backup;
        var watched = backup ?? new BackupConfiguration(configuration.Listen);
        return Roles.StartAsync(now =>
            ServerRole.Start(
                now,
                configuration.Name,
                watched.Heartbeat,
                watched.Misses,
                pair?.Patience ?? watched.Heartbeat * watched.Misses,
                watched.Cold,
                backup is not null,
                kept.Epoch,
                kept.Acted,
                pair?.Peer.ToString()
            )
        );
    }

    /// <summary>
    /// Takes a changed configuration or refuses it whole. Returns the mistakes; if there are any, nothing has
    /// changed.
    /// </summary>
    public IReadOnlyList<string> TryReload(ServerConfiguration next) => TryReload(() => next);

    /// <summary>
    /// Reads a changed configuration while no other change is made, and takes it or refuses it whole. Returns the
    /// mistakes; if there are any, nothing has changed.
    /// </summary>
    public IReadOnlyList<string> TryReload(Func<ServerConfiguration> read)
    {
        ArgumentNullException.ThrowIfNull(read);
        lock (reloading)
            return Take(read());
    }

    /// <summary>Runs an action during which nobody else changes the configuration.</summary>
    internal T WhileUnchanged<T>(Func<T> action)
    {
        lock (reloading)
            return action();
    }

    private IReadOnlyList<string> Take(ServerConfiguration next)
    {
        ArgumentNullException.ThrowIfNull(next);
        var fixedParts = Configuration.NeedsRestart(next);
        if (fixedParts.Count > 0)
            return [.. fixedParts.Select(part => $"{part} cannot change while the server runs: restart it")];

        Volatile.Write(ref configuration, next);
        Memory.Most = next.Memory;
        foreach (var gateway in Follow(next))
        {
            // Removing a gateway is no evidence that its calls ended: they stay in the record, unconfirmed.
            var kept = Ledger.Find(gateway.Id)?.Record.Count ?? 0;
            logger.LogWarning(
                "{Gateway}: removed from the configuration; its {Count} connections stay in the record, unconfirmed",
                gateway.Id,
                kept
            );
            Ledger.Take(
                AuditResult.Unasked(
                    gateway.Id,
                    gateway.Uri.Protocol,
                    clock.Now.Steady,
                    "removed from the configuration"
                ),
                gateway.Uri.Text
            );
        }

        return [];
    }

    /// <summary>The server's status.</summary>
    public ServerStatus Status() =>
        new(
            Configuration.Name,
            Roles.Role?.Role ?? "standby",
            Ledger.Identity.Epoch,
            Roles.Role?.Peer,
            IsReady,
            Math.Round(Uptime.TotalSeconds, 3),
            Ledger.Unordered.Sum(state => state.Record.Count),
            CountGateways(),
            Troubles()
        );

    /// <summary>
    /// What keeps it from saving what it knows, or from handing it on: a sentence each; empty if nothing does.
    /// </summary>
    public IReadOnlyList<string> Troubles() =>
        [
            .. new[]
            {
                Writer.Health.Reason is { } unsaved
                    ? $"the record is not being saved, and waits in memory: {unsaved}"
                    : null,
                CdrFiles.Fault is { } unwritten
                    ? $"a CDR file cannot be written, and the store keeps its CDRs: {unwritten}"
                    : null,
                Radius?.Sink.Reason is { } untold ? $"RADIUS: {untold}" : null,
                Push?.Sink.Reason is { } untaken ? $"cdr.http: {untaken}" : null,
            }.OfType<string>(),
        ];

    /// <summary>The configured gateways by the result of their last audits.</summary>
    public GatewayTotals CountGateways()
    {
        var gateways = Configuration.Gateways;
        var asked = gateways
            .Select(gateway => Ledger.Find(gateway.Id))
            .Where(state => state is { AskedSinceStart: true, LastAudit: not null })
            .Select(state => state!.LastAudit!)
            .ToList();
        return new GatewayTotals(
            gateways.Count,
            asked.Count(audit => audit.Complete),
            asked.Count(audit => !audit.Complete && !audit.Silent),
            asked.Count(audit => audit.Silent)
        );
    }

    /// <summary>The server's figures now, for its history.</summary>
    private ServerSample Sample()
    {
        var states = Ledger.Unordered.ToList();
        return new ServerSample(
            clock.Now.Steady,
            states.Sum(state => state.Record.Count),
            states.Sum(state => state.Record.UnconfirmedCount),
            Ledger.Counters.ClosedByEvidence.Sum(ended => ended.Value),
            Waiting()
        );
    }

    private long? Waiting()
    {
        try
        {
            return OutboxReaders.Select(store.CountAccounting).DefaultIfEmpty(0).Max()
                + Writer.Health.PendingCdrs;
        }
        catch (StoreException)
        {
            return null;
        }
    }

    private void OnStep(TimeSpan step)
    {
        logger.LogWarning(
            "{Clock} was stepped by {Step} s: times are shown corrected by {Correction} s from now on; durations are not touched",
            share is null ? "the wall clock" : "the database's clock, by which a fleet shows its times,",
            step.TotalSeconds,
            clock.Correction.TotalSeconds
        );
        Writer.EnqueueStep(clock.Steps[^1], clock.Correction);
    }

    /// <summary>Stops asking, saves what it can in the time there is, and closes.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref stopped, 1) != 0)
            return;
        watches.Dispose();
        Roles.Dispose();
        duties.Dispose();
        Settlement?.Dispose();
        peerLink?.Dispose();
        // A takeover that has just started must tell the record before the record closes.
        await roleLoop.PassAsync();
        Recovery.Dispose();
        if (Listeners is not null)
            await Listeners.DisposeAsync();
        Polling.Dispose();
        if (Fleet is not null)
            await Fleet.DisposeAsync();
        try
        {
            Controls.Flush();
            await SaveAsync().WaitAsync(SavePatience);
        }
        catch (TimeoutException)
        {
            logger.LogWarning("stopped before everything was saved: the next audits tell it again");
        }

        Writer.Dispose();
        CdrFiles.Dispose();
        foreach (var sink in sinks)
            await sink.DisposeAsync();
        Ledger.Joiner.Dispose();
        foreach (
            var loop in (LoopScheduler[])
                [roleLoop, .. auditLoops, asideLoop, .. shardLoops, callLoop, storeLoop, fileLoop]
        )
            loop.Dispose();
        Ledger.Dispose();
        store.Dispose();
        share?.Dispose();
        EventReaders.Dispose();
    }

    private async Task SaveAsync()
    {
        // Whatever the audit loops have handed over is taken in, then saved, then appended.
        foreach (var loop in (LoopScheduler[])[.. auditLoops, asideLoop, .. shardLoops])
            await loop.PassAsync();
        await Ledger.Joiner.PassAsync();
        await Writer.FlushAsync();
        if (Writer.Health is { Healthy: false } health)
            logger.LogWarning(
                "stopped while the store cannot be written: {Gateways} gateways and {Cdrs} CDRs are not saved, the next audits tell them again",
                health.PendingGateways,
                health.PendingCdrs
            );
        await CdrFiles.FlushAsync();
        await Task.WhenAll(sinks.Select(sink => sink.FlushAsync()));
    }
}

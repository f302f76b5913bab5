using System.Collections.Concurrent;
using System.Reactive.Concurrency;
using CallServer.Model;
using CallServer.Server.Measuring;
using CallServer.Server.Net;
using CallServer.Server.Releasing;
using CallServer.Storage;
using CallServer.Surface;

namespace CallServer.Server.Recording;

/// <summary>What is known of one gateway at one moment; immutable.</summary>
/// <param name="Gateway">The gateway's id.</param>
/// <param name="Record">Its connections.</param>
/// <param name="LastAudit">The newest audit; null if there was none.</param>
/// <param name="AskedSinceStart">Whether an audit of it has ended, whatever it learnt, since this server started or
/// last took over.</param>
/// <param name="LastComplete">When the newest complete audit was answered; after a restart of the server, when that
/// audit was asked. Null if none is known.</param>
public sealed record GatewayState(
    string Gateway,
    GatewayRecord Record,
    AuditSummary? LastAudit,
    bool AskedSinceStart,
    Instant? LastComplete
);

/// <summary>What one step did to a gateway's record.</summary>
/// <param name="Step">What changed.</param>
/// <param name="Stamp">The server and epoch that it happened under.</param>
/// <param name="Audit">The audit that was taken in; null if no audit caused the step.</param>
public sealed record ShardStep(RecordStep Step, ServerStamp Stamp, AuditResult? Audit = null);

/// <summary>The server whose record it is, and the epoch it acts under.</summary>
public sealed class ServerIdentity(string name, int epoch)
{
    private int epoch = epoch;
    private int writesCdrs = 1;

    public string Name => name;

    /// <summary>The fencing number that a takeover raises.</summary>
    public int Epoch
    {
        get => Volatile.Read(ref epoch);
        set => Volatile.Write(ref epoch, value);
    }

    /// <summary>
    /// Whether this server writes the CDRs of connections that end. If not, it holds them, because another server
    /// writes them.
    /// </summary>
    public bool WritesCdrs
    {
        get => Volatile.Read(ref writesCdrs) != 0;
        set => Volatile.Write(ref writesCdrs, value ? 1 : 0);
    }
}

/// <summary>
/// The record of some of the gateways, with one writer. Snapshots are taken in on its scheduler, one at a time.
/// Readers take the newest immutable state of a gateway without a lock.
/// </summary>
public sealed class LedgerShard(
    IScheduler scheduler,
    IClock clock,
    ServerIdentity identity,
    StoreWriter writer,
    RecordCounters counters,
    IObserver<ShardStep> steps,
    AccountingWants wants,
    RecordLimits limits,
    ILogger logger,
    Measures? measures,
    bool isShared
)
{
    private readonly ConcurrentDictionary<string, GatewayState> states = new(StringComparer.Ordinal);
    private long changes;

    // Owned by the shard's thread: gateways that are still unknown start with it.
    private Instant? takenOver;

    // Owned by the shard's thread: under which epoch of its unit each gateway is held, where hosts share the record; null
    // where this server has it alone.
    private readonly Dictionary<string, UnitFence>? fences = isShared ? new(StringComparer.Ordinal) : null;

    // The dictionary's Values would lock all of it, and copy it.
    /// <summary>Every gateway of this shard of which something is known.</summary>
    public IEnumerable<GatewayState> States => states.Select(each => each.Value);

    /// <summary>Rises after a gateway has come or gone.</summary>
    public long Changes => Volatile.Read(ref changes);

    /// <summary>The newest state of a gateway; null if nothing is known of it.</summary>
    public GatewayState? Find(string gateway) => states.GetValueOrDefault(gateway);

    /// <summary>Restores what the store kept. Call it before anything is taken in.</summary>
    public void Restore(StoredGateway stored)
    {
        ArgumentNullException.ThrowIfNull(stored);
        Keep(
            new GatewayState(
                stored.Gateway,
                stored.Record,
                stored.LastAudit,
                AskedSinceStart: false,
                stored.Record.LastComplete
            )
        );
    }

    /// <summary>
    /// From now on these gateways are held under this epoch of their unit, with what the record has of them. Where hosts share
    /// a record, what is learnt of others is not taken in. Completes when that is so.
    /// </summary>
    public Task HoldAsync(
        UnitFence fence,
        IReadOnlyList<string> gateways,
        IReadOnlyList<StoredGateway> stored
    ) =>
        scheduler.RunAsync(() =>
        {
            foreach (var gateway in gateways)
            {
                Let(gateway);
                fences?[gateway] = fence;
            }
            foreach (var gateway in stored)
                Restore(gateway);
        });

    /// <summary>
    /// Forgets what is held under this epoch: another host has it, or is to have it. Completes when that is so, with the
    /// gateways.
    /// </summary>
    public Task<IReadOnlyList<string>> LetAsync(UnitFence fence) =>
        scheduler.RunAsync<IReadOnlyList<string>>(() =>
        {
            string[] left = [.. (fences ?? []).Where(held => held.Value == fence).Select(held => held.Key)];
            foreach (var gateway in left)
                Let(gateway);
            return left;
        });

    private void Let(string gateway)
    {
        fences?.Remove(gateway);
        if (!states.TryRemove(gateway, out var state))
            return;
        limits.Count(-state.Record.Count);
        Interlocked.Increment(ref changes);
    }

    /// <summary>Takes in what an audit learnt. Callable from any thread; returns at once.</summary>
    public void Take(AuditResult result, string? uri)
    {
        ArgumentNullException.ThrowIfNull(result);
        Write(result.Gateway, () => Apply(result, uri));
    }

    /// <summary>Completes when everything handed over so far is taken in.</summary>
    public Task PassAsync() => scheduler.PassAsync();

    /// <summary>
    /// This server took over at this instant: what its own audits told it counts as unconfirmed until the gateways
    /// are heard again. Completes when everything handed over before is taken in.
    /// </summary>
    /// <param name="at">When the takeover was decided.</param>
    /// <param name="lastHeard">When the other server was last heard to act; null if never. A connection that a
    /// gateway's own history says ended since then gets a CDR here.</param>
    /// <param name="gateways">The gateways that are to be asked.</param>
    public Task TakenOverAsync(Instant at, Instant? lastHeard, IReadOnlyList<string> gateways) =>
        scheduler.RunAsync(() =>
        {
            var time = (clock.Now.Steady + clock.Correction).ToString();
            // Includes gateways of which a cold standby knows nothing yet; otherwise their history would not be read.
            foreach (var gateway in gateways.Union(states.Keys))
            {
                var state = states.GetValueOrDefault(gateway);
                var record = (state?.Record ?? GatewayRecord.Empty(gateway)).TakenOver(at);
                var over = new GatewayState(
                    gateway,
                    lastHeard is { } since ? record.WithHistorySince(since) : record,
                    state?.LastAudit,
                    AskedSinceStart: false,
                    state?.LastComplete
                );
                Put(over);
                if (record.Count > 0)
                    Tell(
                        over,
                        ChangeView.Plain(
                            "unconfirmed",
                            gateway,
                            null,
                            time,
                            "this server took over: no connection is confirmed until the gateway is heard"
                        )
                    );
            }

            takenOver = at;
        });

    /// <summary>
    /// Leaves connections to another server, which has them. Callable from any thread; returns at once. No connection
    /// is closed by this.
    /// </summary>
    public void Leave(string gateway, IReadOnlyCollection<string> connections) =>
        Write(
            gateway,
            () =>
            {
                if (states.GetValueOrDefault(gateway) is not { } state)
                    return;
                var stamp = Stamp(gateway);
                var step = state.Record.Leave(connections, clock.Now.Steady, stamp);
                if (step.Ignored)
                    return;
                Keep(state with { Record = state.Record.After(step) });
                var time = (clock.Now.Steady + stamp.Correction).ToString();
                Write(
                    StoreCommit.Of(step, null, wants) with
                    {
                        Changes =
                        [
                            .. step.Deletes.Select(id =>
                                ChangeView.Plain("left", gateway, id, time, "the other server has it")
                            ),
                        ],
                    }
                );
                steps.OnNext(new ShardStep(step, stamp));
            }
        );

    /// <summary>
    /// A gateway announced, heard at this instant, that it restarted and lost its connections. Callable from any
    /// thread; returns at once.
    /// </summary>
    public void NoteRestart(string gateway, Instant at) => Write(gateway, () => Restart(gateway, at));

    /// <summary>
    /// Takes in how a release went. If the gateway's own reply says that the connection ended, the record closes it;
    /// who asked and why is kept in any case. Returns the CDR, or null if there is none. Callable from any thread.
    /// </summary>
    public Task<CdrView?> Take(ReleaseOrder order, ReleaseResult result) =>
        scheduler.RunAsync(() =>
        {
            try
            {
                return Release(order, result);
            }
            catch
            {
                counters.Failed();
                throw;
            }
        });

    private CdrView? Release(ReleaseOrder order, ReleaseResult result)
    {
        var state =
            states.GetValueOrDefault(order.Gateway)
            ?? throw new InvalidOperationException($"nothing is known of {order.Gateway}");
        var stamp = Stamp(order.Gateway);
        var now = clock.Now.Steady;
        var entry = order.Entry(result, stamp.Correction);
        if (state.Record.TryRelease(result, order.By, order.Reason, now, stamp, out var step))
        {
            var commit = StoreCommit.Of(step, null, wants) with { Releases = [entry] };
            Keep(state with { Record = state.Record.After(step) });
            Save(commit);
            measures?.Ended(step);
            steps.OnNext(new ShardStep(step, stamp));
            return commit.Cdrs[0];
        }

        // Nothing is closed here: the gateway refused or did not answer, or an audit has closed it meanwhile.
        Save(
            new StoreCommit
            {
                Gateway = state.Record.Row,
                Releases = [entry],
                Changes =
                [
                    ChangeView.Plain(
                        $"release-{entry.Outcome}",
                        entry.Gateway,
                        entry.Connection,
                        (now + stamp.Correction).ToString(),
                        $"by {entry.By}: {entry.Reason}{(entry.Detail is null ? "" : ": " + entry.Detail)}"
                    ),
                ],
            }
        );
        return null;

        void Save(StoreCommit commit)
        {
            counters.Count(commit);
            Write(commit);
        }
    }

    private void Write(string gateway, Action step) =>
        scheduler.Schedule(() =>
        {
            try
            {
                step();
            }
#pragma warning disable CA1031 // one gateway's fault must not end the shard
            catch (Exception fault)
#pragma warning restore CA1031
            {
                counters.Failed();
                logger.LogError(
                    fault,
                    "{Gateway}: what was learnt could not be taken in by a fault of our own; the record stays as it was",
                    gateway
                );
            }
        });

    private void Restart(string gateway, Instant at)
    {
        if (states.GetValueOrDefault(gateway) is not { } state)
            return;
        var stamp = Stamp(gateway);
        var step = state.Record.Restarted(at, stamp);
        if (step.Ignored)
            return;
        var commit = StoreCommit.Of(step, null, wants);
        Keep(state with { Record = state.Record.After(step) });
        counters.Count(commit);
        Write(commit);
        steps.OnNext(new ShardStep(step, stamp));
        logger.LogWarning(
            "{Gateway}: says that it restarted; its {Count} connections are unconfirmed until it is asked",
            gateway,
            state.Record.Count
        );
    }

    private void Apply(AuditResult result, string? uri)
    {
        if (fences is not null && !fences.ContainsKey(result.Gateway))
            return;
        var audit = Spans.Of(result);
        using var span = Spans.BeginUnder(audit, "reconcile");
        var began = clock.Now.Steady;
        var stamp = Stamp(result.Gateway);
        var state = states.GetValueOrDefault(result.Gateway);
        var before = state?.Record ?? New(result.Gateway);
        result = limits.Bound(before, result);
        var step = before.Apply(result, stamp);
        // An audit sent before the takeover does not count: it cannot tell what the other server had on record.
        var asked = takenOver is not { } at || result.Asked >= at || state is { AskedSinceStart: true };
        var summary = AuditSummary.Of(result, uri, stamp.Correction);
        var commit = StoreCommit.Of(step, summary, wants) with { Trace = audit };
        Keep(
            new GatewayState(
                result.Gateway,
                before.After(step),
                summary,
                asked,
                result.Complete ? result.Answered : state?.LastComplete
            )
        );
        counters.Count(result, commit);
        Write(commit);
        measures?.Took(result, step, clock.Now.Steady - began);
        steps.OnNext(new ShardStep(step, stamp, result));

        if (
            state?.LastAudit is not { } last
            || last.Complete != summary.Complete
            || last.Silent != summary.Silent
        )
            Say(result, state?.LastAudit);
    }

    /// <summary>Replaces the gateway's previous state.</summary>
    private void Keep(GatewayState state)
    {
        limits.Count(state.Record.Count - (states.GetValueOrDefault(state.Gateway)?.Record.Count ?? 0));
        Put(state);
    }

    private void Put(GatewayState state)
    {
        if (states.TryAdd(state.Gateway, state))
            Interlocked.Increment(ref changes);
        else
            states[state.Gateway] = state;
    }

    /// <summary>Reports a change that is none of the record's rows.</summary>
    private void Tell(GatewayState state, ChangeView change) =>
        Write(new StoreCommit { Gateway = state.Record.Row, Changes = [change] });

    private void Write(StoreCommit commit) =>
        writer.Enqueue(commit with { Held = !identity.WritesCdrs, Fence = fences?[commit.Gateway.Gateway] });

    /// <summary>Who says it, and by what right: where hosts share a record, the epoch is that of the gateway's unit.</summary>
    private ServerStamp Stamp(string gateway) =>
        new(
            identity.Name,
            fences is null ? identity.Epoch : checked((int)fences[gateway].Epoch),
            clock.Correction,
            clock.Steps
        );

    private GatewayRecord New(string gateway)
    {
        var record = GatewayRecord.Empty(gateway);
        return takenOver is { } at ? record.TakenOver(at) : record;
    }

    /// <summary>Logs a line when a gateway's state changes, not at every audit.</summary>
    private void Say(AuditResult result, AuditSummary? last)
    {
        if (result.Complete)
            logger.LogInformation(
                "{Gateway}: complete, {Count} connections, {Requests} requests",
                result.Gateway,
                result.Count,
                result.Requests
            );
        else
            logger.LogWarning(
                "{Gateway}: not complete: {Reasons}; nothing is closed",
                result.Gateway,
                string.Join("; ", result.Reasons)
            );
        foreach (var remark in result.Remarks)
            logger.LogWarning("{Gateway}: {Remark}", result.Gateway, remark);
        if (last is null)
            logger.LogDebug("{Gateway}: asked for the first time", result.Gateway);
    }
}

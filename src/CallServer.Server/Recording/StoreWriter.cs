using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using System.Reactive.Subjects;
using CallServer.Server.Measuring;
using CallServer.Storage;
using CallServer.Surface;

namespace CallServer.Server.Recording;

/// <summary>
/// The only writer of the store, on its own scheduler, so that a slow disk delays no audit. What the store cannot
/// take is kept, folded together per gateway, and tried again; the record in memory goes on meanwhile.
/// </summary>
public sealed class StoreWriter : IDisposable
{
    private static readonly TimeSpan FirstRest = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestRest = TimeSpan.FromSeconds(15);

    // While the store fails, a client of the event stream may miss changes; a CDR is never dropped.
    private const int ChangesKept = 10_000;
    private const int AuditsKept = 100;
    private const int ControlsKept = 10_000;

    // What waits is written together up to this many rows: some 20 ms, after which others get their turn.
    private const int BatchRows = 2_000;

    // About as many as end in a minute on a busy network; deleted in pieces, so that commits get their turn.
    private const int BatchForgotten = 1_000;
    private const int BatchesForgotten = 60;

    private readonly ILedgerStore store;
    private readonly IScheduler scheduler;
    private readonly ILogger logger;
    private readonly Subject<CommitResult> committed = new();
    private readonly Subject<UnitFence> refused = new();
    private readonly Lock guard = new();
    private readonly Dictionary<string, StoreCommit> pending = new(StringComparer.Ordinal);
    private readonly Queue<string> order = new();
    private readonly SerialDisposable retry = new();
    private readonly SerialDisposable gathering = new();
    private List<ChangeView> changes = [];
    private readonly List<TaskCompletionSource> flushes = [];
    private readonly List<(string Gateway, TaskCompletionSource Passed)> passes = [];
    private readonly List<(UnitFence Fence, TaskCompletionSource Written)> leavings = [];
    private IReadOnlyList<StoreCommit> writing = [];
    private IReadOnlyList<StoreCommit> unwritten = [];
    private List<(DateTimeOffset At, ControlEntry Entry)> controls = [];
    private List<TaskCompletionSource> controlled = [];
    private long controlsLost;
    private readonly TaskCompletionSource<StoreLostException> lost = new(
        TaskCreationOptions.RunContinuationsAsynchronously
    );
    private TimeSpan rest = FirstRest;
    private List<ClockStep> steps = [];
    private TimeSpan correction;
    private bool scheduled;
    private bool resting;
    private bool gathers;
    private string? reason;
    private long commits;
    private long failures;
    private long cdrs;

    /// <param name="store">From now on only this writer writes to it.</param>
    /// <param name="scheduler">Runs one action at a time, and may block.</param>
    /// <param name="logger">Reports when the store fails and when it recovers.</param>
    public StoreWriter(ILedgerStore store, IScheduler scheduler, ILogger logger)
    {
        this.store = store;
        this.scheduler = scheduler;
        this.logger = logger;
    }

    /// <summary>
    /// What comes so soon after a transaction waits for the next one, and is written in one with all that came meanwhile, unless
    /// somebody waits for it. Hosts that share a database commit one after the other: they write the more together, the more there is
    /// to write.
    /// </summary>
    public TimeSpan Gathering { get; init; }

    /// <summary>What each transaction added, on the scheduler.</summary>
    public IObservable<CommitResult> Committed => committed;

    /// <summary>
    /// Units whose commits were refused, each as often as that happens, on the scheduler: another host has taken them. What is
    /// refused is dropped.
    /// </summary>
    public IObservable<UnitFence> Refused => refused;

    /// <summary>How the store is doing now.</summary>
    public StoreHealth Health
    {
        get
        {
            lock (guard)
                return new StoreHealth(
                    reason is null,
                    reason,
                    pending.Count,
                    pending.Values.Sum(commit => commit.Cdrs.Count)
                );
        }
    }

    /// <summary>
    /// Completes if the store is not this server's any more, and nothing will ever be written again. The record then has to
    /// be read anew.
    /// </summary>
    public Task<StoreLostException> Lost => lost.Task;

    /// <summary>Transactions that succeeded.</summary>
    public long Commits => Volatile.Read(ref commits);

    /// <summary>Transactions that failed; each was tried again.</summary>
    public long Failures => Volatile.Read(ref failures);

    /// <summary>CDRs that the store took and did not have before.</summary>
    public long Cdrs => Volatile.Read(ref cdrs);

    /// <summary>Hands over what one step changed. Callable from any thread; never waits for the store.</summary>
    public void Enqueue(StoreCommit commit)
    {
        ArgumentNullException.ThrowIfNull(commit);
        lock (guard)
        {
            var gateway = commit.Gateway.Gateway;
            if (pending.TryGetValue(gateway, out var earlier))
                pending[gateway] = Fold(earlier, commit);
            else
            {
                pending.Add(gateway, commit);
                order.Enqueue(gateway);
            }

            Wake();
        }
    }

    /// <summary>Hands over changes that belong to no gateway's record.</summary>
    public void EnqueueChanges(IReadOnlyList<ChangeView> added)
    {
        lock (guard)
        {
            changes.AddRange(added);
            if (changes.Count > ChangesKept)
                changes.RemoveRange(0, changes.Count - ChangesKept);
            Wake();
        }
    }

    /// <summary>Keeps a step of the wall clock and its new total correction.</summary>
    public void EnqueueStep(ClockStep step, TimeSpan next)
    {
        lock (guard)
        {
            steps.Add(step);
            correction = next;
            Wake();
        }
    }

    /// <summary>
    /// Hands over an entry of the control log. Completes when the store has tried to write it and all earlier ones; at
    /// once while the store is unhealthy, as nobody waits for that.
    /// </summary>
    /// <param name="at">When, on the record's timeline.</param>
    /// <param name="entry">The entry; null only waits for the earlier ones.</param>
    public Task EnqueueControl(DateTimeOffset at, ControlEntry? entry)
    {
        lock (guard)
        {
            if (entry is not null)
                controls.Add((at, entry));
            if (controls.Count > ControlsKept)
            {
                controlsLost += controls.Count - ControlsKept;
                controls.RemoveRange(0, controls.Count - ControlsKept);
            }

            Hurry();
            if (reason is not null)
                return Task.CompletedTask;
            var tried = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            controlled.Add(tried);
            return tried.Task;
        }
    }

    /// <summary>
    /// Deletes what need not be kept any longer. Call it on the scheduler. If the store fails, the next call deletes
    /// it.
    /// </summary>
    /// <param name="now">The present on the record's timeline.</param>
    /// <param name="retain">How long numbers of people may be kept; null if nothing says so. What goes for this reason
    /// is logged.</param>
    public void Forget(DateTimeOffset now, TimeSpan? retain = null)
    {
        try
        {
            var all = default(Forgotten);
            for (var batch = 0; batch < BatchesForgotten; batch++)
            {
                var some = store.Forget(now, BatchForgotten);
                all = all.Add(some);
                if (some.Most < BatchForgotten)
                    break;
            }

            if (retain is { } age && all.Old + all.Changes > 0)
                logger.LogInformation(
                    "{Cdrs} CDRs and {Changes} changes are deleted, as privacy.retain says: they are older than {Age}",
                    all.Old,
                    all.Changes,
                    Configuration.Durations.Format(age)
                );

            if (all.Surplus > 0)
                logger.LogWarning(
                    "{Count} CDRs were forgotten before their time, because there are more than keep.cdrsAtMost says",
                    all.Surplus
                );
        }
        catch (StoreException fault)
        {
            logger.LogWarning("old CDRs could not be forgotten: {Reason}", fault.Message);
        }
    }

    /// <summary>
    /// Completes when everything handed over so far has been tried: then nothing is pending, or the store is
    /// unhealthy.
    /// </summary>
    public Task FlushAsync()
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (guard)
        {
            flushes.Add(done);
            // The last chance to write, even if the store's back-off has not passed.
            resting = false;
            Hurry();
        }

        return done.Task;
    }

    /// <summary>
    /// Completes when everything handed over of a gateway so far has been tried. Completes at once while the store is
    /// unhealthy, as nobody waits for that.
    /// </summary>
    public Task PassAsync(string gateway)
    {
        lock (guard)
        {
            if (reason is not null || !pending.ContainsKey(gateway))
                return Task.CompletedTask;
            var passed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            passes.Add((gateway, passed));
            Hurry();
            return passed.Task;
        }
    }

    /// <summary>
    /// Completes when everything handed over so far that was made under this epoch of a unit is written or refused, however
    /// long the store fails meanwhile.
    /// </summary>
    public Task WrittenAsync(UnitFence fence)
    {
        lock (guard)
        {
            if (!IsLeft(fence))
                return Task.CompletedTask;
            var written = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            leavings.Add((fence, written));
            Hurry();
            return written.Task;
        }
    }

    /// <summary>Drops what waits to be written under this epoch of a unit: another host has the unit.</summary>
    public void Drop(UnitFence fence)
    {
        lock (guard)
        {
            foreach (var (gateway, _) in pending.Where(waits => waits.Value.Fence == fence).ToList())
                pending.Remove(gateway);
            EndLeavings();
        }
    }

    /// <summary>Stops writing.</summary>
    public void Dispose()
    {
        retry.Dispose();
        gathering.Dispose();
        lock (guard)
        {
            EndPasses(_ => true);
            EndControlled(controlled);
            controlled = [];
        }
    }

    private void Wake()
    {
        if (scheduled || resting || gathers)
            return;
        scheduled = true;
        scheduler.Schedule(Drain);
    }

    /// <summary>Somebody waits for what is to be written.</summary>
    private void Hurry()
    {
        gathers = false;
        Wake();
    }

    private bool IsAwaited => flushes.Count + passes.Count + leavings.Count + controlled.Count > 0;

    private bool HasWork => order.Count > 0 || changes.Count > 0 || steps.Count > 0 || controlled.Count > 0;

    private void Drain()
    {
        var failed = new List<StoreCommit>();
        var untold = new List<ChangeView>();
        var unkept = new List<(DateTimeOffset At, ControlEntry Entry)>();
        string? why = null;
        var turn = Begin();
        while (Next(turn) is { } work)
        {
            try
            {
                if (work.Steps is not null)
                    store.AddSteps(work.Steps, work.Correction);
                if (work.Controls is { Count: > 0 })
                    store.AddControls(work.Controls);
                if (work.Commits is not null)
                    why = Save(work.Commits, failed) ?? why;
                if (work.Changes is not null)
                {
                    var result = store.AddChanges(work.Changes);
                    Interlocked.Increment(ref commits);
                    Tell(result);
                }
            }
#pragma warning disable CA1031 // whatever is wrong with one commit, it is kept and the others go on
            catch (Exception fault)
#pragma warning restore CA1031
            {
                Interlocked.Increment(ref failures);
                why = fault.Message;
                if (work.Changes is not null)
                    untold.AddRange(work.Changes);
                if (work.Steps is not null)
                    lock (guard)
                        steps.InsertRange(0, work.Steps);
                if (work.Controls is not null)
                    unkept.AddRange(work.Controls);
                if (fault is not StoreException)
                    logger.LogError(fault, "a transaction failed by a fault of our own; it is kept");
                if (fault is StoreLostException end)
                    lost.TrySetResult(end);
                // If the store cannot take this gateway's commit now, it cannot take another's either.
                if (fault is StoreException)
                    break;
            }
            finally
            {
                EndControlled(work.Controlled);
                lock (guard)
                {
                    (writing, unwritten) = ([], [.. failed]);
                    EndLeavings();
                }
            }
        }

        Settle(failed, untold, unkept, why);
    }

    /// <summary>Writes commits of different gateways; adds those that could not be written to the others. Throws if the
    /// store itself is at fault.</summary>
    /// <returns>Why one of them could not be written by a fault of our own; null if all were.</returns>
    private string? Save(IReadOnlyList<StoreCommit> batch, List<StoreCommit> failed)
    {
        var spans = batch.Select(commit => Spans.BeginUnder(commit.Trace, "commit")).ToArray();
        try
        {
            var results = store.CommitAll(batch);
            Interlocked.Increment(ref commits);
            for (var at = 0; at < results.Count; at++)
            {
                if (!results[at].Refused)
                    Tell(results[at]);
                else if (batch[at].Fence is { } fence)
                    refused.OnNext(fence);
            }
            return null;
        }
        catch (StoreException)
        {
            failed.AddRange(batch);
            throw;
        }
#pragma warning disable CA1031 // whatever is wrong with one commit, it is kept and the others go on
        catch (Exception fault) when (batch.Count == 1)
#pragma warning restore CA1031
        {
            Interlocked.Increment(ref failures);
            failed.Add(batch[0]);
            logger.LogError(fault, "a transaction failed by a fault of our own; it is kept");
            return fault.Message;
        }
#pragma warning disable CA1031 // one of them is at fault: the others go on without it
        catch (Exception)
#pragma warning restore CA1031
        {
            Interlocked.Increment(ref failures);
        }
        finally
        {
            // The one begun last first, because each is the current one's parent.
            for (var last = spans.Length - 1; last >= 0; last--)
                spans[last]?.Dispose();
        }

        string? why = null;
        for (var at = 0; at < batch.Count; at++)
        {
            try
            {
                why = Save([batch[at]], failed) ?? why;
            }
            catch (StoreException)
            {
                failed.AddRange(batch.Skip(at + 1));
                throw;
            }
        }
        return why;
    }

    private void Tell(CommitResult result)
    {
        Interlocked.Add(ref cdrs, result.Cdrs.Count);
        committed.OnNext(result);
    }

    /// <summary>Exactly one of the four kinds of work.</summary>
    private sealed record Work(
        IReadOnlyList<StoreCommit>? Commits = null,
        IReadOnlyList<ChangeView>? Changes = null,
        IReadOnlyList<ClockStep>? Steps = null,
        TimeSpan Correction = default,
        IReadOnlyList<(DateTimeOffset At, ControlEntry Entry)>? Controls = null,
        IReadOnlyList<TaskCompletionSource>? Controlled = null
    );

    /// <summary>What is still to be written before what has come meanwhile.</summary>
    private sealed class Turn
    {
        public required int Gateways { get; set; }

        public required int Changes { get; set; }
    }

    private Turn Begin()
    {
        lock (guard)
            return Gathering > TimeSpan.Zero
                ? new Turn { Gateways = order.Count, Changes = 1 }
                : new Turn { Gateways = int.MaxValue, Changes = int.MaxValue };
    }

    /// <summary>Null if there is nothing to write in this turn.</summary>
    private Work? Next(Turn turn)
    {
        lock (guard)
        {
            if (steps.Count > 0)
            {
                var stepped = steps;
                steps = [];
                return new Work(Steps: stepped, Correction: correction);
            }

            if (controls.Count > 0 || controlled.Count > 0)
            {
                var work = new Work(Controls: controls, Controlled: controlled);
                (controls, controlled) = ([], []);
                return work;
            }

            List<StoreCommit> batch = [];
            for (var size = 0; size < BatchRows && turn.Gateways > 0 && order.TryDequeue(out var gateway); )
            {
                turn.Gateways--;
                if (!pending.Remove(gateway, out var commit))
                    continue;
                EndPasses(waits => waits == gateway);
                batch.Add(commit);
                size += 1 + commit.Upserts.Count + commit.Changes.Count + commit.Starts.Count;
            }
            writing = batch;
            if (batch.Count > 0)
                return new Work(batch);

            if (changes.Count == 0 || turn.Changes == 0)
                return null;
            turn.Changes--;
            var added = changes;
            changes = [];
            return new Work(Changes: added);
        }
    }

    private void Settle(
        List<StoreCommit> failed,
        List<ChangeView> untold,
        List<(DateTimeOffset At, ControlEntry Entry)> unkept,
        string? why
    )
    {
        lock (guard)
        {
            scheduled = false;
            unwritten = [];
            changes.InsertRange(0, untold);
            controls.InsertRange(0, unkept);
            foreach (var commit in failed)
            {
                var gateway = commit.Gateway.Gateway;
                if (pending.TryGetValue(gateway, out var later))
                    pending[gateway] = Fold(commit, later);
                else
                {
                    pending.Add(gateway, commit);
                    order.Enqueue(gateway);
                }
            }

            if (why is null)
            {
                if (reason is not null)
                    logger.LogInformation("the store takes changes again; everything that was kept is saved");
                rest = FirstRest;
                reason = null;
                if (controlsLost > 0)
                    logger.LogWarning(
                        "{Count} entries of the control log are lost: the store failed for too long",
                        controlsLost
                    );
                controlsLost = 0;
                if (!HasWork)
                    EndFlushes();
                if (Gathering > TimeSpan.Zero && !IsAwaited)
                {
                    gathers = true;
                    gathering.Disposable = scheduler.Schedule(Gathering, EndGathering);
                }
                else if (HasWork)
                    Wake();
                return;
            }

            reason = why;
            EndPasses(_ => true);
            EndControlled(controlled);
            controlled = [];
            var health = Health;
            logger.LogError(
                "the store cannot be written: {Reason} The record goes on in memory, {Gateways} gateways and {Cdrs} CDRs wait to be saved; next try in {Rest} s",
                reason,
                health.PendingGateways,
                health.PendingCdrs,
                rest.TotalSeconds
            );
            EndFlushes();
            resting = true;
            retry.Disposable = scheduler.Schedule(rest, EndRest);
            rest = rest * 2 < LongestRest ? rest * 2 : LongestRest;
        }
    }

    private void EndGathering()
    {
        lock (guard)
        {
            gathers = false;
            if (HasWork)
                Wake();
        }
    }

    private void EndRest()
    {
        lock (guard)
        {
            resting = false;
            Wake();
        }
    }

    private void EndFlushes()
    {
        foreach (var flush in flushes)
            flush.TrySetResult();
        flushes.Clear();
    }

    /// <summary>Whether something of it waits, is being written, or could not be written just now.</summary>
    private bool IsLeft(UnitFence fence) =>
        pending.Values.Concat(writing).Concat(unwritten).Any(commit => commit.Fence == fence);

    private void EndLeavings()
    {
        foreach (var (_, written) in leavings.Where(leaves => !IsLeft(leaves.Fence)))
            written.TrySetResult();
        leavings.RemoveAll(leaves => leaves.Written.Task.IsCompleted);
    }

    private void EndPasses(Predicate<string> isOver)
    {
        foreach (var (_, passed) in passes.Where(pass => isOver(pass.Gateway)))
            passed.TrySetResult();
        passes.RemoveAll(pass => isOver(pass.Gateway));
    }

    private static void EndControlled(IReadOnlyList<TaskCompletionSource>? waiting)
    {
        foreach (var tried in waiting ?? [])
            tried.TrySetResult();
    }

    private static StoreCommit Fold(StoreCommit earlier, StoreCommit later)
    {
        var both = earlier.Then(later);
        return both with
        {
            Changes = Last(both.Changes, ChangesKept),
            Audits = Last(both.Audits, AuditsKept),
        };
    }

    private static IReadOnlyList<T> Last<T>(IReadOnlyList<T> items, int count) =>
        items.Count <= count ? items : [.. items.Skip(items.Count - count)];
}

using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using CallServer.Model;
using CallServer.Server.Net;
using CallServer.Storage;
using CallServer.Surface;

namespace CallServer.Server.Recording;

/// <summary>
/// Joins the connections of all gateways into calls, with one writer. It takes in the record's steps on its
/// scheduler, in the order in which each shard made them. Readers take the newest immutable record of calls without a
/// lock.
/// </summary>
/// <param name="scheduler">Runs one action at a time.</param>
/// <param name="clock">The server's clock.</param>
/// <param name="identity">The server whose record it is.</param>
/// <param name="writer">Saves what became of findings.</param>
/// <param name="counters">Counts findings.</param>
/// <param name="states">Every gateway's newest state, for starting anew.</param>
/// <param name="protocols">The protocols that the gateways speak.</param>
/// <param name="logger">Reports findings.</param>
/// <param name="isShared">Whether hosts share the record, so that a call may have legs on gateways of others.</param>
public sealed class CallJoiner(
    IScheduler scheduler,
    IClock clock,
    ServerIdentity identity,
    StoreWriter writer,
    RecordCounters counters,
    Func<IEnumerable<GatewayState>> states,
    GatewayProtocols protocols,
    ILogger logger,
    bool isShared = false
) : IDisposable
{
    private const int MostLines = 5;

    // Whatever is due is forgotten together, not one by one.
    private static readonly TimeSpan LeastRest = TimeSpan.FromSeconds(1);

    private readonly SerialDisposable wake = new();
    private CallRecord calls = CallRecord.Of(protocols);

    // Owned by the scheduler: by what other hosts' connections are still to be looked for.
    private readonly List<JoinKeys> sought = [];

    /// <summary>
    /// The newest record of calls. Steps that were handed over may still be under way: see <see cref="PassAsync"/>.
    /// </summary>
    public CallRecord Calls => Volatile.Read(ref calls);

    /// <summary>
    /// Restores what the store kept. Call it before anything of these gateways is taken in; returns at once.
    /// </summary>
    public void Restore(IReadOnlyList<StoredGateway> gateways)
    {
        var now = clock.Now.Steady;
        foreach (var gateway in gateways)
            Write(() =>
            {
                Become(calls.Restore(gateway.Record, gateway.LastAudit?.Protocol, now));
                if (isShared)
                    sought.AddRange(SharedCalls.KeysOf(calls, gateway.Gateway));
            });
    }

    /// <summary>Other hosts keep these gateways from now on. Returns at once.</summary>
    public void Leave(IReadOnlyCollection<string> gateways) =>
        Write(() => Volatile.Write(ref calls, SharedCalls.Leave(calls, gateways)));

    /// <summary>
    /// By what to look for connections of other hosts, since this was last asked; completes when everything handed over so far
    /// is taken in. With <paramref name="all"/>, by all that there is.
    /// </summary>
    public Task<IReadOnlyList<JoinKeys>> SoughtAsync(bool all) =>
        scheduler.RunAsync<IReadOnlyList<JoinKeys>>(() =>
        {
            JoinKeys[] keys = [.. all ? AllKeys() : sought];
            sought.Clear();
            return keys;
        });

    /// <summary>
    /// Takes in what other hosts have written up to <paramref name="heard"/>. Gives by what others still may be joined with that.
    /// </summary>
    public Task<IReadOnlyList<JoinKeys>> ImportAsync(IReadOnlyList<ElsewhereRecord> records, Instant heard) =>
        scheduler.RunAsync<IReadOnlyList<JoinKeys>>(() =>
        {
            var next = SharedCalls.Import(calls, heard, records, clock.Now.Steady, Stamp(), out var changes);
            Volatile.Write(ref calls, next);
            Tell(changes);
            ScheduleTick();
            return [.. SharedCalls.Met(next)];
        });

    /// <summary>
    /// Takes in what a step did to a gateway's record. Called on its shard's thread; returns at once.
    /// </summary>
    public void Take(ShardStep step) =>
        Write(() =>
        {
            Become(calls.Apply(step.Step, step.Stamp, out var changes));
            if (isShared)
                sought.AddRange(SharedCalls.KeysOf(calls, step.Step));
            Tell(changes);
            ScheduleTick();
        });

    /// <summary>Completes when everything handed over so far is taken in.</summary>
    public Task PassAsync() => scheduler.PassAsync();

    /// <summary>Stops the timer that forgets ended calls.</summary>
    public void Dispose() => wake.Dispose();

    private void Write(Action step) =>
        scheduler.Schedule(() =>
        {
            try
            {
                step();
            }
#pragma warning disable CA1031 // a fault of the join is none of the record's
            catch (Exception fault)
#pragma warning restore CA1031
            {
                counters.Failed();
                logger.LogError(
                    fault,
                    "the join failed by a fault of our own and begins anew; the record of connections is not touched"
                );
                Restart();
            }
        });

    private void Become(CallRecord next)
    {
        Volatile.Write(ref calls, next);
        if (isShared)
            sought.AddRange(SharedCalls.Met(next));
    }

    private void Restart()
    {
        var now = clock.Now.Steady;
        var anew = CallRecord.Of(protocols);
        foreach (var state in states())
            anew = anew.Restore(state.Record, state.LastAudit?.Protocol, now);
        Volatile.Write(ref calls, anew);
        if (isShared)
            sought.AddRange(AllKeys());
    }

    private IEnumerable<JoinKeys> AllKeys() =>
        states().SelectMany(state => SharedCalls.KeysOf(calls, state.Gateway));

    private void ScheduleTick()
    {
        if (!calls.TryDue(out var due))
            return;
        var now = clock.Now.Steady;
        var wait = due > now + LeastRest ? due - now : LeastRest;
        wake.Disposable = scheduler.Schedule(wait, () => Write(Tick));
    }

    private void Tick()
    {
        Become(calls.Tick(clock.Now.Steady, Stamp(), out var changes));
        Tell(changes);
        ScheduleTick();
    }

    private ServerStamp Stamp() => new(identity.Name, identity.Epoch, clock.Correction, clock.Steps);

    private void Tell(IReadOnlyList<FindingChange> changes)
    {
        if (changes.Count == 0)
            return;
        writer.EnqueueChanges([.. changes.Select(change => change.Change)]);
        var began = changes.Where(change => change.Began).ToList();
        foreach (var change in began)
            counters.CountFinding(change.Finding);
        // One gateway's fault may appear in a thousand calls.
        foreach (var change in began.Take(MostLines))
            logger.LogWarning("{Finding}", change.Change.Detail);
        if (began.Count > MostLines)
            logger.LogWarning(
                "and {Count} more findings at once; `callserver calls --findings` lists them",
                began.Count - MostLines
            );
    }
}

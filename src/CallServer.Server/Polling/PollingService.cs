using System.Reactive;
using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using System.Reactive.Linq;
using System.Reactive.Subjects;
using System.Reactive.Threading.Tasks;
using CallServer.Server.Configuration;
using CallServer.Surface;

namespace CallServer.Server.Polling;

/// <summary>A thread of the fleet: the audits of its gateways happen there, one event at a time.</summary>
/// <param name="Scheduler">Runs one action at a time.</param>
/// <param name="Runner">Runs its gateways' audits.</param>
/// <param name="Aside">The loop that audits those of its gateways that take more than their share; null for this
/// one.</param>
public sealed record AuditLoop(IScheduler Scheduler, IAuditRunner Runner, AuditLoop? Aside = null);

/// <summary>The result of an audit or a watch.</summary>
/// <param name="Gateway">The gateway that was asked.</param>
/// <param name="Result">What it reported.</param>
public readonly record struct Polled(GatewayConfiguration Gateway, AuditResult Result);

/// <summary>
/// Polls the configured gateways, each on one of the loops, and follows changes of the configuration.
/// </summary>
public sealed class PollingService : IDisposable
{
    private readonly PollingContext context;
    private readonly IReadOnlyList<AuditLoop> loops;
    private readonly Subject<Polled> results = new();
    private readonly IObserver<Polled> delivery;
    private readonly Dictionary<string, GatewayPoller> pollers = new(StringComparer.Ordinal);
    private readonly Lock guard = new();

    /// <param name="clock">The server's clock.</param>
    /// <param name="resolver">Resolves host names.</param>
    /// <param name="configuration">Budgets and limits; the gateways themselves are taken by <see
    /// cref="Follow"/>.</param>
    /// <param name="loops">At least one.</param>
    /// <param name="known">What the record holds of a gateway, by its id; null if it holds nothing.</param>
    /// <param name="logger">Reports faults.</param>
    /// <param name="takenIn">Completes when everything learnt of a gateway so far is in the record and the store has
    /// tried to save it; null for at once.</param>
    /// <param name="pace">How often all gateways are asked at first.</param>
    /// <param name="mayAsk">Whether anybody may be asked at this moment, whatever is due; null for always.</param>
    public PollingService(
        Net.IClock clock,
        Net.IEndpointResolver resolver,
        ServerConfiguration configuration,
        IReadOnlyList<AuditLoop> loops,
        Func<string, KnownConnections?> known,
        ILogger logger,
        Func<string, Task>? takenIn = null,
        AuditPace pace = AuditPace.Full,
        Func<bool>? mayAsk = null
    )
    {
        ArgumentNullException.ThrowIfNull(configuration);
        Lanes = new FleetLanes(configuration.GatewaysInFlight);
        context = new PollingContext(
            clock,
            resolver,
            Lanes,
            Counters,
            Addresses,
            known,
            takenIn ?? (_ => Task.CompletedTask),
            logger
        )
        {
            Pace = pace,
            MayAsk = mayAsk ?? (() => true),
        };
        this.loops = loops;
        // The loops deliver in parallel.
        delivery = Observer.Synchronize(results);
    }

    /// <summary>
    /// What every audit and every watch learnt, as it learnt it, on its loop's thread: a subscriber must hand over and
    /// return. Nothing is buffered in between. A gateway is asked at most once an interval; one that reports much frees
    /// its place only when what it reported has been taken in.
    /// </summary>
    public IObservable<Polled> Results => results;

    /// <summary>Counts watches, and what went wrong by our own fault.</summary>
    public PollingCounters Counters { get; } = new();

    /// <summary>Who is asked at which address.</summary>
    public AddressBook Addresses { get; } = new();

    /// <summary>The fleet's budget.</summary>
    public FleetLanes Lanes { get; }

    /// <summary>
    /// Starts polling new gateways, goes on with unchanged ones, and restarts changed ones. Returns those that are no
    /// longer polled.
    /// </summary>
    public IReadOnlyList<GatewayConfiguration> Follow(ServerConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var gateways = configuration.Gateways;
        lock (guard)
        {
            Lanes.Resize(configuration.GatewaysInFlight);
            context.Limits = new PollingLimits(configuration.Deadline, configuration.BackoffLimit);
            var wanted = gateways.ToDictionary(gateway => gateway.Id, StringComparer.Ordinal);
            var removed = new List<GatewayConfiguration>();
            foreach (var poller in pollers.Values.ToList())
            {
                var isWanted = wanted.TryGetValue(poller.Gateway.Id, out var next);
                if (isWanted && next!.SameAs(poller.Gateway))
                    continue;
                // It ends on the same loop on which the new one starts after it, so a gateway is never audited twice
                // at once.
                poller.Dispose();
                pollers.Remove(poller.Gateway.Id);
                if (!isWanted)
                    removed.Add(poller.Gateway);
            }

            foreach (var gateway in gateways.Where(gateway => !pollers.ContainsKey(gateway.Id)))
            {
                var loop = loops[(int)(Phase.Hash(gateway.Id) % (ulong)loops.Count)];
                pollers.Add(gateway.Id, new GatewayPoller(gateway, context, loop, delivery));
            }

            return removed;
        }
    }

    /// <summary>
    /// How often all gateways are asked. Changing it from not asking at all triggers a first audit; no memory of a
    /// gateway is lost.
    /// </summary>
    public AuditPace Pace
    {
        get => context.Pace;
        set
        {
            context.Pace = value;
            if (value != AuditPace.Known)
                return;
            lock (guard)
            {
                foreach (var poller in pollers.Values)
                    poller.Rest();
            }
        }
    }

    /// <summary>
    /// Asks those of the given gateways that are polled, in this order, as soon as possible; returns them.
    /// </summary>
    public IReadOnlyList<string> Trigger(IEnumerable<string> gateways, AuditCause cause)
    {
        ArgumentNullException.ThrowIfNull(gateways);
        return [.. gateways.Where(gateway => Trigger(gateway, cause))];
    }

    /// <summary>Asks a gateway as soon as possible; false if it is not polled.</summary>
    public bool Trigger(string gateway, AuditCause cause)
    {
        lock (guard)
        {
            if (!pollers.TryGetValue(gateway, out var poller))
                return false;
            poller.Trigger(cause);
            return true;
        }
    }

    /// <summary>
    /// Holds back what audits and watches of a gateway learn until the hold is disposed. An audit beside a release may find
    /// the connection gone before the gateway's reply is in the record, and would close it without who and why.
    /// </summary>
    public IDisposable Hold(string gateway)
    {
        lock (guard)
            return pollers.TryGetValue(gateway, out var poller) ? poller.Hold() : Disposable.Empty;
    }

    /// <summary>
    /// Asks a gateway to end one connection, beside its audits and outside the fleet's budget; null if it is not
    /// polled.
    /// </summary>
    /// <param name="gateway">The gateway's id.</param>
    /// <param name="connection">The connection; <paramref name="known"/> must hold it.</param>
    /// <param name="known">What the record holds of the gateway.</param>
    /// <param name="deadline">When to give up.</param>
    public async Task<ReleaseResult?> ReleaseAsync(
        string gateway,
        string connection,
        KnownConnections known,
        TimeSpan deadline
    )
    {
        IObservable<ReleaseResult> release;
        lock (guard)
        {
            if (!pollers.TryGetValue(gateway, out var poller))
                return null;
            release = poller.Release(connection, known, deadline);
        }

        // The continuation runs elsewhere: the scheduler's thread belongs to the audits.
        return await release.ToTask(TaskPoolScheduler.Default);
    }

    /// <summary>
    /// Asks every gateway that can tell who controls it, in parallel and beside their audits; emits each result as it
    /// arrives.
    /// </summary>
    public IObservable<(string Gateway, ControllerResult Result)> AskControllers(TimeSpan deadline)
    {
        lock (guard)
            return pollers
                .Values.Select(poller =>
                    poller.AskController(deadline).Select(result => (poller.Gateway.Id, result))
                )
                .ToList()
                .Merge();
    }

    /// <summary>
    /// Ends all polling. Running audits are dropped: what they have half learnt is evidence of nothing.
    /// </summary>
    public void Dispose()
    {
        lock (guard)
        {
            foreach (var poller in pollers.Values)
                poller.Dispose();
            pollers.Clear();
        }
    }
}

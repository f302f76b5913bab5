using System.Reactive;
using System.Reactive.Concurrency;
using System.Reactive.Linq;
using System.Reactive.Subjects;
using System.Reactive.Threading.Tasks;
using CallServer.Server.Configuration;
using CallServer.Surface;

namespace CallServer.Server.Polling;

/// <summary>A thread of the fleet's: its gateways' audits happen there, one event after the other.</summary>
/// <param name="Scheduler">Runs one thing at a time.</param>
/// <param name="Runner">Of its gateways.</param>
/// <param name="Aside">Where those of its gateways are audited that take more than their part; null: here, as all.</param>
public sealed record AuditLoop(IScheduler Scheduler, IAuditRunner Runner, AuditLoop? Aside = null);

/// <summary>What was learnt of a gateway.</summary>
/// <param name="Gateway">Who was asked.</param>
/// <param name="Result">What it told.</param>
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

    /// <param name="clock">Time.</param>
    /// <param name="resolver">Names to addresses.</param>
    /// <param name="configuration">Budgets and limits; its gateways are taken by <see
    /// cref="Follow"/>.</param>
    /// <param name="loops">At least one.</param>
    /// <param name="known">What the record holds of a gateway, by its id; null where it holds
    /// nothing.</param>
    /// <param name="logger">For faults.</param>
    /// <param name="takenIn">Ends when what was delivered of a gateway so far is in the record and has been tried to be
    /// stored; null: at once.</param>
    /// <param name="pace">How often everybody is asked at first.</param>
    public PollingService(
        Net.IClock clock,
        Net.IEndpointResolver resolver,
        ServerConfiguration configuration,
        IReadOnlyList<AuditLoop> loops,
        Func<string, KnownConnections?> known,
        ILogger logger,
        Func<string, Task>? takenIn = null,
        AuditPace pace = AuditPace.Full
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
        };
        this.loops = loops;
        // The loops deliver side by side.
        delivery = Observer.Synchronize(results);
    }

    /// <summary>
    /// What every audit and every watch learnt, as it learnt it, on its loop's thread: whoever follows hands over and returns.
    /// Nothing waits in between. A gateway is asked at its interval at most; one that tells much gives up its place only when
    /// what it told has been taken in.
    /// </summary>
    public IObservable<Polled> Results => results;

    /// <summary>What went wrong by our own fault.</summary>
    public PollingCounters Counters { get; } = new();

    /// <summary>Who is asked where.</summary>
    public AddressBook Addresses { get; } = new();

    /// <summary>The fleet's budget.</summary>
    public FleetLanes Lanes { get; }

    /// <summary>
    /// Begins to poll what is new, goes on with what is the same, and begins anew with what changed. Returns
    /// those that are polled no longer.
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
                // It ends on the loop on which the new one begins after it: never two audits of a gateway at
                // once.
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
    /// How often everybody is asked from now on. Whoever begins to ask again after not asking at all triggers
    /// a first audit; nobody's memory of a gateway is lost.
    /// </summary>
    public AuditPace Pace
    {
        get => context.Pace;
        set
        {
            context.Pace = value;
            if (value != AuditPace.None)
                return;
            lock (guard)
            {
                foreach (var poller in pollers.Values)
                    poller.Rest();
            }
        }
    }

    /// <summary>
    /// Asks all of these that are polled, in this order, as soon as may be; returns those that are.
    /// </summary>
    public IReadOnlyList<string> Trigger(IEnumerable<string> gateways, AuditCause cause)
    {
        ArgumentNullException.ThrowIfNull(gateways);
        return [.. gateways.Where(gateway => Trigger(gateway, cause))];
    }

    /// <summary>Asks a gateway as soon as may be; false where it is not polled.</summary>
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
    /// Asks a gateway to end one connection, beside its audits and outside of the fleet's budget; null where
    /// it is not polled.
    /// </summary>
    /// <param name="gateway">Its id.</param>
    /// <param name="connection">The connection; known must hold it.</param>
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

        // Who waits goes on elsewhere: the scheduler's thread belongs to the audits.
        return await release.ToTask(TaskPoolScheduler.Default);
    }

    /// <summary>
    /// Asks every gateway that can tell who controls it, side by side, beside their audits; each as it answers.
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
    /// Ends all polling; audits that run are dropped, as what they half learnt is evidence of nothing.
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

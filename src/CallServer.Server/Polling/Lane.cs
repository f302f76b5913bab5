using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using System.Reactive.Linq;

namespace CallServer.Server.Polling;

/// <summary>
/// Lets a limited number in at once; the others wait in the order in which they came, and those that yield behind all others.
/// </summary>
public sealed class Lane(int limit)
{
    private readonly Lock guard = new();
    private readonly LinkedList<Action<IDisposable>> waiting = [];
    private readonly LinkedList<Action<IDisposable>> yielding = [];
    private int limit = limit;
    private int inside;

    /// <summary>How many may be inside; lowering it takes no place away from those inside.</summary>
    public int Limit
    {
        get => Volatile.Read(ref limit);
        set
        {
            Volatile.Write(ref limit, value);
            Admit();
        }
    }

    /// <summary>How many are inside.</summary>
    public int Inside => Volatile.Read(ref inside);

    /// <summary>
    /// Emits a place in the lane as soon as there is one, then completes. The receiver must dispose the place.
    /// </summary>
    /// <param name="scheduler">Where the place is told.</param>
    /// <param name="yields">Whether all that do not yield go first.</param>
    public IObservable<IDisposable> Enter(IScheduler scheduler, bool yields = false) =>
        Observable.Create<IDisposable>(observer =>
        {
            var left = 0;
            Action<IDisposable> admit = place =>
                scheduler.Schedule(() =>
                {
                    if (Interlocked.Exchange(ref left, 1) != 0)
                    {
                        // The subscriber left the queue while the place was on its way to it.
                        place.Dispose();
                        return;
                    }

                    observer.OnNext(place);
                    observer.OnCompleted();
                });
            var node = new LinkedListNode<Action<IDisposable>>(admit);
            lock (guard)
                (yields ? yielding : waiting).AddLast(node);
            Admit();
            return Disposable.Create(() =>
            {
                Interlocked.Exchange(ref left, 1);
                lock (guard)
                {
                    node.List?.Remove(node);
                }
            });
        });

    private void Admit()
    {
        while (true)
        {
            Action<IDisposable> admit;
            lock (guard)
            {
                if (inside >= Limit || (waiting.First ?? yielding.First) is not { } first)
                    return;
                first.List!.Remove(first);
                inside++;
                admit = first.Value;
            }

            admit(Disposable.Create(Leave));
        }
    }

    private void Leave()
    {
        lock (guard)
            inside--;
        Admit();
    }
}

/// <summary>
/// The fleet's budget, split into lanes so that slow gateways wait for each other and for nobody else: gateways that
/// answer, gateways that were silent, gateways whose last audit took longer than their interval, and gateways whose
/// audits take more than their share of a core.
/// </summary>
public sealed class FleetLanes(int gatewaysInFlight)
{
    /// <summary>For gateways that answer in time.</summary>
    public Lane Prompt { get; } = new(gatewaysInFlight);

    /// <summary>
    /// For a takeover, which asks everybody at once. Limited so that each audit is short, as calls go on meanwhile;
    /// an audit that is not done soon gives up its place.
    /// </summary>
    public Lane Takeover { get; } = new(AtOnceOfCore * Environment.ProcessorCount);

    /// <summary>For gateways that were silent last time.</summary>
    public Lane Silent { get; } = new(Side(gatewaysInFlight));

    /// <summary>For gateways whose last audit took longer than their interval.</summary>
    public Lane Slow { get; } = new(Side(gatewaysInFlight));

    /// <summary>
    /// For gateways whose audits take more than their share of a core: one at a time on a small machine, and each
    /// then leaves others as much time as it took.
    /// </summary>
    public Lane Heavy { get; } = new(Math.Max(1, Environment.ProcessorCount / 4));

    /// <summary>Changes the budget.</summary>
    public void Resize(int gatewaysInFlight)
    {
        Prompt.Limit = gatewaysInFlight;
        Silent.Limit = Side(gatewaysInFlight);
        Slow.Limit = Side(gatewaysInFlight);
    }

    private const int AtOnceOfCore = 4;

    private static int Side(int whole) => Math.Max(2, whole / 4);
}

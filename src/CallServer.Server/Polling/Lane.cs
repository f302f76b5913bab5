using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using System.Reactive.Linq;

namespace CallServer.Server.Polling;

/// <summary>So many at once, the others in the order in which they came.</summary>
public sealed class Lane(int limit)
{
    private readonly Lock guard = new();
    private readonly LinkedList<Action<IDisposable>> waiting = [];
    private int limit = limit;
    private int inside;

    /// <summary>How many may be in it; a smaller limit takes nothing from those that are.</summary>
    public int Limit
    {
        get => Volatile.Read(ref limit);
        set
        {
            Volatile.Write(ref limit, value);
            Admit();
        }
    }

    /// <summary>How many are in it.</summary>
    public int Inside => Volatile.Read(ref inside);

    /// <summary>
    /// One place in the lane as soon as there is one, then the end. Who gets it disposes it.
    /// </summary>
    public IObservable<IDisposable> Enter(IScheduler scheduler) =>
        Observable.Create<IDisposable>(observer =>
        {
            var left = 0;
            Action<IDisposable> admit = place =>
                scheduler.Schedule(() =>
                {
                    if (Interlocked.Exchange(ref left, 1) != 0)
                    {
                        // It left the queue while the place was on its way to it.
                        place.Dispose();
                        return;
                    }

                    observer.OnNext(place);
                    observer.OnCompleted();
                });
            var node = new LinkedListNode<Action<IDisposable>>(admit);
            lock (guard)
                waiting.AddLast(node);
            Admit();
            return Disposable.Create(() =>
            {
                Interlocked.Exchange(ref left, 1);
                lock (guard)
                {
                    if (node.List is not null)
                        waiting.Remove(node);
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
                if (inside >= Limit || waiting.First is not { } first)
                    return;
                waiting.RemoveFirst();
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
/// The fleet's budget in lanes, so that gateways which take long wait for each other and for nobody else: those that
/// answer, those that were silent last, those whose last audit took longer than their interval, and those whose audits
/// take more of a core than their part.
/// </summary>
public sealed class FleetLanes(int gatewaysInFlight)
{
    /// <summary>Gateways that answer in time.</summary>
    public Lane Prompt { get; } = new(gatewaysInFlight);

    /// <summary>
    /// A takeover, which asks everybody at once: so many at a time that each is asked briefly, as calls go on
    /// meanwhile. Who is not done soon makes room.
    /// </summary>
    public Lane Takeover { get; } = new(AtOnceOfCore * Environment.ProcessorCount);

    /// <summary>Gateways that were silent last.</summary>
    public Lane Silent { get; } = new(Side(gatewaysInFlight));

    /// <summary>Gateways whose last audit took longer than their interval.</summary>
    public Lane Slow { get; } = new(Side(gatewaysInFlight));

    /// <summary>
    /// Gateways whose audits take more than their part of a core: one at a time, on a small machine, and each leaves as
    /// much time to others as it took.
    /// </summary>
    public Lane Heavy { get; } = new(Math.Max(1, Environment.ProcessorCount / 4));

    /// <summary>Another budget.</summary>
    public void Resize(int gatewaysInFlight)
    {
        Prompt.Limit = gatewaysInFlight;
        Silent.Limit = Side(gatewaysInFlight);
        Slow.Limit = Side(gatewaysInFlight);
    }

    private const int AtOnceOfCore = 4;

    private static int Side(int whole) => Math.Max(2, whole / 4);
}

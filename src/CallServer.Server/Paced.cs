using System.Reactive.Concurrency;
using CallServer.Model;
using CallServer.Server.Net;

namespace CallServer.Server;

/// <summary>
/// Limits what events leave behind that may be very many. The first of a kind acts at once, and then at most one acts in
/// each rest: the newest, with the number it stands for. However many come, what they leave is bounded, and the last one
/// is never lost. Callable from any thread.
/// </summary>
/// <param name="clock">Measures the rests.</param>
/// <param name="scheduler">Acts when a rest is over.</param>
/// <param name="rest">Least time between two of a kind.</param>
/// <param name="most">How many kinds are told apart.</param>
internal sealed class Paced<TKind>(IClock clock, IScheduler scheduler, TimeSpan rest, int most)
    where TKind : notnull
{
    private readonly Dictionary<TKind, Waiting> kinds = [];
    private readonly Lock guard = new();

    /// <summary>
    /// Acts now on this thread, or later on the scheduler on behalf of this event and all others of its kind since the
    /// last one; <paramref name="act"/> is told how many others it stands for. False, and nothing happens, if no further
    /// kind can be told apart now.
    /// </summary>
    public bool TrySay(TKind kind, Action<int> act)
    {
        lock (guard)
        {
            var now = clock.Now.Steady;
            if (!kinds.TryGetValue(kind, out var waiting))
            {
                if (kinds.Count >= most && !Forget(now))
                    return false;
                kinds.Add(kind, waiting = new Waiting());
            }

            if (now < waiting.Due)
            {
                if (waiting.Act is null)
                    scheduler.Schedule(waiting.Due - now, () => Catch(waiting));
                waiting.Act = act;
                waiting.Count++;
                return true;
            }

            waiting.Due = now + rest;
        }

        act(0);
        return true;
    }

    /// <summary>Acts for all that wait, without waiting for the ends of their rests.</summary>
    public void Flush()
    {
        List<Waiting> all;
        lock (guard)
            all = [.. kinds.Values];
        all.ForEach(Catch);
    }

    private void Catch(Waiting waiting)
    {
        Action<int>? act;
        int count;
        lock (guard)
        {
            (act, count) = (waiting.Act, waiting.Count);
            (waiting.Act, waiting.Count) = (null, 0);
            if (act is not null)
                waiting.Due = clock.Now.Steady + rest;
        }

        act?.Invoke(count - 1);
    }

    /// <summary>Forgets the kinds that have been quiet for a rest; false if there are none.</summary>
    private bool Forget(Instant now)
    {
        foreach (var (kind, waiting) in kinds)
        {
            if (waiting.Act is null && now >= waiting.Due)
                kinds.Remove(kind);
        }

        return kinds.Count < most;
    }

    private sealed class Waiting
    {
        public Instant Due { get; set; } = InstantModule.distantPast;
        public Action<int>? Act { get; set; }
        public int Count { get; set; }
    }
}

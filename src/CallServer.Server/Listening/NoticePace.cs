using System.Reactive.Concurrency;
using CallServer.Model;
using CallServer.Server.Net;

namespace CallServer.Server.Listening;

/// <summary>
/// Limits what gateways' announcements leave behind. The first one leaves a row or a line at once, and then at most
/// one in ten seconds: the newest, with the number it stands for. However many arrive, what they leave is bounded,
/// and the last one is never lost.
/// </summary>
internal sealed class NoticePace(IClock clock, IScheduler scheduler)
{
    /// <summary>Least time between two of one gateway.</summary>
    public static readonly TimeSpan Rest = TimeSpan.FromSeconds(10);

    private readonly Dictionary<string, Waiting> gateways = new(StringComparer.Ordinal);
    private readonly Lock guard = new();

    /// <summary>
    /// Acts now, or later on behalf of this announcement and all others since the last one; <paramref name="act"/> is
    /// told how many others it stands for. Callable from any thread; acts on that thread or on the scheduler.
    /// </summary>
    /// <param name="gateway">A configured gateway; this bounds how many are remembered.</param>
    /// <param name="act">What to do.</param>
    public void Say(string gateway, Action<int> act)
    {
        lock (guard)
        {
            if (!gateways.TryGetValue(gateway, out var waiting))
                gateways.Add(gateway, waiting = new Waiting());
            var now = clock.Now.Steady;
            if (now < waiting.Due)
            {
                if (waiting.Act is null)
                    scheduler.Schedule(waiting.Due - now, () => Catch(waiting));
                waiting.Act = act;
                waiting.Others++;
                return;
            }

            waiting.Due = now + Rest;
        }

        act(0);
    }

    private void Catch(Waiting waiting)
    {
        Action<int> act;
        int others;
        lock (guard)
        {
            (act, others) = (waiting.Act!, waiting.Others - 1);
            (waiting.Act, waiting.Others) = (null, 0);
            waiting.Due = clock.Now.Steady + Rest;
        }

        act(others);
    }

    private sealed class Waiting
    {
        public Instant Due { get; set; } = InstantModule.distantPast;
        public Action<int>? Act { get; set; }
        public int Others { get; set; }
    }
}

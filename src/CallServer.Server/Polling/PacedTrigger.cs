using System.Reactive.Concurrency;
using CallServer.Model;
using CallServer.Server.Net;

namespace CallServer.Server.Polling;

/// <summary>
/// Acts at once on what comes from outside, but at most once a second: whoever can send from a gateway's address must
/// not be able to have it asked without pause. The last of many is never lost.
/// </summary>
internal sealed class PacedTrigger(IClock clock, IScheduler scheduler)
{
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(1);

    private Instant due = InstantModule.distantPast;
    private bool waits;

    /// <summary>Callable from any thread; acts on the scheduler.</summary>
    public void Ask(Action act) => scheduler.Schedule(() => Take(act));

    private void Take(Action act)
    {
        if (waits)
            return;
        var now = clock.Now.Steady;
        if (now >= due)
        {
            due = now + Rest;
            act();
            return;
        }

        waits = true;
        scheduler.Schedule(
            due - now,
            () =>
            {
                waits = false;
                due = clock.Now.Steady + Rest;
                act();
            }
        );
    }
}

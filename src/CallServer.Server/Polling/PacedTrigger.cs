using System.Reactive.Concurrency;
using CallServer.Model;
using CallServer.Server.Net;

namespace CallServer.Server.Polling;

/// <summary>
/// What comes from outside acts at once, and at most once a second: whoever can send from a gateway's address
/// must not be able to have it asked without a pause. The last one of many is never lost.
/// </summary>
internal sealed class PacedTrigger(IClock clock, IScheduler scheduler)
{
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(1);

    private Instant due = InstantModule.distantPast;
    private bool waits;

    /// <summary>From any thread; acts on the scheduler.</summary>
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

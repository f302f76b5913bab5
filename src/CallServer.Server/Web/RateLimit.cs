using CallServer.Model;
using CallServer.Server.Net;

namespace CallServer.Server.Web;

/// <summary>
/// Allows a number of events a second, and a burst of the same number after a second's rest. Safe for use from any
/// thread.
/// </summary>
internal sealed class RateLimit(int perSecond, IClock clock)
{
    private readonly Lock guard = new();
    private double left = perSecond;
    private Instant filled = clock.Now.Steady;

    /// <summary>Takes one. If none is left, returns false and the time until there is one again.</summary>
    public bool TryTake(out TimeSpan wait)
    {
        lock (guard)
        {
            var now = clock.Now.Steady;
            left = Math.Min(perSecond, left + (now - filled).TotalSeconds * perSecond);
            filled = now;
            if (left >= 1)
            {
                left--;
                wait = TimeSpan.Zero;
                return true;
            }

            wait = TimeSpan.FromSeconds((1 - left) / perSecond);
            return false;
        }
    }
}

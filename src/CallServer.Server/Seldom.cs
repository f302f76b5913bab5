using CallServer.Model;
using CallServer.Server.Net;

namespace CallServer.Server;

/// <summary>
/// Limits reports of something that may happen very often to one a minute and kind: the first of a kind at once, then
/// how many more there were.
/// </summary>
/// <param name="clock">Counts the minutes.</param>
/// <param name="most">How many kinds are told apart. Further kinds are not reported until one of these has been quiet
/// for a minute.</param>
internal sealed class Seldom<TKind>(IClock clock, int most)
    where TKind : notnull
{
    private static readonly TimeSpan Rest = TimeSpan.FromMinutes(1);

    private readonly Dictionary<TKind, (Instant Said, long More)> told = [];
    private readonly Lock guard = new();

    /// <summary>
    /// Whether this one is to be reported, and how many of its kind were left out since the last report.
    /// </summary>
    public bool Tells(TKind kind, out long more)
    {
        more = 0;
        lock (guard)
        {
            var now = clock.Now.Steady;
            if (told.TryGetValue(kind, out var before))
            {
                if (now - before.Said < Rest)
                {
                    told[kind] = before with { More = before.More + 1 };
                    return false;
                }

                more = before.More;
            }
            else if (told.Count >= most && !Forget(now))
                return false;

            told[kind] = (now, 0);
            return true;
        }
    }

    private bool Forget(Instant now)
    {
        foreach (var (kind, last) in told)
        {
            if (now - last.Said >= Rest)
                told.Remove(kind);
        }

        return told.Count < most;
    }
}

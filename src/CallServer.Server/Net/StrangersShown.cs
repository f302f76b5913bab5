using CallServer.Model;

namespace CallServer.Server.Net;

/// <summary>
/// Limits how many datagrams from unknown addresses are looked at. A gateway that answers from elsewhere does so at
/// every request, so a few are enough, and a flood must cost nothing.
/// </summary>
internal sealed class StrangersShown
{
    private const int MostASecond = 20;

    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    private readonly Lock guard = new();
    private Instant? since;
    private int count;

    /// <summary>Whether one more may be looked at now.</summary>
    public bool May(Instant now)
    {
        lock (guard)
        {
            if (since is not { } began || now - began >= Period)
            {
                since = now;
                count = 0;
            }

            return count++ < MostASecond;
        }
    }
}

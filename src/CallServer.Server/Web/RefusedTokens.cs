using System.Net;
using CallServer.Server.Net;

namespace CallServer.Server.Web;

/// <summary>
/// Counts wrong tokens, logs them once a minute and address, and delays their answers, so that guessing takes for
/// ever.
/// </summary>
internal sealed class RefusedTokens(IClock clock, TimeProvider timers, ILogger logger)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

    // At most so many answers are delayed: a pause does not stop a client with more connections than that.
    private const int MostWaiting = 100;
    private const int MostAddresses = 1_000;

    private readonly Seldom<IPAddress> seldom = new(clock, MostAddresses);
    private long count;
    private int waiting;

    /// <summary>Wrong tokens since the start.</summary>
    public long Count => Volatile.Read(ref count);

    /// <summary>Counts a wrong token, and returns after the delay.</summary>
    public async Task AddAsync(IPAddress? from, CancellationToken cancel)
    {
        Interlocked.Increment(ref count);
        if (seldom.Tells(from ?? IPAddress.None, out var more))
            logger.LogWarning(
                "{From} presents a wrong token, or none{More}",
                from,
                more == 0 ? "" : $" (and {more} more times since the last such line)"
            );
        try
        {
            if (Interlocked.Increment(ref waiting) <= MostWaiting)
                await Task.Delay(Pause, timers, cancel);
        }
        finally
        {
            Interlocked.Decrement(ref waiting);
        }
    }
}

using CallServer.Server.Net;
using CallServer.Surface;

namespace CallServer.Server.Roles;

/// <summary>
/// Logs questions that are not from the other server: the first of a kind at once, then their number at most once a
/// minute, however many arrive.
/// </summary>
internal sealed class RefusalLog(IClock clock, ILogger logger)
{
    private readonly Seldom<PairVerdict> seldom = new(clock, Enum.GetValues<PairVerdict>().Length);

    /// <summary>Logs a question that was refused, unless its kind was logged within the last minute.</summary>
    public void Add(PairVerdict verdict, string what, string from)
    {
        // A server that has been silent for a while is refused once for a stale challenge, and asks again.
        if (verdict is PairVerdict.Believed or PairVerdict.StaleChallenge)
            return;
        if (!seldom.Tells(verdict, out var more))
            return;
        logger.LogWarning(
            "a {What} from {From} is refused, it is not the other server's: {Why}{More}",
            what,
            from,
            Why(verdict),
            more == 0 ? "" : $" (and {more} more since the last such line)"
        );
    }

    private static string Why(PairVerdict verdict) =>
        verdict switch
        {
            PairVerdict.NoProof => "it brings no proof",
            PairVerdict.OwnName =>
                "it bears this server's own name; if it is the other server, give the two different names",
            PairVerdict.WrongMac =>
                "its proof is wrong; where it is the other one, give both the same pair.secret",
            PairVerdict.Replayed => "it was said before",
            _ => verdict.ToString(),
        };
}

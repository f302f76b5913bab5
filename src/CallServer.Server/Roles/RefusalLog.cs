using CallServer.Server.Net;
using CallServer.Surface;

namespace CallServer.Server.Roles;

/// <summary>
/// Questions that are not the other server's, for the log: the first of a kind at once, then their number once a minute at most,
/// however many come.
/// </summary>
internal sealed class RefusalLog(IClock clock, ILogger logger)
{
    private readonly Seldom<PairVerdict> seldom = new(clock, Enum.GetValues<PairVerdict>().Length);

    public void Add(PairVerdict verdict, string what, string from)
    {
        // Whoever has been silent for a while is late once, and asks again.
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
                "it bears this server's own name; where it is the other one, give the two two names",
            PairVerdict.WrongMac =>
                "its proof is wrong; where it is the other one, give both the same pair.secret",
            PairVerdict.Replayed => "it was said before",
            _ => verdict.ToString(),
        };
}

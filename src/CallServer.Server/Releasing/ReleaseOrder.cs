using CallServer.Model;
using CallServer.Storage;
using CallServer.Surface;

namespace CallServer.Server.Releasing;

/// <summary>An operator's order to end one connection.</summary>
/// <param name="Gateway">The gateway's id.</param>
/// <param name="Connection">The connection's id there.</param>
/// <param name="By">Who gave the order.</param>
/// <param name="Reason">Why.</param>
/// <param name="Asked">When the gateway was asked, on the record's timeline.</param>
public sealed record ReleaseOrder(string Gateway, string Connection, string By, string Reason, Instant Asked)
{
    /// <summary>The entry for the release log.</summary>
    public ReleaseEntry Entry(ReleaseResult result, TimeSpan correction)
    {
        ArgumentNullException.ThrowIfNull(result);
        return new ReleaseEntry(
            Gateway,
            Connection,
            By,
            Reason,
            (Asked + correction).ToString(),
            result.Released ? ReleaseEntry.Released
                : result.Unknown ? ReleaseEntry.Unknown
                : ReleaseEntry.Refused,
            result.Reason
        );
    }
}

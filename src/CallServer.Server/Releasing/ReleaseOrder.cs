using CallServer.Model;
using CallServer.Storage;
using CallServer.Surface;

namespace CallServer.Server.Releasing;

/// <summary>An operator's wish to have one connection ended.</summary>
/// <param name="Gateway">Whose connection it is.</param>
/// <param name="Connection">Its id there.</param>
/// <param name="By">Who wishes it.</param>
/// <param name="Reason">Why.</param>
/// <param name="Asked">When the gateway was asked, on the record's timeline.</param>
public sealed record ReleaseOrder(string Gateway, string Connection, string By, string Reason, Instant Asked)
{
    /// <summary>As the release log keeps it.</summary>
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

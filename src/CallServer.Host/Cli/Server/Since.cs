using System.Globalization;
using CallServer.Model;
using CallServer.Server.Configuration;
using CallServer.Server.Net;

namespace CallServer.Host.Cli.Server;

/// <summary>A moment as a person names it.</summary>
/// <param name="At">The moment itself; null if a duration was given.</param>
/// <param name="Ago">How long ago it is, if a duration was given.</param>
internal sealed record Since(DateTimeOffset? At, TimeSpan Ago)
{
    /// <summary>
    /// Parses an RFC 3339 time (UTC if it has no offset) or a duration. Throws FormatException for anything else.
    /// </summary>
    public static Since Parse(string text)
    {
        if (Durations.TryParse(text, out var ago))
            return new Since(null, ago);
        return DateTimeOffset.TryParse(
            text,
            CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal,
            out var at
        )
            ? new Since(at, TimeSpan.Zero)
            : throw new FormatException(
                $"'{text}' is neither a time such as 2026-01-31T10:00:00Z nor {Durations.Expected}"
            );
    }

    /// <summary>The moment in UTC with microseconds.</summary>
    public string Before(IClock clock) =>
        (At is { } at ? InstantModule.ofDateTime(at) : clock.Now.Steady + clock.Correction - Ago).ToString();
}

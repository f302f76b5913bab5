using System.Globalization;

namespace CallServer.Storage;

/// <summary>Times as stores keep them: microseconds since 1970-01-01T00:00:00Z.</summary>
internal static class Micros
{
    public static long Of(DateTimeOffset time) =>
        (time.UtcTicks - DateTimeOffset.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;

    public static long Of(TimeSpan span) => span.Ticks / TimeSpan.TicksPerMicrosecond;

    /// <summary>Of a time as records show it; 0 for null.</summary>
    public static long Of(string? stamp) =>
        stamp is null
            ? 0
            : Of(DateTimeOffset.Parse(stamp, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal));

    public static DateTimeOffset ToTime(long micros) => DateTimeOffset.UnixEpoch.AddMicroseconds(micros);
}

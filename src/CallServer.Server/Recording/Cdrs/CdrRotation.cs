using System.Globalization;

namespace CallServer.Server.Recording.Cdrs;

/// <summary>
/// When a CDR file is rotated, and under which name. Periods are counted in UTC from 1970-01-01T00:00:00Z, so that a
/// day begins at midnight; a file belongs to the period in which it was last written.
/// </summary>
/// <param name="Every">The period; null never rotates by time.</param>
/// <param name="Size">The size in octets from which a file is rotated; null never rotates by size.</param>
public sealed record CdrRotation(TimeSpan? Every = null, long? Size = null)
{
    /// <summary>One file for ever.</summary>
    public static CdrRotation Never { get; } = new();

    /// <summary>Whether a file that holds something must be rotated before more is written.</summary>
    public bool IsDue(DateTimeOffset written, long length, DateTimeOffset now) =>
        length >= Size || (Every is { } every && Begin(written, every) < Begin(now, every));

    /// <summary>When a file that is written now will have to be rotated; null if time does not matter.</summary>
    public DateTimeOffset? Next(DateTimeOffset now) => Every is { } every ? Begin(now, every) + every : null;

    /// <summary>
    /// The names under which a file may be put aside, in the order in which they are tried:
    /// <c>callserver-2026-11-28.ndjson</c> if periods are whole days, <c>callserver-2026-11-28T1300Z.ndjson</c> if
    /// they are shorter, and with seconds if they are not whole minutes or only the size matters; then with
    /// <c>.1</c>, <c>.2</c> and so on.
    /// </summary>
    public IEnumerable<string> Names(string path, DateTimeOffset written)
    {
        var folder = Path.GetDirectoryName(path) ?? "";
        var stem = Path.GetFileNameWithoutExtension(path) + "-" + Period(written);
        var extension = Path.GetExtension(path);
        yield return Path.Combine(folder, stem + extension);
        for (var number = 1; ; number++)
            yield return Path.Combine(
                folder,
                string.Create(CultureInfo.InvariantCulture, $"{stem}.{number}{extension}")
            );
    }

    private string Period(DateTimeOffset written)
    {
        var every = Every ?? TimeSpan.FromSeconds(1);
        var format =
            every.Ticks % TimeSpan.TicksPerDay == 0 ? "yyyy-MM-dd"
            : every.Ticks % TimeSpan.TicksPerMinute == 0 ? "yyyy-MM-dd'T'HHmm'Z'"
            : "yyyy-MM-dd'T'HHmmss'Z'";
        return Begin(written, every).ToString(format, CultureInfo.InvariantCulture);
    }

    private static DateTimeOffset Begin(DateTimeOffset time, TimeSpan every)
    {
        var since = (time - DateTimeOffset.UnixEpoch).Ticks;
        return DateTimeOffset.UnixEpoch + TimeSpan.FromTicks(since - (since % every.Ticks));
    }
}

using System.Globalization;
using CallServer.Model;

namespace CallServer.Host.Cli.Disputes;

/// <summary>Reads a partner's times. A text without an offset is of the partner's zone.</summary>
internal sealed class PartnerTime(TimeZoneInfo zone, string? format)
{
    private const long Second = 1_000_000;

    // Seconds since 1970 from 1990 to 2100; the same in thousandths, and so on.
    private const double Least = 631_152_000;
    private const double Most = 4_102_444_800;

    /// <summary>
    /// The interval in which a written time lies: as wide as its last digit, either way, as nobody says how it was rounded.
    /// Null if the text is empty.
    /// </summary>
    /// <exception cref="FormatException">The text is no time.</exception>
    public Interval? Read(ReadOnlySpan<char> text)
    {
        text = text.Trim().Trim('\'').Trim();
        if (text.IsEmpty || text is "NULL" or "null" or "-" || text.StartsWith("0000-00-00"))
            return null;
        if (
            format is null
            && double.TryParse(
                text,
                NumberStyles.AllowDecimalPoint,
                CultureInfo.InvariantCulture,
                out var epoch
            )
        )
            return OfEpoch(text, epoch);
        var grain = Grain(text);
        return HasOffset(text)
            ? DateTimeOffset.TryParse(
                text,
                CultureInfo.InvariantCulture,
                DateTimeStyles.AssumeUniversal,
                out var exact
            )
                ? Around(Micros(exact), Micros(exact), grain)
                : throw NoTime(text)
            : OfZone(Wall(text), grain);
    }

    private DateTime Wall(ReadOnlySpan<char> text)
    {
        var read = format is null
            ? DateTime.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.None, out var wall)
            : DateTime.TryParseExact(
                text,
                format,
                CultureInfo.InvariantCulture,
                DateTimeStyles.AllowWhiteSpaces,
                out wall
            );
        return read ? DateTime.SpecifyKind(wall, DateTimeKind.Unspecified) : throw NoTime(text);
    }

    /// <summary>
    /// When clocks are put back an hour comes twice, and the time lies in either; when they are put forward, one that never
    /// was may be meant by the clock before or after.
    /// </summary>
    private Interval OfZone(DateTime wall, long grain)
    {
        var offsets =
            zone.IsAmbiguousTime(wall) ? zone.GetAmbiguousTimeOffsets(wall)
            : zone.IsInvalidTime(wall)
                ? [zone.GetUtcOffset(wall.AddHours(-3)), zone.GetUtcOffset(wall.AddHours(3))]
            : [zone.GetUtcOffset(wall)];
        return Around(
            Micros(new DateTimeOffset(wall, offsets.Max())),
            Micros(new DateTimeOffset(wall, offsets.Min())),
            grain
        );
    }

    private static Interval OfEpoch(ReadOnlySpan<char> text, double epoch)
    {
        for (var unit = 1.0; unit <= 1e9; unit *= 1000)
        {
            var seconds = epoch / unit;
            if (seconds is >= Least and <= Most)
            {
                var micros = (long)(seconds * Second);
                // A double has no more than a microsecond to give here.
                return Around(micros, micros, unit > 1 || text.Contains('.') ? 1_000 : Second);
            }
        }
        throw NoTime(text);
    }

    private static Interval Around(long earliest, long latest, long grain) =>
        new(new Instant(earliest - grain), new Instant(latest + grain));

    /// <summary>The unit of the last digit: a second, or its fraction.</summary>
    private static long Grain(ReadOnlySpan<char> text)
    {
        var colon = text.LastIndexOf(':');
        var dot = text.LastIndexOf('.');
        if (dot < 0 || dot < text.IndexOf(':'))
            return colon >= 0 && text.Count(':') == 1 ? 60 * Second : Second;
        var digits = 0;
        for (var at = dot + 1; at < text.Length && char.IsAsciiDigit(text[at]); at++)
            digits++;
        return Math.Max(1, (long)(Second / Math.Pow(10, Math.Min(digits, 6))));
    }

    private static bool HasOffset(ReadOnlySpan<char> text)
    {
        if (text[^1] is 'Z' or 'z' || text.EndsWith("UTC") || text.EndsWith("GMT"))
            return true;
        var time = text.IndexOf(':');
        return time >= 0 && text[time..].ContainsAny('+', '-');
    }

    private static long Micros(DateTimeOffset time) =>
        (time.UtcTicks - DateTimeOffset.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;

    private static FormatException NoTime(ReadOnlySpan<char> text) =>
        new($"'{text.ToString()}' is no time that is understood; --time-format says how it is written");
}

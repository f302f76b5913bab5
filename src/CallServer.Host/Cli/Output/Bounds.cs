using System.Globalization;
using System.Text.Json;

namespace CallServer.Host.Cli.Output;

/// <summary>
/// An interval as people see it: a time and how exact it is. What is shown always contains the bounds.
/// </summary>
/// <param name="Earliest">Microseconds since 1970 UTC; null if open.</param>
/// <param name="Latest">Microseconds since 1970 UTC; null if open.</param>
public readonly record struct Bounds(long? Earliest, long? Latest)
{
    private const long Millisecond = 1_000;
    private const long Second = 1_000_000;

    /// <summary>Reads <c>{"earliest":…,"latest":…}</c>; both ends are open if there is none.</summary>
    public static Bounds Of(JsonElement interval) =>
        new(Micros(interval.Text("earliest")), Micros(interval.Text("latest")));

    /// <summary>A known moment, to the millisecond.</summary>
    public static Bounds Point(long micros) => new(Down(micros, Millisecond), Down(micros, Millisecond));

    /// <summary>Microseconds since 1970 of a time as our JSON writes it; null if there is none.</summary>
    public static long? Micros(string? time) =>
        DateTimeOffset.TryParse(
            time,
            CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal,
            out var parsed
        )
            ? (parsed.UtcTicks - DateTimeOffset.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond
            : null;

    /// <summary>Half the width in microseconds; null if an end is open.</summary>
    public long? HalfWidth => Latest - Earliest is { } width ? (Math.Max(width, 0) + 1) / 2 : null;

    /// <summary>
    /// The time, as exactly as the bounds allow: <c>2026-01-31T09:59:00.000Z</c>; <c>-</c> if nothing is known.
    /// </summary>
    public string At() => Shown().At is { } at ? Stamp(at, "yyyy-MM-dd'T'HH:mm:ss", "Z") : "-";

    /// <summary>
    /// How exact the time is: <c>±10ms</c>, <c>exact</c>, <c>or-before</c>, <c>or-after</c>, <c>-</c>.
    /// </summary>
    public string Exactness() => Shown().Exact.Replace(" ", "", StringComparison.Ordinal);

    /// <summary>
    /// Time and exactness for a narrow column: <c>09:59:00.000 ±10 ms</c>, with the date if it is not today.
    /// </summary>
    public string Brief(long? today)
    {
        var (at, exact) = Shown();
        if (at is not { } time)
            return "-";
        var sameDay = today is { } now && Math.Abs(now - time.Micros) < 12 * 3600 * Second;
        var text = Stamp(time, sameDay ? "HH:mm:ss" : "MM-dd HH:mm:ss", "");
        return exact switch
        {
            "or-before" => $"before {text}",
            "or-after" => $"after {text}",
            "exact" => text,
            _ => $"{text} {exact}",
        };
    }

    private ((long Micros, string Fraction)? At, string Exact) Shown()
    {
        if (Earliest is not { } earliest)
            return Latest is { } only ? ((Up(only, Millisecond), ".fff"), "or-before") : (null, "-");
        if (Latest is not { } latest)
            return ((Down(earliest, Millisecond), ".fff"), "or-after");

        var half = HalfWidth!.Value;
        var (grain, fraction) =
            half < Second ? (Millisecond, ".fff")
            : half < 10 * Second ? (100 * Millisecond, ".f")
            : (Second, "");
        var middle = Down(earliest + (latest - earliest) / 2 + grain / 2, grain);
        // Wide enough that the rounded middle still covers both bounds.
        return ((middle, fraction), Span(Math.Max(latest - middle, middle - earliest)));
    }

    private static string Span(long half) =>
        half <= 0 ? "exact"
        : half <= Second - Millisecond
            ? string.Create(CultureInfo.InvariantCulture, $"±{Up(half, Millisecond) / Millisecond} ms")
        : half <= 99 * Second / 10
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"±{Up(half, Second / 10) / (Second / 10) / 10.0:0.0} s"
            )
        : half <= 600 * Second ? $"±{Up(half, Second) / Second} s"
        : half <= 600 * 60 * Second ? $"±{Up(half, 60 * Second) / (60 * Second)} min"
        : $"±{Up(half, 3600 * Second) / (3600 * Second)} h";

    private static long Down(long value, long grain) => value - ((value % grain) + grain) % grain;

    private static long Up(long value, long grain) => Down(value + grain - 1, grain);

    private static string Stamp((long Micros, string Fraction) time, string format, string suffix) =>
        DateTime
            .UnixEpoch.AddTicks(time.Micros * TimeSpan.TicksPerMicrosecond)
            .ToString(format + time.Fraction, CultureInfo.InvariantCulture) + suffix;
}

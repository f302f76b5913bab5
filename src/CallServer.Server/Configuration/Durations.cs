using System.Globalization;

namespace CallServer.Server.Configuration;

/// <summary>
/// Durations the way people write them: <c>250ms</c>, <c>10s</c>, <c>1.5s</c>, <c>5m</c>, <c>2h</c>, <c>1d</c>.
/// </summary>
public static class Durations
{
    /// <summary>What is expected, worded for error messages.</summary>
    public const string Expected = "a duration such as 250ms, 10s, 5m, 2h or 1d";

    private static readonly (string Unit, double Milliseconds)[] Units =
    [
        ("ms", 1),
        ("s", 1_000),
        ("m", 60_000),
        ("h", 3_600_000),
        ("d", 86_400_000),
    ];

    /// <summary>Parses a whole or decimal number with a unit; at most ten years. False for anything else.</summary>
    public static bool TryParse(string? text, out TimeSpan duration)
    {
        duration = TimeSpan.Zero;
        var (unit, milliseconds) = Units.FirstOrDefault(unit =>
            text?.EndsWith(unit.Unit, StringComparison.Ordinal) == true
        );
        if (
            unit is null
            || !double.TryParse(
                text![..^unit.Length],
                NumberStyles.AllowDecimalPoint,
                CultureInfo.InvariantCulture,
                out var number
            )
            || number * milliseconds > TimeSpan.FromDays(3653).TotalMilliseconds
        )
            return false;
        duration = TimeSpan.FromMilliseconds(number * milliseconds);
        return true;
    }

    /// <summary>Writes a duration in its shortest form.</summary>
    public static string Format(TimeSpan duration)
    {
        var (unit, milliseconds) = Units.Last(unit =>
            unit.Unit == "ms"
            || (duration > TimeSpan.Zero && duration.TotalMilliseconds % unit.Milliseconds == 0)
        );
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{duration.TotalMilliseconds / milliseconds}{unit}"
        );
    }
}

using System.Globalization;

namespace CallServer.Server.Configuration;

/// <summary>
/// Sizes in octets the way people write them: <c>500kB</c>, <c>100MB</c>, <c>1GB</c>; in steps of 1000.
/// </summary>
internal static class Sizes
{
    /// <summary>What is expected, worded for error messages.</summary>
    public const string Expected = "a size such as 500kB, 100MB or 1GB";

    private static readonly (string Unit, long Octets)[] Units =
    [
        ("kB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
    ];

    /// <summary>Parses a whole number with a unit; false for anything else.</summary>
    public static bool TryParse(string text, out long octets)
    {
        octets = 0;
        var (unit, each) = Units.FirstOrDefault(unit => text.EndsWith(unit.Unit, StringComparison.Ordinal));
        if (
            unit is null
            || !int.TryParse(
                text[..^unit.Length],
                NumberStyles.None,
                CultureInfo.InvariantCulture,
                out var number
            )
        )
            return false;
        octets = number * each;
        return true;
    }

    /// <summary>Writes a size in the largest unit that divides it.</summary>
    public static string Format(long octets)
    {
        var (unit, each) = Units.Last(unit => unit.Unit == "kB" || octets % unit.Octets == 0);
        return string.Create(CultureInfo.InvariantCulture, $"{octets / each}{unit}");
    }
}

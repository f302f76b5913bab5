using System.Globalization;

namespace CallServer.Bench.Performance;

/// <summary>What some runs of the same measurement gave.</summary>
internal sealed class Samples
{
    private readonly double[] sorted;

    /// <param name="unit"><c>s</c>, or any other word.</param>
    /// <param name="values">At least one.</param>
    public Samples(string unit, params IEnumerable<double> values)
    {
        Unit = unit;
        sorted = [.. values.Order()];
        if (sorted.Length == 0)
            throw new ArgumentException("nothing was measured", nameof(values));
    }

    public string Unit { get; }

    public double Median =>
        sorted.Length % 2 == 1
            ? sorted[sorted.Length / 2]
            : (sorted[sorted.Length / 2 - 1] + sorted[sorted.Length / 2]) / 2;

    /// <summary>The median, and in brackets the least, the most and how many there were.</summary>
    public override string ToString()
    {
        var (scale, unit) = Scale(Median, Unit);
        string Digits(double value) => Three(value * scale);
        var range =
            sorted.Length == 1 ? "" : $" ({Digits(sorted[0])}–{Digits(sorted[^1])}, {sorted.Length} runs)";
        return $"{Digits(Median)}{unit}{range}";
    }

    /// <summary>A value with three digits or more, and its unit.</summary>
    public static string Show(double value, string unit)
    {
        var (scale, shown) = Scale(value, unit);
        return Three(value * scale) + shown;
    }

    private static (double By, string Unit) Scale(double value, string unit) =>
        unit switch
        {
            "s" when value < 1e-3 => (1e6, " µs"),
            "s" when value < 1 => (1e3, " ms"),
            "" or "×" => (1, unit),
            _ => (1, $" {unit}"),
        };

    private static string Three(double value) =>
        value.ToString(
            Math.Abs(value) switch
            {
                >= 100 => "N0",
                >= 10 => "0.0",
                _ => "0.00",
            },
            CultureInfo.InvariantCulture
        );
}

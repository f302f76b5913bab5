namespace CallServer.Bench.Fleet;

/// <summary>The distribution of some numbers; zeros if there are none.</summary>
internal sealed record Spread(int Count, double Median, double P99, double Most)
{
    public static Spread Of(IEnumerable<double> numbers)
    {
        var sorted = numbers.Order().ToArray();
        double At(double share) =>
            sorted.Length == 0 ? 0 : sorted[Math.Max((int)Math.Ceiling(share * sorted.Length) - 1, 0)];
        return new Spread(sorted.Length, At(0.5), At(0.99), At(1));
    }

    public override string ToString() =>
        FormattableString.Invariant($"{Median, 9:0.000} {P99, 9:0.000} {Most, 9:0.000}");
}

namespace CallServer.Bench.Performance;

/// <summary>How much a line measures.</summary>
internal enum Size
{
    /// <summary>Seconds each; only the results count.</summary>
    Short,

    /// <summary>What the table states.</summary>
    Long,
}

/// <summary>One subject of docs/performance.md, measured beside its rivals in the same minute.</summary>
internal interface ILine
{
    /// <summary>Its name for <c>--only</c>.</summary>
    string Name { get; }

    /// <summary>What it measures, in a few words.</summary>
    string What { get; }

    /// <summary>Measures. Throws CommandFailedException if it cannot, because of the machine or a peer.</summary>
    Task<Measured> RunAsync(Size size, CancellationToken cancel);
}

/// <summary>What a line measured.</summary>
/// <param name="Rows">The rows of the table.</param>
/// <param name="Wrong">Results that are not the truth, such as missing rows; empty if all are right.</param>
internal sealed record Measured(IReadOnlyList<Row> Rows, IReadOnlyList<string> Wrong);

/// <summary>One figure, and what stands beside it.</summary>
/// <param name="What">What was measured.</param>
/// <param name="Ours">CallServer's figure.</param>
internal sealed record Row(string What, Samples Ours)
{
    /// <summary>The rival's name and what it did; null if there is none.</summary>
    public string? Beside { get; init; }

    /// <summary>The rival's figure; null if there is none.</summary>
    public Samples? Rival { get; init; }

    /// <summary>The figure to reach; null if none is set.</summary>
    public Reach? Reach { get; init; }

    /// <summary>What else is worth knowing, such as counts.</summary>
    public string? Note { get; init; }

    /// <summary>The rival's median as a multiple of ours; null without a rival.</summary>
    public double? Ratio => Rival is null ? null : Rival.Median / Ours.Median;

    /// <summary>Whether the figure is reached; null if none is set, or its rival is missing.</summary>
    public bool? Reached =>
        Reach is null ? null
        : Reach.AtMost is { } most && Ours.Median > most ? false
        : Reach.Ratio is null ? true
        : Ratio is null ? null
        : Ratio >= Reach.Ratio;
}

/// <summary>The figure to reach.</summary>
/// <param name="AtMost">The most that our median may be; null for any.</param>
/// <param name="Ratio">How many times our median the rival's must be at least; null for any.</param>
internal sealed record Reach(double? AtMost = null, double? Ratio = null);

namespace CallServer.Storage;

/// <summary>
/// Which CDRs to find; null does not limit. In a text <c>*</c> stands for any characters, and the case of ASCII letters
/// does not matter. A value that a CDR does not have fits no limit.
/// </summary>
public sealed record CdrFilter
{
    /// <summary>Ended at this time or later, by the latest bound.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>Ended before this time, by the latest bound.</summary>
    public DateTimeOffset? Until { get; init; }

    /// <summary>The gateway's id, as it is.</summary>
    public string? Gateway { get; init; }

    /// <summary>What the gateway called the connection.</summary>
    public string? Connection { get; init; }

    /// <summary>The call's id.</summary>
    public string? Call { get; init; }

    /// <summary>The originating device, or its number.</summary>
    public string? Originator { get; init; }

    /// <summary>The remote party.</summary>
    public string? Remote { get; init; }

    /// <summary>The codec's name.</summary>
    public string? Codec { get; init; }

    /// <summary>The cause, a name of ITU-T Q.850.</summary>
    public string? Cause { get; init; }

    /// <summary>Why the end is believed: a word of <c>end_evidence</c>.</summary>
    public string? Evidence { get; init; }

    /// <summary>Whether a restart or takeover had lost the connection.</summary>
    public bool? Recovered { get; init; }

    /// <summary>
    /// Whether numbers are hidden from whoever asks: Originator and Remote then limit what is shown of them
    /// (<see cref="Surface.NumberMask"/>), so that nobody can try out the digits that are not.
    /// </summary>
    public bool HidesNumbers { get; init; }

    /// <summary>A text of a filter as a pattern for SQL's LIKE, with a backslash to escape.</summary>
    internal static string? Like(string? pattern) =>
        pattern
            ?.Replace("\\", "\\\\", StringComparison.Ordinal)
            .Replace("%", "\\%", StringComparison.Ordinal)
            .Replace("_", "\\_", StringComparison.Ordinal)
            .Replace('*', '%');
}

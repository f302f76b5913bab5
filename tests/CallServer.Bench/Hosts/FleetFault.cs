using CallServer.Host.Cli.Demo;

namespace CallServer.Bench.Hosts;

/// <summary>What a fault did, as it was measured.</summary>
/// <param name="Name">The fault.</param>
/// <param name="From">When it began, in microseconds since 1970.</param>
/// <param name="To">When everything was as before.</param>
/// <param name="Notes">What else was measured, in words.</param>
/// <param name="Wrong">What must not be, in words.</param>
internal sealed record FleetFault(
    string Name,
    long From,
    long To,
    IReadOnlyList<string> Notes,
    IReadOnlyList<string> Wrong
)
{
    /// <summary>The longest time that a gateway may go without an audit; null where nothing is promised.</summary>
    public TimeSpan? MostGap { get; init; }

    /// <summary>A note of how long something took.</summary>
    public static string Seconds(long from, long to, string what) =>
        FormattableString.Invariant($"{(to - from) / 1e6:0.0} s {what}");

    /// <summary>The longest time between the beginnings of two audits of one gateway, of which a part falls into the fault.</summary>
    /// <returns>How long, and when it began, from the beginning of the fault; null if no gateway was asked twice.</returns>
    public (TimeSpan Time, TimeSpan Since, string Gateway)? LongestGap(IEnumerable<AuditTime> audits) =>
        Pairs(audits).MaxBy(pair => pair.Second.Asked - pair.First.Asked) is ({ } first, { } second)
            ? (
                TimeSpan.FromMicroseconds(second.Asked - first.Asked),
                TimeSpan.FromMicroseconds(first.Asked - From),
                first.Gateway
            )
            : null;

    /// <summary>Pairs of audits of one gateway that overlap: two hosts asked it at once.</summary>
    public int AskedAtOnce(IEnumerable<AuditTime> audits) =>
        Pairs(audits).Count(pair => pair.Second.Asked < pair.First.Answered);

    /// <summary>One audit of a gateway and its next, of which a part falls into the fault.</summary>
    private IEnumerable<(AuditTime First, AuditTime Second)> Pairs(IEnumerable<AuditTime> audits) =>
        audits
            .GroupBy(audit => audit.Gateway)
            .SelectMany(own =>
            {
                var ordered = own.OrderBy(audit => audit.Asked).ToList();
                return ordered.Zip(ordered.Skip(1));
            })
            .Where(pair => pair.Second.Asked >= From && pair.First.Asked <= To);
}

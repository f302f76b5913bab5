namespace CallServer.Bench.Fleet;

/// <summary>The measurement.</summary>
/// <param name="From">When it began, in microseconds since 1970.</param>
/// <param name="To">When it ended, in microseconds since 1970.</param>
/// <param name="Interval">The interval that the server was told to keep.</param>
/// <param name="Kinds">The kind of every gateway.</param>
/// <param name="Audits">All audits that the server remembers.</param>
/// <param name="Heard">From the server's start until every healthy gateway had reported everything.</param>
/// <param name="ServerCpu">CPU time of the server during the measurement.</param>
/// <param name="FleetCpu">CPU time of the gateways' simulation during the measurement.</param>
/// <param name="ServerPeak">The server's peak memory, in bytes.</param>
/// <param name="Recorded">Connections in the record at the end.</param>
/// <param name="True">Connections that all answering gateways carried at the end.</param>
internal sealed record FleetReport(
    long From,
    long To,
    TimeSpan Interval,
    IReadOnlyDictionary<string, GatewayKind> Kinds,
    IReadOnlyList<FleetAudit> Audits,
    TimeSpan Heard,
    TimeSpan ServerCpu,
    TimeSpan FleetCpu,
    long ServerPeak,
    long Recorded,
    long True
)
{
    // How late an audit may begin, in seconds.
    private const double Tolerance = 1;

    private double Seconds => (To - From) / 1e6;

    /// <summary>Writes the table; true if no healthy gateway had to wait and each was heard completely.</summary>
    public bool Write(TextWriter output)
    {
        void Line(FormattableString text) => output.WriteLine(FormattableString.Invariant(text));
        var audits = Audits.Where(audit => audit.Asked >= From && audit.Asked < To).ToList();
        var requests = audits.Sum(audit => (long)audit.Requests);

        Line($"{Seconds, 0:0} s measured, an audit of each gateway every {Interval.TotalSeconds:0.###} s");
        Line($"");
        Line(
            $"{"gateways", -19} {"audits", 7} {"whole", 7} {"not", 5}   interval s: p50, p99, max      duration s: p50, p99, max"
        );
        foreach (var kind in Enum.GetValues<GatewayKind>())
        {
            var ids = Kinds.Where(each => each.Value == kind).Select(each => each.Key).ToHashSet();
            var own = audits.Where(audit => ids.Contains(audit.Gateway)).ToList();
            var whole = own.Count(audit => audit.Complete);
            Line(
                $"{ids.Count, 6} {kind, -12} {own.Count, 7} {whole, 7} {own.Count - whole, 5}  {Spread.Of(ids.SelectMany(Intervals))}  {Spread.Of(own.Select(audit => audit.Seconds))}"
            );
        }
        Line($"");
        Line(
            $"all heard after     {Heard.TotalSeconds, 10:0.0} s from the server's start, all asked at once"
        );
        Line($"requests            {requests / Seconds, 10:0} a second");
        Line($"server's CPU        {100 * ServerCpu.TotalSeconds / Seconds, 10:0.0} % of a core");
        Line($"server's memory     {ServerPeak / 1048576.0, 10:0} MiB at most");
        Line($"simulation's CPU    {100 * FleetCpu.TotalSeconds / Seconds, 10:0.0} % of a core");
        Line($"in the record       {Recorded, 10} connections, of {True} now on the gateways that answer");

        var faults = Faults(audits).ToList();
        foreach (var fault in faults.Take(10))
            output.WriteLine($"FAULT  {fault}");
        var verdict = faults.Count == 0 ? "no healthy gateway waited for another" : $"{faults.Count} faults";
        output.WriteLine($"verdict: {verdict}");
        return faults.Count == 0;
    }

    /// <summary>Seconds from start to start, where the second audit began within the measurement.</summary>
    private IEnumerable<double> Intervals(string gateway) => Pairs(gateway).Select(Between);

    private IEnumerable<(FleetAudit First, FleetAudit Second)> Pairs(string gateway)
    {
        var own = Audits.Where(audit => audit.Gateway == gateway).OrderBy(audit => audit.Asked).ToList();
        return own.Zip(own.Skip(1)).Where(pair => pair.Second.Asked >= From && pair.First.Asked < To);
    }

    private static double Between((FleetAudit First, FleetAudit Second) pair) =>
        (pair.Second.Asked - pair.First.Asked) / 1e6;

    private IEnumerable<string> Faults(IReadOnlyList<FleetAudit> audits)
    {
        var longest = Interval.TotalSeconds + Tolerance;
        foreach (
            var gateway in Kinds.Where(each => each.Value == GatewayKind.Healthy).Select(each => each.Key)
        )
        {
            var own = audits.Where(audit => audit.Gateway == gateway).ToList();
            foreach (var audit in own.Where(audit => !audit.Complete))
                yield return $"{gateway}: an audit was not complete: {audit.Reasons}";
            foreach (var pair in Pairs(gateway).Where(pair => Between(pair) > longest))
            {
                yield return FormattableString.Invariant(
                    $"{gateway}: {Between(pair):0.000} s from an audit at {(pair.First.Asked - From) / 1e6:0.0} s to the next; it took {pair.First.Seconds:0.000} s {pair.First.Reasons}"
                );
            }
            // If the last audit never came, there is no interval to see.
            if (own.Count == 0 || (To - own.Max(audit => audit.Asked)) / 1e6 > longest)
                yield return $"{gateway}: was not asked any more";
        }
    }
}

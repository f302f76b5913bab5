namespace CallServer.Bench.Fleet;

/// <summary>What was measured.</summary>
/// <param name="From">The measure's beginning, microseconds since 1970.</param>
/// <param name="To">Its end.</param>
/// <param name="Interval">That the server was told to keep.</param>
/// <param name="Kinds">Of every gateway.</param>
/// <param name="Audits">All that the server remembers.</param>
/// <param name="Heard">From the server's start until every healthy gateway had told it all.</param>
/// <param name="ServerCpu">CPU time of the server in between.</param>
/// <param name="FleetCpu">And of the gateways' simulation.</param>
/// <param name="ServerPeak">Bytes.</param>
/// <param name="Recorded">Connections in the record at the end.</param>
/// <param name="True">Connections of all that answer, then.</param>
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
    // How much later than due an audit may begin.
    private const double Tolerance = 1;

    private double Seconds => (To - From) / 1e6;

    /// <summary>Writes the table; true where no healthy gateway had to wait or was not told whole.</summary>
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

    /// <summary>From start to start, where the second began in the measure.</summary>
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
            // Where the last of them never came, there is no interval to see.
            if (own.Count == 0 || (To - own.Max(audit => audit.Asked)) / 1e6 > longest)
                yield return $"{gateway}: was not asked any more";
        }
    }
}

using System.Diagnostics.Metrics;

namespace CallServer.Server.Measuring;

/// <summary>The record: connections, calls, and what became of them.</summary>
internal static class ObservedRecord
{
    /// <summary>Ages beyond which a connection may be a forgotten one.</summary>
    private static readonly (string Label, TimeSpan Age)[] ages =
    [
        ("1h", TimeSpan.FromHours(1)),
        ("4h", TimeSpan.FromHours(4)),
        ("24h", TimeSpan.FromHours(24)),
    ];

    public static void Add(Meter meter, ServerRuntime runtime)
    {
        AddConnections(meter, runtime);
        AddCalls(meter, runtime);
        meter.Counts(
            "callserver.releases",
            "Releases by operators, by their outcome.",
            "outcome",
            () => Pairs(runtime.Ledger.Counters.ReleasesByOutcome)
        );
    }

    private static void AddConnections(Meter meter, ServerRuntime runtime)
    {
        meter.Shows(
            "callserver.connections",
            "Active connections in the record.",
            "status",
            () => ByStatus(runtime)
        );
        meter.Shows(
            "callserver.connections_older_than",
            "Active connections that are certainly older than this.",
            "age",
            () => Older(runtime)
        );
        meter.Counts(
            "callserver.changes",
            "What audits did to the record, by kind.",
            "kind",
            () => Pairs(runtime.Ledger.Counters.ChangesByKind)
        );
        meter.Counts(
            "callserver.closed_connections",
            "Connections that ended, by the evidence for it.",
            "evidence",
            () => Pairs(runtime.Ledger.Counters.ClosedByEvidence)
        );
    }

    private static void AddCalls(Meter meter, ServerRuntime runtime)
    {
        var joiner = runtime.Ledger.Joiner;
        meter.Shows("callserver.calls", "Calls with an active connection.", () => joiner.Calls.Count);
        meter.Shows(
            "callserver.call_findings",
            "Calls whose sources disagree, by kind.",
            "kind",
            () => joiner.Calls.Findings.Select(finding => (finding.Key, (double)finding.Value))
        );
        meter.Counts(
            "callserver.call_findings_begun",
            "Disagreements that were found, by kind.",
            "kind",
            () => Pairs(runtime.Ledger.Counters.FindingsByKind)
        );
        meter.Shows(
            "callserver.calls_joined_age",
            "How long ago other hosts wrote what is in the calls: all older is.",
            () => runtime.Share is null ? 0 : JoinedAge(runtime),
            "s"
        );
    }

    /// <summary>In seconds; since the start while it is not known.</summary>
    private static double JoinedAge(ServerRuntime runtime) =>
        (runtime.Clock.Now.Steady - (runtime.Share?.JoinedUntil ?? runtime.Started)).TotalSeconds;

    private static IEnumerable<(string, double)> ByStatus(ServerRuntime runtime)
    {
        var (all, unconfirmed) = (0, 0);
        foreach (var state in runtime.Ledger.Unordered)
        {
            all += state.Record.Count;
            unconfirmed += state.Record.UnconfirmedCount;
        }

        return [("confirmed", all - unconfirmed), ("unconfirmed", unconfirmed)];
    }

    private static IEnumerable<(string, double)> Older(ServerRuntime runtime)
    {
        var now = runtime.Clock.Now.Steady;
        return ages.Select(age =>
            (age.Label, (double)runtime.Ledger.Unordered.Sum(state => state.Record.CountBegun(now - age.Age)))
        );
    }

    private static IEnumerable<(string, long)> Pairs(IEnumerable<KeyValuePair<string, long>> counts) =>
        counts.Select(count => (count.Key, count.Value));
}

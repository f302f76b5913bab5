using System.Diagnostics.Metrics;
using CallServer.Server.Recording;
using CallServer.Surface;

namespace CallServer.Server.Measuring;

/// <summary>
/// Each gateway. There may be 10,000 of them, so each of these looks at each gateway once, and at its connections
/// never.
/// </summary>
internal static class ObservedGateways
{
    private const string Label = "gateway";

    public static void Add(Meter meter, ServerRuntime runtime)
    {
        meter.Shows(
            "callserver.gateways",
            "Configured gateways, by the result of their last audits.",
            "state",
            () => Totals(runtime.CountGateways())
        );
        meter.Shows(
            Measures.OfGateway + "connections",
            "Active connections in the record.",
            Label,
            () => Of(runtime, state => (double)state.Record.Count)
        );
        meter.Counts(
            Measures.OfGateway + "conflicts",
            "Reports that contradicted the record, since the record began.",
            Label,
            () => Of(runtime, state => state.Record.ConflictsTotal)
        );
        meter.Shows(
            Measures.OfGateway + "unseen_calls",
            "Calls that began and nobody saw, at least, since the record began, by the gateway's running total.",
            Label,
            () => OfCounting(runtime, record => record.UnseenLeast)
        );
        meter.Shows(
            Measures.OfGateway + "unseen_calls_most",
            "The same, at most.",
            Label,
            () => OfCounting(runtime, record => record.UnseenMost)
        );
        meter.Counts(
            Measures.OfGateway + "surplus_calls",
            "Calls by which the record has more than the gateway counted, since the record began.",
            Label,
            () => Counting(runtime).Select(state => (state.Gateway, state.Record.SurplusTotal))
        );
        meter.Shows(
            Measures.OfGateway + "complete_audit_age",
            "Time since the last complete audit; if there was none, since the server started.",
            Label,
            () => Ages(runtime),
            "s"
        );
    }

    private static IEnumerable<(string, double)> Totals(GatewayTotals totals) =>
        [
            ("complete", totals.Complete),
            ("partial", totals.Partial),
            ("silent", totals.Silent),
            ("unasked", totals.Total - totals.Complete - totals.Partial - totals.Silent),
        ];

    private static IEnumerable<(string, T)> Of<T>(ServerRuntime runtime, Func<GatewayState, T> read) =>
        runtime.Ledger.Unordered.Select(state => (state.Gateway, read(state)));

    // Most gateways tell no running total.
    private static IEnumerable<GatewayState> Counting(ServerRuntime runtime) =>
        runtime.Ledger.Unordered.Where(state => state.Record.CountsCalls);

    private static IEnumerable<(string, double)> OfCounting(
        ServerRuntime runtime,
        Func<GatewayRecord, long> read
    ) => Counting(runtime).Select(state => (state.Gateway, (double)read(state.Record)));

    // A gateway that is configured as never complete has no such age, and neither has one that is not asked any more.
    private static IEnumerable<(string, double)> Ages(ServerRuntime runtime)
    {
        var now = runtime.Clock.Now.Steady;
        var uptime = runtime.Uptime;
        return runtime
            .Configuration.Gateways.Where(gateway => !gateway.NeverComplete)
            .Select(gateway =>
                (
                    gateway.Id,
                    (
                        runtime.Ledger.Find(gateway.Id)?.LastComplete is { } last ? now - last : uptime
                    ).TotalSeconds
                )
            );
    }
}

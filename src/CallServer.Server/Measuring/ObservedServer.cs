using System.Diagnostics.Metrics;
using CallServer.Server.Web;

namespace CallServer.Server.Measuring;

/// <summary>The server itself: its role, its memory, its clients and its own faults.</summary>
internal static class ObservedServer
{
    public static void Add(Meter meter, ServerRuntime runtime, RefusedTokens refused, CspReports reports)
    {
        meter.Shows("callserver.up", "How long the server has run.", () => runtime.Uptime.TotalSeconds, "s");
        AddRole(meter, runtime);
        meter.Shows(
            "callserver.memory",
            "What audits and the record hold, roughly.",
            "of",
            () => [("audits", runtime.Memory.HeldByAudits), ("record", runtime.Memory.HeldByRecord)],
            "By"
        );
        meter.Shows(
            "callserver.units_held",
            "Units of a fleet that this host holds.",
            () => runtime.Share?.UnitsHeld ?? 0
        );
        meter.Counts(
            "callserver.tokens_refused",
            "Requests with a wrong token, or without one.",
            () => refused.Count
        );
        meter.Counts(
            "callserver.csp_reports",
            "What browsers reported about broken content policies, true or not.",
            () => reports.Count
        );
        var readers = runtime.EventReaders;
        meter.Shows("callserver.event_readers", "Clients that follow the events.", () => readers.Open);
        meter.Counts(
            "callserver.event_readers_refused",
            "Clients that were refused because there were too many.",
            () => readers.Refused
        );
        meter.Counts(
            "callserver.event_readers_dropped",
            "Clients that were dropped because they did not read.",
            () => readers.Dropped
        );
        meter.Counts(
            "callserver.faults",
            "Faults of our own, by where they were caught.",
            "where",
            () => Faults(runtime)
        );
    }

    private static void AddRole(Meter meter, ServerRuntime runtime)
    {
        meter.Shows(
            "callserver.acts",
            "1 if this server acts, 0 if it stands by.",
            () => runtime.Roles.Role is { Acts: true } ? 1 : 0
        );
        meter.Shows(
            "callserver.epoch",
            "The fencing number that each takeover raises.",
            () => runtime.Ledger.Identity.Epoch
        );
        meter.Counts(
            "callserver.takeovers",
            "Takeovers by this server since it started.",
            () => runtime.Recovery.Takeovers
        );
        meter.Counts(
            "callserver.role_changes",
            "How often this server changed its role since it first decided one.",
            () => runtime.Roles.Changes
        );
    }

    private static IEnumerable<(string, long)> Faults(ServerRuntime runtime)
    {
        var polling = runtime.Polling.Counters;
        return
        [
            ("audit", polling.AuditFaults),
            ("loop", polling.LoopRestarts),
            ("watch", polling.WatchFaults),
            ("ledger", runtime.Ledger.Counters.Failures),
            (
                "listener",
                (runtime.Listeners?.MgcpCounters.Faults ?? 0) + (runtime.Listeners?.TrapCounters.Faults ?? 0)
            ),
        ];
    }
}

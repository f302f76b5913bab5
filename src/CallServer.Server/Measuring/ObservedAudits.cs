using System.Diagnostics.Metrics;

namespace CallServer.Server.Measuring;

/// <summary>What the server asks of all gateways together.</summary>
internal static class ObservedAudits
{
    public static void Add(Meter meter, ServerRuntime runtime)
    {
        var counters = runtime.Ledger.Counters;
        meter.Counts(
            "callserver.audits",
            "Audits that ended, by their result.",
            "result",
            () => counters.Audits
        );
        meter.Counts(
            "callserver.audit_requests",
            "Requests that audits sent, repeats included.",
            () => counters.Requests
        );
        meter.Counts(
            "callserver.audits_ended_for_memory",
            "Audits that were ended because they held most when there was too little memory.",
            () => runtime.Memory.Ended
        );
        var lanes = runtime.Polling.Lanes;
        meter.Shows(
            "callserver.audits_running",
            "Audits that run, by their lane.",
            "lane",
            () =>
                [
                    ("prompt", lanes.Prompt.Inside),
                    ("takeover", lanes.Takeover.Inside),
                    ("slow", lanes.Slow.Inside),
                    ("silent", lanes.Silent.Inside),
                    ("heavy", lanes.Heavy.Inside),
                ]
        );
        var polling = runtime.Polling.Counters;
        meter.Shows(
            "callserver.watches",
            "Gateways that report changes by themselves.",
            () => polling.WatchesStanding
        );
        meter.Counts("callserver.watch_snapshots", "What they reported.", () => polling.WatchSnapshots);
        meter.Counts(
            "callserver.watches_ended",
            "Watches that the gateway or its network ended.",
            () => polling.WatchesEnded
        );
    }
}

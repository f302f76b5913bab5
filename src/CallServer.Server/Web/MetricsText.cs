using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace CallServer.Server.Web;

/// <summary>
/// <c>GET /metrics</c> in Prometheus' text format 0.0.4: one prefix, base units, <c>_total</c> for counters, and
/// never an id in a label.
/// </summary>
internal static class MetricsText
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    /// <summary>Writes all metrics as they are now.</summary>
    public static string Write(ServerRuntime runtime, RefusedTokens refused)
    {
        var text = new StringBuilder();
        var status = runtime.Status();
        var states = runtime.Ledger.States;
        var unconfirmed = states.Sum(state => state.Record.UnconfirmedCount);
        var counters = runtime.Ledger.Counters;
        var health = runtime.Writer.Health;

        Family("callserver_up_seconds", "gauge", "How long the server has run.");
        Sample("callserver_up_seconds", null, status.UptimeSeconds);
        Family("callserver_acts", "gauge", "1 where this server acts, 0 where it stands by.");
        Sample("callserver_acts", null, runtime.Roles.Role is { Acts: true } ? 1 : 0);
        Family("callserver_epoch", "gauge", "The fencing number that each takeover raises.");
        Sample("callserver_epoch", null, status.Epoch);
        Family("callserver_takeovers_total", "counter", "Takeovers of this server since it was started.");
        Sample("callserver_takeovers_total", null, runtime.Recovery.Takeovers);
        Family("callserver_connections", "gauge", "Active connections in the record.");
        Sample("callserver_connections", "status=\"confirmed\"", status.Connections - unconfirmed);
        Sample("callserver_connections", "status=\"unconfirmed\"", unconfirmed);
        Family("callserver_gateways", "gauge", "Configured gateways by what their last audits came to.");
        Sample("callserver_gateways", "state=\"complete\"", status.Gateways.Complete);
        Sample("callserver_gateways", "state=\"partial\"", status.Gateways.Partial);
        Sample("callserver_gateways", "state=\"silent\"", status.Gateways.Silent);
        Sample(
            "callserver_gateways",
            "state=\"unasked\"",
            status.Gateways.Total
                - status.Gateways.Complete
                - status.Gateways.Partial
                - status.Gateways.Silent
        );

        Family("callserver_memory_octets", "gauge", "What audits and the record hold, roughly.");
        Sample("callserver_memory_octets", "of=\"audits\"", runtime.Memory.HeldByAudits);
        Sample("callserver_memory_octets", "of=\"record\"", runtime.Memory.HeldByRecord);
        Family(
            "callserver_audits_ended_for_memory_total",
            "counter",
            "Audits that were ended as they held most when there was too little memory."
        );
        Sample("callserver_audits_ended_for_memory_total", null, runtime.Memory.Ended);
        Family("callserver_tokens_refused_total", "counter", "Requests with a wrong token, or without one.");
        Sample("callserver_tokens_refused_total", null, refused.Count);
        Family("callserver_event_readers", "gauge", "Clients that follow the events.");
        Sample("callserver_event_readers", null, runtime.EventReaders.Open);
        Family(
            "callserver_event_readers_refused_total",
            "counter",
            "Those that came when there were too many."
        );
        Sample("callserver_event_readers_refused_total", null, runtime.EventReaders.Refused);
        Family(
            "callserver_event_readers_dropped_total",
            "counter",
            "Those that did not read what they asked for."
        );
        Sample("callserver_event_readers_dropped_total", null, runtime.EventReaders.Dropped);
        Family("callserver_audits_total", "counter", "Audits that ended, by what they came to.");
        foreach (var (result, count) in counters.Audits)
            Sample("callserver_audits_total", $"result=\"{result}\"", count);
        Family("callserver_audit_seconds_total", "counter", "How long all audits took together.");
        Sample("callserver_audit_seconds_total", null, counters.Duration.TotalSeconds);
        Family("callserver_audit_requests_total", "counter", "Requests that audits sent, repeats included.");
        Sample("callserver_audit_requests_total", null, counters.Requests);
        Family("callserver_audits_running", "gauge", "Audits that run, by their lane.");
        Sample("callserver_audits_running", "lane=\"prompt\"", runtime.Polling.Lanes.Prompt.Inside);
        Sample("callserver_audits_running", "lane=\"slow\"", runtime.Polling.Lanes.Slow.Inside);
        Sample("callserver_audits_running", "lane=\"silent\"", runtime.Polling.Lanes.Silent.Inside);
        Sample("callserver_audits_running", "lane=\"heavy\"", runtime.Polling.Lanes.Heavy.Inside);

        var polling = runtime.Polling.Counters;
        Family("callserver_watches", "gauge", "Gateways that tell of changes by themselves.");
        Sample("callserver_watches", null, polling.WatchesStanding);
        Family("callserver_watch_snapshots_total", "counter", "What they told.");
        Sample("callserver_watch_snapshots_total", null, polling.WatchSnapshots);
        Family(
            "callserver_watches_ended_total",
            "counter",
            "Watches that ended by the gateway or its network."
        );
        Sample("callserver_watches_ended_total", null, polling.WatchesEnded);

        Family("callserver_changes_total", "counter", "What audits did to the record, by kind.");
        foreach (
            var (kind, count) in counters.ChangesByKind.OrderBy(pair => pair.Key, StringComparer.Ordinal)
        )
            Sample("callserver_changes_total", $"kind=\"{kind}\"", count);
        Family(
            "callserver_closed_connections_total",
            "counter",
            "Connections that ended, by the evidence for it."
        );
        foreach (
            var (evidence, count) in counters.ClosedByEvidence.OrderBy(
                pair => pair.Key,
                StringComparer.Ordinal
            )
        )
            Sample("callserver_closed_connections_total", $"evidence=\"{evidence}\"", count);

        var calls = runtime.Ledger.Joiner.Calls;
        Family("callserver_calls", "gauge", "Calls with an active connection.");
        Sample("callserver_calls", null, calls.Count);
        Family("callserver_call_findings", "gauge", "Calls whose sources disagree, by kind.");
        foreach (var (kind, count) in calls.Findings.OrderBy(pair => pair.Key, StringComparer.Ordinal))
            Sample("callserver_call_findings", $"kind=\"{kind}\"", count);
        Family("callserver_call_findings_total", "counter", "Disagreements that were found, by kind.");
        foreach (
            var (kind, count) in counters.FindingsByKind.OrderBy(pair => pair.Key, StringComparer.Ordinal)
        )
            Sample("callserver_call_findings_total", $"kind=\"{kind}\"", count);
        Family("callserver_releases_total", "counter", "Releases by hand, by what came of them.");
        foreach (
            var (outcome, count) in counters.ReleasesByOutcome.OrderBy(
                pair => pair.Key,
                StringComparer.Ordinal
            )
        )
            Sample("callserver_releases_total", $"outcome=\"{outcome}\"", count);

        if (runtime.Fleet?.Udp is { } fleet)
        {
            Family("callserver_datagrams_total", "counter", "Datagrams of the shared sockets.");
            Sample("callserver_datagrams_total", "direction=\"sent\"", fleet.Sent);
            Sample("callserver_datagrams_total", "direction=\"received\"", fleet.Received);
            Family("callserver_send_failures_total", "counter", "Datagrams that the system would not send.");
            Sample("callserver_send_failures_total", null, fleet.SendFailures);
            Family(
                "callserver_strays_total",
                "counter",
                "Datagrams that belonged to nothing that was asked."
            );
            Sample("callserver_strays_total", "from=\"stranger\"", fleet.Strangers);
            Sample("callserver_strays_total", "from=\"gateway\"", fleet.Strays);
            Family(
                "callserver_replies_elsewhere_total",
                "counter",
                "Datagrams taken from another address than the one asked (replies=)."
            );
            Sample("callserver_replies_elsewhere_total", null, fleet.FromElsewhere);
        }

        if (runtime.Fleet is { } network)
        {
            Family(
                "callserver_streams_total",
                "counter",
                "TCP connections to gateways, by what became of them."
            );
            Sample("callserver_streams_total", "result=\"opened\"", network.Tcp.Opened);
            Sample("callserver_streams_total", "result=\"failed\"", network.Tcp.Failed);
            Family(
                "callserver_streams",
                "gauge",
                "TCP connections to gateways that are open or being opened."
            );
            Sample("callserver_streams", null, network.Tcp.Open);
            Family(
                "callserver_http_requests_total",
                "counter",
                "Messages over HTTP, by what became of them."
            );
            Sample("callserver_http_requests_total", "result=\"answered\"", network.Http.Received);
            Sample("callserver_http_requests_total", "result=\"failed\"", network.Http.Failures);
        }

        if (runtime.Listeners is { } listeners)
        {
            var ports = new[]
            {
                ("mgcp", listeners.Mgcp, listeners.MgcpCounters),
                ("traps", listeners.Traps, listeners.TrapCounters),
            }
                .Where(port => port.Item2 is not null)
                .Select(port => (Name: port.Item1, Counters: port.Item3))
                .ToList();
            Family(
                "callserver_listener_datagrams_total",
                "counter",
                "What came to our own ports, by its fate."
            );
            foreach (var (name, heard) in ports)
            {
                Sample(
                    "callserver_listener_datagrams_total",
                    $"listener=\"{name}\",result=\"taken\"",
                    heard.Taken
                );
                Sample(
                    "callserver_listener_datagrams_total",
                    $"listener=\"{name}\",result=\"unreadable\"",
                    heard.Unreadable
                );
                Sample(
                    "callserver_listener_datagrams_total",
                    $"listener=\"{name}\",result=\"stranger\"",
                    heard.Strangers
                );
            }

            Family("callserver_notices_total", "counter", "What gateways said of themselves.");
            foreach (var (name, heard) in ports)
            {
                foreach (var (kind, count) in heard.Notices.OrderBy(pair => pair.Key, StringComparer.Ordinal))
                    Sample("callserver_notices_total", $"listener=\"{name}\",kind=\"{kind}\"", count);
            }
        }

        if (runtime.Radius?.Sink is { } radius)
        {
            var told = radius.State;
            var accounting = radius.Health;
            Family("callserver_radius_packets_total", "counter", "Accounting-Requests that were sent.");
            Sample("callserver_radius_packets_total", "kind=\"new\"", told.Sent - told.Repeated);
            Sample("callserver_radius_packets_total", "kind=\"repeated\"", told.Repeated);
            Family("callserver_radius_answered_total", "counter", "Records that the RADIUS server took.");
            Sample("callserver_radius_answered_total", null, told.Answered);
            Family("callserver_radius_refused_total", "counter", "Datagrams that were no answer, by why.");
            Sample("callserver_radius_refused_total", "why=\"stray\"", told.Strays);
            Sample("callserver_radius_refused_total", "why=\"forged\"", told.Forged);
            Family("callserver_radius_away", "gauge", "1 while the RADIUS server does not answer.");
            Sample("callserver_radius_away", null, told.IsAway ? 1 : 0);
            Family("callserver_radius_waiting", "gauge", "Records that it has not answered for.");
            Sample("callserver_radius_waiting", null, accounting.Waiting ?? double.NaN);
            Family("callserver_radius_oldest_seconds", "gauge", "How long the oldest of them has waited.");
            Sample("callserver_radius_oldest_seconds", null, accounting.OldestSeconds ?? 0);
        }

        Family("callserver_store_healthy", "gauge", "1 while the store takes changes.");
        Sample("callserver_store_healthy", null, health.Healthy ? 1 : 0);
        Family("callserver_store_pending_gateways", "gauge", "Gateways with changes that are not saved yet.");
        Sample("callserver_store_pending_gateways", null, health.PendingGateways);
        Family("callserver_store_pending_cdrs", "gauge", "CDRs that are not saved yet.");
        Sample("callserver_store_pending_cdrs", null, health.PendingCdrs);
        Family("callserver_store_commits_total", "counter", "Transactions, by what became of them.");
        Sample("callserver_store_commits_total", "result=\"saved\"", runtime.Writer.Commits);
        Sample("callserver_store_commits_total", "result=\"failed\"", runtime.Writer.Failures);
        Family("callserver_faults_total", "counter", "Faults of our own, by where they were caught.");
        Sample("callserver_faults_total", "where=\"audit\"", polling.AuditFaults);
        Sample("callserver_faults_total", "where=\"loop\"", polling.LoopRestarts);
        Sample("callserver_faults_total", "where=\"watch\"", polling.WatchFaults);
        Sample("callserver_faults_total", "where=\"ledger\"", counters.Failures);
        Sample(
            "callserver_faults_total",
            "where=\"listener\"",
            (runtime.Listeners?.MgcpCounters.Faults ?? 0) + (runtime.Listeners?.TrapCounters.Faults ?? 0)
        );
        return text.ToString();

        void Family(string name, string type, string help) =>
            text.Append("# HELP ")
                .Append(name)
                .Append(' ')
                .Append(help)
                .Append('\n')
                .Append("# TYPE ")
                .Append(name)
                .Append(' ')
                .Append(type)
                .Append('\n');

        void Sample(string name, string? labels, double value) =>
            text.Append(name)
                .Append(labels is null ? "" : "{" + labels + "}")
                .Append(' ')
                .Append(value.ToString("R", CultureInfo.InvariantCulture))
                .Append('\n');
    }
}

using System.Diagnostics.Metrics;
using CallServer.Server.Listening;
using CallServer.Server.Net;

namespace CallServer.Server.Measuring;

/// <summary>The sockets to the gateways, and the ports on which gateways speak unasked.</summary>
internal static class ObservedNetwork
{
    private const string Result = "result";

    public static void Add(Meter meter, ServerRuntime runtime)
    {
        if (runtime.Fleet is { } network)
        {
            AddDatagrams(meter, network.Udp);
            AddStreams(meter, network);
        }

        if (runtime.Configuration is { MgcpListener: not null } or { TrapListener: not null })
            AddListeners(meter, runtime);
    }

    private static void AddDatagrams(Meter meter, UdpFleet udp)
    {
        meter.Counts(
            "callserver.datagrams",
            "Datagrams of the shared sockets.",
            "direction",
            () => [("sent", udp.Sent), ("received", udp.Received)]
        );
        meter.Counts(
            "callserver.send_failures",
            "Datagrams that the system would not send.",
            () => udp.SendFailures
        );
        meter.Counts(
            "callserver.strays",
            "Datagrams that answered nothing that was asked.",
            "from",
            () => [("stranger", udp.Strangers), ("gateway", udp.Strays)]
        );
        meter.Counts(
            "callserver.replies_elsewhere",
            "Datagrams taken from another address than the one asked (replies=).",
            () => udp.FromElsewhere
        );
    }

    private static void AddStreams(Meter meter, FleetNetwork network)
    {
        meter.Counts(
            "callserver.streams",
            "TCP connections to gateways, by their result.",
            Result,
            () => [("opened", network.Tcp.Opened), ("failed", network.Tcp.Failed)]
        );
        meter.Shows(
            "callserver.streams_open",
            "TCP connections to gateways that are open or being opened.",
            () => network.Tcp.Open
        );
        meter.Counts(
            "callserver.http_requests",
            "Messages over HTTP, by their result.",
            Result,
            () => [("answered", network.Http.Received), ("failed", network.Http.Failures)]
        );
    }

    private static void AddListeners(Meter meter, ServerRuntime runtime)
    {
        meter.Counts(
            "callserver.listener_datagrams",
            "What came to our own ports, by its fate.",
            ("listener", Result),
            () =>
                Open(runtime)
                    .SelectMany(port =>
                        new[]
                        {
                            (port.Name, "taken", port.Counters.Taken),
                            (port.Name, "unreadable", port.Counters.Unreadable),
                            (port.Name, "stranger", port.Counters.Strangers),
                        }
                    )
        );
        meter.Counts(
            "callserver.notices",
            "What gateways announced.",
            ("listener", "kind"),
            () =>
                Open(runtime)
                    .SelectMany(port =>
                        port.Counters.Notices.Select(notice => (port.Name, notice.Key, notice.Value))
                    )
        );
    }

    /// <summary>Those that are open; none at the very start.</summary>
    private static IEnumerable<(string Name, ListenerCounters Counters)> Open(ServerRuntime runtime)
    {
        if (runtime.Listeners is not { } listeners)
            yield break;
        if (listeners.Mgcp is not null)
            yield return ("mgcp", listeners.MgcpCounters);
        if (listeners.Traps is not null)
            yield return ("traps", listeners.TrapCounters);
    }
}

using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using CallServer.Model;
using CallServer.Server.Polling;
using CallServer.Surface;

namespace CallServer.Server.Listening;

/// <summary>
/// Handles MGCP commands that gateways send to their call agent. RSIP says that endpoints come up, go down, or were
/// without a call agent (RFC 3435 §2.3.12). Every command is answered. If connections may be lost, the gateway is
/// asked at once; if all its endpoints restarted, the record notes that, at a limited rate. The server never becomes
/// a gateway's call agent.
/// </summary>
internal sealed class MgcpHearing(
    AddressBook addresses,
    Action<string, Instant> noteRestart,
    Action<string, AuditCause> ask,
    ListenerCounters counters,
    NoticePace noted,
    NoticePace said,
    ILogger logger
) : IUdpListener
{
    private MgcpListener listener = MgcpListener.Create();

    public IReadOnlyList<byte[]> Hear(IPEndPoint from, Moment at, byte[] datagram)
    {
        var senders = addresses
            .At(from.Address)
            .RemoveAll(sender => sender.Gateway.Uri.Protocol != MgcpListener.Protocol);
        if (senders.IsEmpty)
        {
            counters.CameFromStranger();
            return [];
        }

        var strays = listener.Strays;
        var arrival = listener.Receive(at, from.ToString(), datagram);
        listener = arrival.Next;
        if (listener.Strays > strays)
            counters.CouldNotRead();
        else
            counters.Took();
        foreach (var notice in arrival.Notices)
            Take(notice, Meant(senders, from), at.Steady);
        return arrival.Replies;
    }

    /// <summary>
    /// Several gateways may share an address: the sender is the one at exactly that port, or else possibly any of
    /// them.
    /// </summary>
    private static ImmutableArray<GatewayAt> Meant(ImmutableArray<GatewayAt> senders, IPEndPoint from)
    {
        var exact = senders.RemoveAll(sender => sender.EndPoint.Port != from.Port);
        return exact.IsEmpty ? senders : exact;
    }

    private void Take(RestartNotice notice, ImmutableArray<GatewayAt> meant, Instant at)
    {
        counters.Heard(notice.Kind);
        foreach (var gateway in meant.Select(sender => sender.Gateway.Id))
        {
            said.Say(
                gateway,
                more =>
                    logger.LogInformation(
                        "{Gateway}: {Notice} of {Endpoints}{More}",
                        gateway,
                        notice.Kind,
                        notice.Endpoints,
                        Also(more)
                    )
            );
            // If only some endpoints restarted, or several gateways share the address, only the next audit can tell
            // what was lost.
            if (notice.ConnectionsLost && IsWhole(notice.Endpoints) && meant.Length == 1)
                noted.Say(gateway, _ => noteRestart(gateway, at));
            if (notice.AsksForAudit)
                ask(gateway, notice.ConnectionsLost ? AuditCause.Restart : AuditCause.Reconnect);
        }
    }

    /// <summary>Says how many other announcements a log line stands for.</summary>
    internal static string Also(int more) =>
        more == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $", and {more:N0} more notices");

    private static bool IsWhole(string endpoints) => endpoints.StartsWith("*@", StringComparison.Ordinal);
}

using System.Net;
using CallServer.Model;
using CallServer.Server.Polling;
using CallServer.Surface;

namespace CallServer.Server.Listening;

/// <summary>
/// Handles SNMP notifications. One that reports a start has its gateway asked at once; what the gateway then says of
/// its boot decides. Only the source address identifies the sender, as a community authenticates nobody: whoever can
/// forge the address can cause an audit, and nothing more.
/// </summary>
internal sealed class TrapHearing(
    AddressBook addresses,
    Action<string, AuditCause> ask,
    ListenerCounters counters,
    NoticePace said,
    ILogger logger
) : IUdpListener
{
    public IReadOnlyList<byte[]> Hear(IPEndPoint from, Moment at, byte[] datagram)
    {
        // Traps come from any port, so all gateways at the address may be meant.
        var senders = addresses.At(from.Address);
        if (senders.IsEmpty)
        {
            counters.CameFromStranger();
            return [];
        }

        if (!TrapListener.TryRead(datagram, out var kind, out var reply, out var mistake))
        {
            counters.CouldNotRead();
            logger.LogDebug("{From}: {Mistake}", from, mistake);
            return [];
        }

        counters.Took();
        counters.Heard(Word(kind));
        if (kind is TrapKind.ColdStart or TrapKind.WarmStart)
        {
            foreach (var sender in senders)
            {
                said.Say(
                    sender.Gateway.Id,
                    more =>
                        logger.LogInformation(
                            "{Gateway}: sent {Notice}{More}",
                            sender.Gateway.Id,
                            Word(kind),
                            MgcpHearing.Also(more)
                        )
                );
                ask(sender.Gateway.Id, AuditCause.Restart);
            }
        }

        return reply is null ? [] : [reply];
    }

    private static string Word(TrapKind kind) =>
        kind switch
        {
            TrapKind.ColdStart => "cold-start",
            TrapKind.WarmStart => "warm-start",
            _ => "other",
        };
}

using System.Formats.Asn1;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace CallServer.Bench.Hostile;

/// <summary>Floods a port on which the server listens with datagrams, and answers nothing.</summary>
/// <param name="id">The name of the vice.</param>
/// <param name="scheme">The scheme of the gateway that it pretends to be.</param>
/// <param name="from">Its own loopback address, by which the server knows it.</param>
/// <param name="to">Where the server listens.</param>
/// <param name="datagram">Makes the datagram with this number.</param>
/// <param name="perSecond">How many datagrams a second.</param>
internal sealed class Flood(
    string id,
    string scheme,
    IPAddress from,
    IPEndPoint to,
    Func<int, byte[]> datagram,
    int perSecond
) : HostileGateway(id)
{
    private static readonly TimeSpan Beat = TimeSpan.FromMilliseconds(20);
    private readonly Socket socket = Bound(from);

    public override string Uri => $"{scheme}://{socket.LocalEndPoint}";

    public override async Task ServeAsync(CancellationToken cancel)
    {
        var sent = 0;
        using var timer = new PeriodicTimer(Beat);
        try
        {
            while (await timer.WaitForNextTickAsync(cancel))
            {
                for (var burst = 0; burst < perSecond * Beat.TotalSeconds; burst++)
                    await socket.SendToAsync(datagram(sent++), SocketFlags.None, to, cancel);
            }
        }
        catch (Exception fault) when (IsOver(fault))
        {
            // Cancelled.
        }
    }

    public override void Dispose() => socket.Dispose();

    /// <summary>An RSIP of all endpoints, each with a new transaction.</summary>
    public static byte[] Rsip(int number) =>
        Encoding.ASCII.GetBytes(
            FormattableString.Invariant($"RSIP {1 + number} *@[127.0.0.2] MGCP 1.0\r\nRM: restart\r\n")
        );

    /// <summary>A coldStart notification in SNMPv2c.</summary>
    public static byte[] ColdStart(int number)
    {
        var writer = new AsnWriter(AsnEncodingRules.BER);
        using (writer.PushSequence())
        {
            writer.WriteInteger(1);
            writer.WriteOctetString("public"u8);
            using (writer.PushSequence(new Asn1Tag(TagClass.ContextSpecific, 7, true)))
            {
                writer.WriteInteger(1 + number);
                writer.WriteInteger(0);
                writer.WriteInteger(0);
                using (writer.PushSequence())
                {
                    using (writer.PushSequence())
                    {
                        writer.WriteObjectIdentifier("1.3.6.1.2.1.1.3.0");
                        writer.WriteInteger(100, new Asn1Tag(TagClass.Application, 3));
                    }

                    using (writer.PushSequence())
                    {
                        writer.WriteObjectIdentifier("1.3.6.1.6.3.1.1.4.1.0");
                        writer.WriteObjectIdentifier("1.3.6.1.6.3.1.1.5.1");
                    }
                }
            }
        }

        return writer.Encode();
    }

    private static Socket Bound(IPAddress from)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(from, 0));
        return socket;
    }
}

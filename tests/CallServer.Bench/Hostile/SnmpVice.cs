using System.Formats.Asn1;
using System.Net;
using System.Net.Sockets;

namespace CallServer.Bench.Hostile;

/// <summary>
/// An agent whose every table is endless: after each requested row comes one more, with a long value.
/// </summary>
internal sealed class SnmpVice : HostileGateway
{
    private static readonly Asn1Tag Response = new(TagClass.ContextSpecific, 2, true);
    private static readonly byte[] Value = [.. Enumerable.Repeat((byte)'7', 1000)];

    private readonly Socket socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);

    public SnmpVice(string id)
        : base(id) => socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));

    public override string Uri => $"snmp://{socket.LocalEndPoint}?profile=cisco-voice";

    public override async Task ServeAsync(CancellationToken cancel)
    {
        var buffer = new byte[65536];
        var anyone = new IPEndPoint(IPAddress.Any, 0);
        try
        {
            while (true)
            {
                var got = await socket.ReceiveFromAsync(buffer, SocketFlags.None, anyone, cancel);
                if (Answer(buffer.AsMemory(0, got.ReceivedBytes)) is { } reply)
                    await socket.SendToAsync(reply, SocketFlags.None, got.RemoteEndPoint, cancel);
            }
        }
        catch (OperationCanceledException)
        {
            // Cancelled.
        }
    }

    public override void Dispose() => socket.Dispose();

    private static byte[]? Answer(ReadOnlyMemory<byte> request)
    {
        try
        {
            var message = new AsnReader(request, AsnEncodingRules.BER).ReadSequence();
            var (version, community) = (message.ReadInteger(), message.ReadOctetString());
            var tag = message.PeekTag();
            var pdu = message.ReadSequence(tag);
            var (id, _, repetitions) = (pdu.ReadInteger(), pdu.ReadInteger(), (int)pdu.ReadInteger());
            var names = pdu.ReadSequence();
            var asked = new List<string>();
            while (names.HasData)
                asked.Add(names.ReadSequence().ReadObjectIdentifier());

            var writer = new AsnWriter(AsnEncodingRules.BER);
            using (writer.PushSequence())
            {
                writer.WriteInteger(version);
                writer.WriteOctetString(community);
                using (writer.PushSequence(Response))
                {
                    writer.WriteInteger(id);
                    writer.WriteInteger(0);
                    writer.WriteInteger(0);
                    using (writer.PushSequence())
                    {
                        // Get (0) is answered for the name itself, GetNext (1) and GetBulk (5) for what follows it.
                        var rows = tag.TagValue == 5 ? Math.Clamp(repetitions, 1, 50 / asked.Count + 1) : 1;
                        for (var row = 1; row <= rows; row++)
                            foreach (var name in asked)
                                Write(writer, tag.TagValue == 0 ? name : Later(name, row));
                    }
                }
            }

            return writer.Encode();
        }
        catch (AsnContentException)
        {
            return null;
        }
    }

    private static void Write(AsnWriter writer, string name)
    {
        using (writer.PushSequence())
        {
            writer.WriteObjectIdentifier(name);
            writer.WriteOctetString(Value);
        }
    }

    private static string Later(string name, int rows)
    {
        var dot = name.LastIndexOf('.');
        var last = long.Parse(name.AsSpan(dot + 1), System.Globalization.CultureInfo.InvariantCulture);
        return name.Split('.').Length < 14
            ? $"{name}.1.{rows}"
            : FormattableString.Invariant($"{name[..dot]}.{last + rows}");
    }
}

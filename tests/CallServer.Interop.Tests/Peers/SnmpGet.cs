using System.Formats.Asn1;
using System.Net;
using System.Net.Sockets;
using System.Numerics;

namespace CallServer.Interop.Peers;

/// <summary>
/// An SNMPv2c Get of numbers (RFC 3416 §4.2.1), independent of the program under test. It runs in this process, so
/// that the moment of the answer is known to about a millisecond.
/// </summary>
internal static class SnmpGet
{
    public const string SysUpTime = "1.3.6.1.2.1.1.3.0";

    /// <summary>sysUpTime when the agent loaded its table, in centiseconds.</summary>
    public const string Load = "1.3.6.1.4.1.8072.9999.9999.1.0";

    /// <summary>The version of the file that the agent serves.</summary>
    public const string Version = "1.3.6.1.4.1.8072.9999.9999.2.0";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(0.5);
    private static readonly Asn1Tag Request = new(TagClass.ContextSpecific, 0, isConstructed: true);
    private static readonly Asn1Tag Response = new(TagClass.ContextSpecific, 2, isConstructed: true);

    /// <summary>The values; null if the agent does not answer with a number for each.</summary>
    public static async Task<uint[]?> TryAsync(int port, params string[] objects)
    {
        using var patience = new CancellationTokenSource(Patience);
        using var socket = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        socket.Connect(IPAddress.Loopback, port);
        try
        {
            await socket.SendAsync(Encode(objects), patience.Token);
            var reply = await socket.ReceiveAsync(patience.Token);
            return Decode(reply.Buffer) is { } values && values.Length == objects.Length ? values : null;
        }
        catch (Exception fault) when (fault is OperationCanceledException or SocketException)
        {
            // Nobody is there (yet).
            return null;
        }
    }

    private static byte[] Encode(string[] objects)
    {
        var writer = new AsnWriter(AsnEncodingRules.BER);
        using (writer.PushSequence())
        {
            writer.WriteInteger(1);
            writer.WriteOctetString("public"u8);
            using (writer.PushSequence(Request))
            {
                writer.WriteInteger(1);
                writer.WriteInteger(0);
                writer.WriteInteger(0);
                using (writer.PushSequence())
                {
                    foreach (var name in objects)
                    {
                        using var binding = writer.PushSequence();
                        writer.WriteObjectIdentifier(name);
                        writer.WriteNull();
                    }
                }
            }
        }

        return writer.Encode();
    }

    // The peers in these tests are sound: unreadable replies throw.
    private static uint[]? Decode(byte[] reply)
    {
        var message = new AsnReader(reply, AsnEncodingRules.BER).ReadSequence();
        message.ReadInteger();
        message.ReadOctetString();
        // While nobody has the port yet, the system may give it to this very socket, which then hears its own question.
        if (message.PeekTag() == Request)
            return null;
        var pdu = message.ReadSequence(Response);
        pdu.ReadInteger();
        if (pdu.ReadInteger() != BigInteger.Zero)
            return null;
        pdu.ReadInteger();
        var bindings = pdu.ReadSequence();
        var values = new List<uint>();
        while (bindings.HasData)
        {
            var binding = bindings.ReadSequence();
            binding.ReadObjectIdentifier();
            var tag = binding.PeekTag();
            // noSuchObject and similar tags are context-specific; Gauge32, TimeTicks and similar ones are application
            // tags.
            if (tag.TagClass != TagClass.Application)
                return null;
            values.Add((uint)binding.ReadInteger(tag));
        }

        return [.. values];
    }
}

using System.CommandLine;
using System.Diagnostics;
using System.Formats.Asn1;
using System.Globalization;
using CallServer.Wire;

namespace CallServer.Bench.Codec;

/// <summary>
/// <c>asn1</c>: how long a reply to GetBulk takes to read, by the codec of SNMP and by System.Formats.Asn1. Both read every
/// name and value; only the codec also checks what an SNMP message may hold.
/// </summary>
internal static class Asn1Command
{
    /// <summary>
    /// Variable bindings of the reply. A row of a dial control table (RFC 2128) has about ten columns: ten rows.
    /// </summary>
    public const int Bindings = 100;
    private const int WarmUp = 20_000;
    private static readonly Asn1Tag Response = new(TagClass.ContextSpecific, 2, isConstructed: true);

    public static Command Build()
    {
        var messages = new Option<int>("--messages") { DefaultValueFactory = _ => 100_000 };
        var command = new Command(
            "asn1",
            "Reads SNMP replies by the project's codec and by System.Formats.Asn1."
        )
        {
            messages,
        };
        command.SetAction(parsed =>
        {
            var count = parsed.GetValue(messages);
            Console.WriteLine($"a reply of {Bindings} variable bindings, {count} times");
            foreach (var reader in Race(count))
                Console.WriteLine(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"  {reader.Name, -20} {reader.Micros, 7:0.0} µs and {reader.Octets, 7:N0} octets of memory a message"
                    )
                );
        });
        return command;
    }

    /// <summary>How long each reader takes for a reply, and how much memory: the codec first.</summary>
    public static IReadOnlyList<(string Name, double Micros, long Octets)> Race(int messages)
    {
        var octets = Reply();
        return
        [
            Measure("CallServer.Wire", messages, () => ReadByCodec(octets)),
            Measure("System.Formats.Asn1", messages, () => ReadByAsn1(octets)),
        ];
    }

    private static byte[] Reply()
    {
        var bindings = Enumerable
            .Range(0, Bindings)
            .Select(number => new VarBind(
                OidModule.parse(
                    $"1.3.6.1.2.1.10.21.1.3.1.1.{4 + number % 10}.{8_000_000 + number}.{1 + number}"
                ),
                (number % 4) switch
                {
                    0 => Value.NewInteger(number * 1000),
                    1 => Value.NewTimeTicks((uint)(8_000_000 + number)),
                    2 => Value.NewGauge32((uint)number),
                    _ => Value.NewOctetString("4930123456"u8.ToArray()),
                }
            ));
        return Snmp.encode(
            Message.NewV2c("public"u8.ToArray(), new Pdu(PduKind.Response, 4711, 0, 0, [.. bindings]))
        );
    }

    private static int ReadByCodec(byte[] octets) =>
        Snmp.decode(octets).ResultValue is Message.V2c message ? message.pdu.VarBinds.Length : 0;

    private static int ReadByAsn1(byte[] octets)
    {
        var message = new AsnReader(octets, AsnEncodingRules.BER).ReadSequence();
        _ = message.ReadInteger();
        _ = message.ReadOctetString();
        var pdu = message.ReadSequence(Response);
        _ = pdu.ReadInteger();
        _ = pdu.ReadInteger();
        _ = pdu.ReadInteger();
        var list = pdu.ReadSequence();
        var read = 0;
        for (; list.HasData; read++)
        {
            var binding = list.ReadSequence();
            _ = binding.ReadObjectIdentifier();
            var tag = binding.PeekTag();
            if (tag.HasSameClassAndValue(Asn1Tag.Integer))
                _ = binding.TryReadInt64(out _);
            else if (tag.HasSameClassAndValue(Asn1Tag.PrimitiveOctetString))
                _ = binding.ReadOctetString();
            else
                _ = binding.TryReadInt64(out _, tag);
        }

        return read;
    }

    private static (string Name, double Micros, long Octets) Measure(
        string name,
        int messages,
        Func<int> read
    )
    {
        var read1 = 0L;
        for (var warm = 0; warm < WarmUp; warm++)
            read1 += read();
        if (read1 != (long)Bindings * WarmUp)
            throw new InvalidOperationException($"{name} read {read1} variable bindings");
        var allocated = GC.GetAllocatedBytesForCurrentThread();
        var clock = Stopwatch.StartNew();
        for (var message = 0; message < messages; message++)
            read1 += read();
        var micros = clock.Elapsed.TotalMicroseconds / messages;
        allocated = (GC.GetAllocatedBytesForCurrentThread() - allocated) / messages;
        return (name, micros, allocated);
    }
}

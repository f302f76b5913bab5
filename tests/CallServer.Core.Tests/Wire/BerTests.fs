module CallServer.Tests.Wire.BerTests

open System
open System.Formats.Asn1
open System.Numerics
open CallServer.Wire
open CallServer.Tests

let private readValue (octets: byte[]) =
    let mutable reader = BerReader(ReadOnlySpan<byte> octets)
    let value = PduCodec.readValue &reader

    match reader.Error with
    | ValueSome error -> Error error
    | ValueNone -> Ok value

let private write (body: BerWriter -> unit) : byte[] =
    let writer = BerWriter 0
    body writer
    writer.ToArray()

let private written (value: Value) : byte[] = write (fun writer -> PduCodec.writeValue writer value)

// Round trips.

let ``a value reads back`` = lawBy wireLaws (fun (value: Value) -> readValue (written value) = Ok value)

let ``an OID reads back`` =
    lawBy wireLaws (fun (WireOid oid) ->
        readValue (written (ObjectIdentifier oid)) = Ok(ObjectIdentifier oid))

let ``every part of an element is a problem, never an exception`` =
    lawBy wireLaws (fun (value: Value) ->
        let octets = written value

        [ 0 .. octets.Length - 1 ]
        |> List.forall (fun length -> Result.isError (readValue octets[.. length - 1])))

// The platform's reader as an oracle.

let private asn1 (body: AsnWriter -> unit) : byte[] =
    let writer = AsnWriter AsnEncodingRules.DER
    body writer
    writer.Encode()

let private oracle (read: unit -> 'T) : 'T voption =
    try
        ValueSome(read ())
    with :? AsnContentException ->
        ValueNone

let ``writes what System.Formats.Asn1 writes`` =
    lawBy wireLaws (fun (value: Value) ->
        let application number = Asn1Tag(TagClass.Application, number)
        let context number = Asn1Tag(TagClass.ContextSpecific, number)

        match value with
        | Integer number -> written value = asn1 (fun writer -> writer.WriteInteger number)
        | OctetString octets -> written value = asn1 (fun writer -> writer.WriteOctetString octets)
        | ObjectIdentifier oid when oid.Length > 64 -> true
        | ObjectIdentifier oid ->
            written value = asn1 (fun writer -> writer.WriteObjectIdentifier(oid.ToString()))
        | IpAddress octets ->
            written value = asn1 (fun writer -> writer.WriteOctetString(octets, application 0))
        | Counter32 number ->
            written value = asn1 (fun writer -> writer.WriteInteger(uint64 number, application 1))
        | Gauge32 number ->
            written value = asn1 (fun writer -> writer.WriteInteger(uint64 number, application 2))
        | TimeTicks number ->
            written value = asn1 (fun writer -> writer.WriteInteger(uint64 number, application 3))
        | Opaque octets ->
            written value = asn1 (fun writer -> writer.WriteOctetString(octets, application 4))
        | Counter64 number -> written value = asn1 (fun writer -> writer.WriteInteger(number, application 6))
        | Null -> written value = asn1 (fun writer -> writer.WriteNull())
        | NoSuchObject -> written value = asn1 (fun writer -> writer.WriteNull(context 0))
        | NoSuchInstance -> written value = asn1 (fun writer -> writer.WriteNull(context 1))
        | EndOfMibView -> written value = asn1 (fun writer -> writer.WriteNull(context 2)))

/// An indefinite length and a constructed string are BER, but never SNMP.
let private isForbidden (octets: byte[]) = octets.Length > 1 && (octets[1] = 0x80uy || octets[0] = 0x24uy)

let ``agrees with System.Formats.Asn1 wherever that accepts`` =
    lawBy (wireLaws |> Laws.times 10000) (fun (NearElement octets) ->
        let rules = AsnEncodingRules.BER
        let application number = Nullable(Asn1Tag(TagClass.Application, number))

        let expected =
            match octets[0] with
            | 0x02uy ->
                oracle (fun () -> fst (AsnDecoder.ReadInteger(ReadOnlySpan<byte> octets, rules)))
                |> ValueOption.bind (fun number ->
                    if number >= BigInteger Int64.MinValue && number <= BigInteger Int64.MaxValue then
                        ValueSome(Integer(int64 number))
                    else
                        ValueNone)
            | 0x04uy ->
                oracle (fun () ->
                    OctetString(fst (AsnDecoder.ReadOctetString(ReadOnlySpan<byte> octets, rules))))
            | 0x05uy ->
                oracle (fun () ->
                    AsnDecoder.ReadNull(ReadOnlySpan<byte> octets, rules) |> ignore
                    Null)
            | 0x06uy ->
                oracle (fun () -> fst (AsnDecoder.ReadObjectIdentifier(ReadOnlySpan<byte> octets, rules)))
                |> ValueOption.bind (fun text -> ValueOption.ofOption (Oid.tryParse text))
                |> ValueOption.map ObjectIdentifier
            | 0x41uy ->
                match
                    oracle (fun () ->
                        AsnDecoder.TryReadUInt32(
                            ReadOnlySpan<byte> octets,
                            rules,
                            expectedTag = application 1
                        ))
                with
                | ValueSome(true, number, _) -> ValueSome(Counter32 number)
                | _ -> ValueNone
            | 0x46uy ->
                match
                    oracle (fun () ->
                        AsnDecoder.TryReadUInt64(
                            ReadOnlySpan<byte> octets,
                            rules,
                            expectedTag = application 6
                        ))
                with
                | ValueSome(true, number, _) -> ValueSome(Counter64 number)
                | _ -> ValueNone
            | _ -> ValueNone

        match expected with
        | ValueSome value -> readValue octets = Ok value || isForbidden octets
        | ValueNone -> true)

let ``finds the lengths that System.Formats.Asn1 finds`` =
    lawBy (wireLaws |> Laws.times 10000) (fun (NearElement octets) ->
        let mutable reader = BerReader(ReadOnlySpan<byte> octets)
        let struct (tag, length) = reader.Header()
        let start = reader.Position

        match
            oracle (fun () -> AsnDecoder.ReadEncodedValue(ReadOnlySpan<byte> octets, AsnEncodingRules.BER))
        with
        | ValueSome(found, offset, size, _) when not (isForbidden octets) ->
            not reader.Failed
            && start = offset
            && length = size
            && found.HasSameClassAndValue(Asn1Tag.Decode(ReadOnlySpan<byte>(&tag)) |> fst)
        | _ -> true)

// What real agents send, and what the decoder accepts.

let private forgiven (octets: string) (value: Value) = $"\"{octets}\"", (octets, value)

let private forgivenElements =
    [ forgiven "02 02 00 05" (Integer 5L)
      forgiven "02 03 FF FF FB" (Integer -5L)
      forgiven "02 0A 00 00 7F FF FF FF FF FF FF FF" (Integer Int64.MaxValue)
      forgiven "02 0A FF FF 80 00 00 00 00 00 00 00" (Integer Int64.MinValue)
      forgiven "02 00" (Integer 0L)
      forgiven "02 05 00 FF FF FF FF" (Integer 4294967295L)
      forgiven "41 00" (Counter32 0u)
      forgiven "41 04 FF FF FF FF" (Counter32 UInt32.MaxValue)
      forgiven "41 05 00 FF FF FF FF" (Counter32 UInt32.MaxValue)
      forgiven "41 05 00 00 00 00 07" (Counter32 7u)
      forgiven "41 01 C8" (Counter32 200u)
      forgiven "42 04 80 00 00 00" (Gauge32 2147483648u)
      forgiven "43 04 00 00 10 00" (TimeTicks 4096u)
      forgiven "43 04 F0 00 00 00" (TimeTicks 0xF0000000u)
      forgiven "47 01 05" (Gauge32 5u)
      forgiven "46 08 FF FF FF FF FF FF FF FF" (Counter64 UInt64.MaxValue)
      forgiven "46 0A 00 00 FF FF FF FF FF FF FF FF" (Counter64 UInt64.MaxValue)
      forgiven "46 00" (Counter64 0UL)
      forgiven "06 00" (ObjectIdentifier(Oid.parse "0.0"))
      forgiven "06 01 00" (ObjectIdentifier(Oid.parse "0.0"))
      forgiven "06 04 2B 80 80 01" (ObjectIdentifier(Oid.parse "1.3.1"))
      forgiven "06 06 2B 8F FF FF FF 7F" (ObjectIdentifier(Oid.parse "1.3.4294967295"))
      forgiven "06 05 90 80 80 80 4F" (ObjectIdentifier(Oid.parse "2.4294967295"))
      forgiven "80 02 05 00" NoSuchObject
      forgiven "81 01 00" NoSuchInstance
      forgiven "82 02 05 00" EndOfMibView
      forgiven "05 01 00" Null
      forgiven "04 81 01 41" (OctetString "A"B)
      forgiven "04 84 00 00 00 01 41" (OctetString "A"B)
      forgiven "04 85 00 00 00 00 01 41" (OctetString "A"B)
      forgiven "04 88 00 00 00 00 00 00 00 01 41" (OctetString "A"B)
      forgiven "40 00" (IpAddress [||]) ]

let ``forgives`` =
    namedExamples forgivenElements (fun (octets: string, value: Value) ->
        readValue (Hex.octets octets) |> Check.equal (Ok value))

let ``reads an OID of 128 arcs, and no more`` =
    example (fun () ->
        let element (count: int) =
            let content = Array.append [| 0x2Buy |] (Array.create (count - 2) 1uy)
            Array.concat [ [| 0x06uy; 0x81uy; byte content.Length |]; content ]

        readValue (element 128) |> Result.isOk |> Check.isTrue
        readValue (element 129) |> Check.equal (Error { Offset = 3; Problem = TooManyArcs }))

// What is refused, and where.

let private refused (octets: string) (offset: int) (problem: DecodeProblem) =
    $"\"{octets}\"", (octets, offset, problem)

let private refusedElements =
    [ refused "" 0 EndOfInput
      refused "02" 1 EndOfInput
      refused "02 82 01" 3 EndOfInput
      refused "04 80 41 00 00" 1 IndefiniteLength
      refused "04 FF 41" 1 LengthTooLarge
      refused "04 85 01 00 00 00 00" 1 LengthTooLarge
      refused "04 84 80 00 00 00" 1 LengthTooLarge
      refused "04 84 7F FF FF FF 41" 1 (LengthBeyondEnd(Int32.MaxValue, 1))
      refused "04 02 41" 1 (LengthBeyondEnd(2, 1))
      refused "24 03 04 01 41" 0 (UnexpectedTag(0x24uy, "a value"))
      refused "30 00" 0 (UnexpectedTag(0x30uy, "a value"))
      refused "1F 01 00" 0 (UnexpectedTag(0x1Fuy, "a value"))
      refused "02 09 00 80 00 00 00 00 00 00 00" 2 (NumberOutOfRange 9)
      refused "02 09 FF 7F FF FF FF FF FF FF FF" 2 (NumberOutOfRange 9)
      refused "41 05 01 00 00 00 00" 2 (NumberOutOfRange 5)
      refused "41 05 FF FF FF FF FF" 2 (NumberOutOfRange 5)
      refused "46 09 01 00 00 00 00 00 00 00 00" 2 (NumberOutOfRange 9)
      refused "06 02 2B 81" 3 ArcUnfinished
      refused "06 06 2B 90 80 80 80 00" 7 ArcOutOfRange
      refused "06 05 90 80 80 80 50" 6 ArcOutOfRange
      refused "06 0B 2B FF FF FF FF FF FF FF FF FF 7F" 7 ArcOutOfRange ]

let ``refuses`` =
    namedExamples refusedElements (fun (octets: string, offset: int, problem: DecodeProblem) ->
        readValue (Hex.octets octets) |> Check.equal (Error { Offset = offset; Problem = problem }))

let ``an OID that no message can name is our own mistake`` =
    example (fun () ->
        for text in [ "3.1"; "0.40"; "1.4294967295" ] do
            let fault =
                Check.thrown<ArgumentException> (fun () ->
                    written (ObjectIdentifier(Oid.parse text)) |> ignore)

            fault.Message |> Check.says text)

let ``an OID of fewer than two arcs is written with zeros`` =
    example (fun () ->
        written (ObjectIdentifier Oid.empty) |> Check.equal (Hex.octets "06 01 00")
        written (ObjectIdentifier(Oid.parse "1")) |> Check.equal (Hex.octets "06 01 28"))

namespace CallServer.Wire

open System

/// PDUs (RFC 3416 section 3) in BER.
module PduCodec =
    let private tagOf (kind: PduKind) : byte =
        match kind with
        | Get -> 0xA0uy
        | GetNext -> 0xA1uy
        | Response -> 0xA2uy
        | Set -> 0xA3uy
        | GetBulk -> 0xA5uy
        | Inform -> 0xA6uy
        | TrapV2 -> 0xA7uy
        | Report -> 0xA8uy

    let private tryKind (tag: byte) : PduKind voption =
        match tag with
        | 0xA0uy -> ValueSome Get
        | 0xA1uy -> ValueSome GetNext
        | 0xA2uy -> ValueSome Response
        | 0xA3uy -> ValueSome Set
        | 0xA5uy -> ValueSome GetBulk
        | 0xA6uy -> ValueSome Inform
        | 0xA7uy -> ValueSome TrapV2
        | 0xA8uy -> ValueSome Report
        | _ -> ValueNone

    /// INTEGERs of one octet, as most enumerations are: shared, so that reading one allocates nothing.
    let private smallIntegers = Array.init 256 (fun index -> Integer(int64 index - 128L))

    let private integer (value: int64) : Value =
        if value >= -128L && value < 128L then
            smallIntegers[int value + 128]
        else
            Integer value

    /// Any value. The exceptions and NULL are read whatever content they have.
    let readValue (reader: byref<BerReader>) : Value =
        let start = reader.Position
        let struct (tag, length) = reader.Header()

        if reader.Failed then
            Null
        else
            match tag with
            | BerTag.Integer -> integer (reader.SignedContent length)
            | BerTag.OctetString -> OctetString(reader.Content(length).ToArray())
            | BerTag.ObjectIdentifier -> ObjectIdentifier(reader.OidContent length)
            | BerTag.IpAddress -> IpAddress(reader.Content(length).ToArray())
            | BerTag.Counter32 -> Counter32(uint32 (reader.UnsignedContent(length, 4)))
            | BerTag.Gauge32
            | BerTag.UInteger32 -> Gauge32(uint32 (reader.UnsignedContent(length, 4)))
            | BerTag.TimeTicks -> TimeTicks(uint32 (reader.UnsignedContent(length, 4)))
            | BerTag.Opaque -> Opaque(reader.Content(length).ToArray())
            | BerTag.Counter64 -> Counter64(reader.UnsignedContent(length, 8))
            | BerTag.Null ->
                reader.Skip length
                Null
            | BerTag.NoSuchObject ->
                reader.Skip length
                NoSuchObject
            | BerTag.NoSuchInstance ->
                reader.Skip length
                NoSuchInstance
            | BerTag.EndOfMibView ->
                reader.Skip length
                EndOfMibView
            | _ ->
                reader.Fail(start, UnexpectedTag(tag, "a value"))
                Null

    /// Writes any value; the reader gives it back.
    let writeValue (writer: BerWriter) (value: Value) : unit =
        match value with
        | Integer number -> writer.Integer(BerTag.Integer, number)
        | OctetString octets -> writer.OctetString(BerTag.OctetString, octets)
        | ObjectIdentifier oid -> writer.Oid(BerTag.ObjectIdentifier, oid)
        | IpAddress octets -> writer.OctetString(BerTag.IpAddress, octets)
        | Counter32 number -> writer.Unsigned(BerTag.Counter32, uint64 number)
        | Gauge32 number -> writer.Unsigned(BerTag.Gauge32, uint64 number)
        | TimeTicks number -> writer.Unsigned(BerTag.TimeTicks, uint64 number)
        | Opaque octets -> writer.OctetString(BerTag.Opaque, octets)
        | Counter64 number -> writer.Unsigned(BerTag.Counter64, number)
        | Null -> writer.Null BerTag.Null
        | NoSuchObject -> writer.Null BerTag.NoSuchObject
        | NoSuchInstance -> writer.Null BerTag.NoSuchInstance
        | EndOfMibView -> writer.Null BerTag.EndOfMibView

    /// The variable bindings of a list may allocate this many octets and four times the list. The rest of a
    /// message costs no more than its own size and what is left of 64 KiB. A full datagram of a real table
    /// stays below.
    [<Literal>]
    let private Allowance = 64000L

    /// Octets of an array on the heap of a 64-bit process, header included.
    let private arraySize (contentOctets: int64) : int64 = 24L + ((contentOctets + 7L) &&& ~~~7L)

    /// Octets that an OID's arcs take on the heap, judged from the content that comes next.
    let private oidSize (reader: byref<BerReader>) (length: int) : int64 =
        arraySize (4L * int64 (reader.ArcCount length))

    /// Octets that a value takes on the heap, judged from the content that comes next.
    let private valueSize (reader: byref<BerReader>) (tag: byte) (length: int) : int64 =
        match tag with
        | BerTag.Integer when length = 1 -> 0L
        | BerTag.OctetString
        | BerTag.IpAddress
        | BerTag.Opaque -> 24L + arraySize (int64 length)
        | BerTag.ObjectIdentifier -> 24L + oidSize &reader length
        | BerTag.Null
        | BerTag.NoSuchObject
        | BerTag.NoSuchInstance
        | BerTag.EndOfMibView -> 0L
        | _ -> 24L

    /// How many bindings a list holds, and how much memory they will take: found out before any is allocated.
    /// Counting ends at the first problem and includes the binding that has it.
    let private measure (list: BerReader) : struct (int * int64) =
        let mutable reader = list
        let mutable count = 0
        let mutable size = 0L

        while reader.More do
            let outer = reader.Enter(BerTag.Sequence, "a VarBind")
            let name = reader.Expect(BerTag.ObjectIdentifier, "a name")
            size <- size + 16L + oidSize &reader name
            reader.Skip name
            let struct (tag, value) = reader.Header()
            size <- size + valueSize &reader tag value
            reader.Skip value
            reader.Leave outer
            count <- count + 1

        struct (count, size)

    /// VarBindList ::= SEQUENCE OF SEQUENCE { name ObjectName, value ObjectSyntax }
    let readVarBinds (reader: byref<BerReader>) : VarBind[] =
        let outer = reader.Enter(BerTag.Sequence, "a VarBindList")
        let start = reader.Position
        let struct (count, size) = measure reader

        if size > Allowance + 4L * int64 (reader.Limit - start) then
            reader.Fail(start, TooManyVarBinds count)

        let varBinds = if reader.Failed then [||] else Array.zeroCreate count
        let mutable index = 0

        while reader.More do
            let inside = reader.Enter(BerTag.Sequence, "a VarBind")
            let name = reader.Oid "a name"
            let value = readValue &reader
            reader.Leave inside
            varBinds[index] <- { Name = name; Value = value }
            index <- index + 1

        reader.Leave outer
        varBinds

    /// PDU ::= [tag] IMPLICIT SEQUENCE { request-id, error-status, error-index, variable-bindings }
    let read (reader: byref<BerReader>) : Pdu =
        let start = reader.Position
        let tag = reader.NextTag

        let kind =
            match tryKind tag with
            | ValueSome kind -> kind
            | ValueNone ->
                reader.Fail(start, (if reader.More then UnknownPdu tag else EndOfInput))
                Get

        let outer = reader.Enter(tag, "a PDU")
        let requestId = reader.Integer32 "a request-id"
        let errorStatus = reader.Integer32 "an error-status"
        let errorIndex = reader.Integer32 "an error-index"
        let varBinds = readVarBinds &reader
        reader.Leave outer

        { Kind = kind
          RequestId = requestId
          ErrorStatus = errorStatus
          ErrorIndex = errorIndex
          VarBinds = varBinds }

    /// The request-id of a PDU; reads nothing after it.
    let readRequestId (reader: byref<BerReader>) : int =
        let start = reader.Position
        let struct (tag, _) = reader.Header()

        if ValueOption.isNone (tryKind tag) then
            reader.Fail(start, UnknownPdu tag)

        reader.Integer32 "a request-id"

    /// Writes a VarBindList.
    let writeVarBinds (writer: BerWriter) (varBinds: VarBind[]) : unit =
        let mark = writer.Length

        for index in varBinds.Length - 1 .. -1 .. 0 do
            let last = writer.Length
            writeValue writer varBinds[index].Value
            writer.Oid(BerTag.ObjectIdentifier, varBinds[index].Name)
            writer.Close(BerTag.Sequence, last)

        writer.Close(BerTag.Sequence, mark)

    /// Writes a PDU of any kind.
    let write (writer: BerWriter) (pdu: Pdu) : unit =
        let mark = writer.Length
        writeVarBinds writer pdu.VarBinds
        writer.Integer(BerTag.Integer, int64 pdu.ErrorIndex)
        writer.Integer(BerTag.Integer, int64 pdu.ErrorStatus)
        writer.Integer(BerTag.Integer, int64 pdu.RequestId)
        writer.Close(tagOf pdu.Kind, mark)

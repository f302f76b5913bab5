namespace CallServer.Wire

open System
open System.Runtime.CompilerServices

/// Reads the subset of BER that SNMP uses (RFC 3417 section 8). It accepts what real agents send: numbers of
/// more octets than needed or of none, unsigned numbers without the zero before a set top bit, OIDs with
/// padded arcs or without any arc, lengths with leading zeros. It never throws. It keeps the first problem
/// and reads everything after it as empty, so that a decoder reads on without asking and looks at `Error` at
/// the end. It allocates nothing but results.
[<Struct; IsByRefLike; NoEquality; NoComparison>]
type BerReader =
    val private octets: ReadOnlySpan<byte>
    val mutable private position: int
    val mutable private limit: int
    val mutable private error: DecodeError voption

    new(octets: ReadOnlySpan<byte>) =
        { octets = octets; position = 0; limit = octets.Length; error = ValueNone }

    /// The offset of the next octet in the message.
    member this.Position = this.position

    /// The end of the container that is being read.
    member this.Limit = this.limit

    /// The first problem, if there was one.
    member this.Error = this.error

    /// Whether there was a problem.
    member this.Failed = this.error.IsSome

    /// Whether the container holds more; false after a problem.
    member this.More = this.position < this.limit

    /// The tag of the next element; 0 if there is none.
    member this.NextTag = if this.position < this.limit then this.octets[this.position] else 0uy

    /// Keeps the first problem and ends the reading.
    member this.Fail(offset: int, problem: DecodeProblem) =
        if this.error.IsNone then
            this.error <- ValueSome { Offset = offset; Problem = problem }

        this.position <- this.limit

    member private this.Octet() : byte =
        if this.position < this.limit then
            let octet = this.octets[this.position]
            this.position <- this.position + 1
            octet
        else
            this.Fail(this.position, EndOfInput)
            0uy

    /// The length octets: a length within the container, or 0 after a problem.
    member private this.Length() : int =
        let start = this.position
        let first = int (this.Octet())
        let mutable length = 0L

        if first < 0x80 then
            length <- int64 first
        elif first = 0x80 then
            this.Fail(start, IndefiniteLength)
        elif first = 0xFF then
            this.Fail(start, LengthTooLarge)
        else
            for _ in 1 .. first &&& 0x7F do
                length <- length <<< 8 ||| int64 (this.Octet())

                if length > int64 Int32.MaxValue then
                    this.Fail(start, LengthTooLarge)
                    length <- 0L

        if length > int64 (this.limit - this.position) then
            this.Fail(start, LengthBeyondEnd(int length, this.limit - this.position))

        if this.Failed then 0 else int length

    /// The tag of any next element, and the length of its content, which comes next.
    member this.Header() : struct (byte * int) =
        let tag = this.Octet()
        struct (tag, (if this.Failed then 0 else this.Length()))

    /// The length of the content of the element that must come next; a problem if it has another tag.
    member this.Expect(tag: byte, expected: string) : int =
        let start = this.position
        let found = this.Octet()

        if this.Failed then
            0
        elif found <> tag then
            this.Fail(start, UnexpectedTag(found, expected))
            0
        else
            this.Length()

    /// Enters the content of a container. Returns what `Leave` needs to come back.
    member this.Enter(tag: byte, expected: string) : int =
        let outer = this.limit
        let length = this.Expect(tag, expected)
        this.limit <- this.position + length
        outer

    /// Comes back from a container; a problem if the container was not read to its end.
    member this.Leave(outer: int) =
        if this.position < this.limit then
            this.Fail(this.position, TrailingOctets(this.limit - this.position))

        this.limit <- outer

        if this.Failed then
            this.position <- outer

    /// Skips octets of content.
    member this.Skip(length: int) = this.position <- this.position + length

    /// The content octets after a header.
    member this.Content(length: int) : ReadOnlySpan<byte> =
        let content = this.octets.Slice(this.position, length)
        this.position <- this.position + length
        content

    /// Two's complement of any number of octets, if the value fits 64 bits; no octets mean 0.
    member this.SignedContent(length: int) : int64 =
        let start = this.position
        let content = this.Content length
        let mutable value = if length > 0 && content[0] >= 0x80uy then -1L else 0L
        let mutable fits = true

        for octet in content do
            let next = value <<< 8 ||| int64 octet
            fits <- fits && (next >>> 8) = value
            value <- next

        if fits then
            value
        else
            this.Fail(start, NumberOutOfRange length)
            0L

    /// An unsigned number of any number of octets, if the value fits the width; no octets mean 0. A set top
    /// bit in the first octet belongs to the number: many agents leave out the zero before it.
    member this.UnsignedContent(length: int, widthInOctets: int) : uint64 =
        let start = this.position
        let content = this.Content length
        let surplus = max 0 (length - widthInOctets)
        let mutable value = 0UL

        for index in surplus .. length - 1 do
            value <- value <<< 8 ||| uint64 content[index]

        if content.Slice(0, surplus).IndexOfAnyExcept(0uy) >= 0 then
            this.Fail(start, NumberOutOfRange length)
            0UL
        else
            value

    /// How many arcs an OID with this content length has; does not read on.
    member this.ArcCount(length: int) : int =
        let mutable count = 1

        for octet in this.octets.Slice(this.position, length) do
            if octet < 0x80uy then
                count <- count + 1

        max 2 count

    /// An OID of this content length; no octets mean 0.0. The first sub-identifier holds two arcs (X.690
    /// section 8.19.4).
    member this.OidContent(length: int) : Oid =
        let start = this.position
        let arcs = this.ArcCount length
        let content = this.Content length

        if length = 0 then
            Oid.ofOwned [| 0u; 0u |]
        elif content[length - 1] >= 0x80uy then
            this.Fail(start + length - 1, ArcUnfinished)
            Oid.empty
        elif arcs > Oid.MaxLength then
            this.Fail(start, TooManyArcs)
            Oid.empty
        else
            let cells = Array.zeroCreate<uint32> arcs
            let mutable next = 0
            let mutable value = 0UL

            for index in 0 .. length - 1 do
                value <- value <<< 7 ||| uint64 (content[index] &&& 0x7Fuy)
                let highest = uint64 UInt32.MaxValue + (if next = 0 then 80UL else 0UL)

                if value > highest then
                    this.Fail(start + index, ArcOutOfRange)
                    value <- 0UL
                elif content[index] < 0x80uy then
                    if next = 0 then
                        let root = min 2UL (value / 40UL)
                        cells[0] <- uint32 root
                        cells[1] <- uint32 (value - root * 40UL)
                        next <- 2
                    else
                        cells[next] <- uint32 value
                        next <- next + 1

                    value <- 0UL

            Oid.ofOwned cells

    /// An INTEGER of 64 bits.
    member this.Integer64(expected: string) : int64 =
        this.SignedContent(this.Expect(BerTag.Integer, expected))

    /// An INTEGER of 32 bits.
    member this.Integer32(expected: string) : int =
        let length = this.Expect(BerTag.Integer, expected)
        let start = this.position
        let value = this.SignedContent length

        if value < int64 Int32.MinValue || value > int64 Int32.MaxValue then
            this.Fail(start, NumberOutOfRange length)
            0
        else
            int value

    /// A copy of the content of an OCTET STRING.
    member this.OctetString(expected: string) : byte[] =
        this.Content(this.Expect(BerTag.OctetString, expected)).ToArray()

    /// An OBJECT IDENTIFIER.
    member this.Oid(expected: string) : Oid = this.OidContent(this.Expect(BerTag.ObjectIdentifier, expected))

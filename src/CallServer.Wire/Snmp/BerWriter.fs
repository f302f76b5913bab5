namespace CallServer.Wire

open System
open System.Buffers.Binary

/// Writes BER from the last octet to the first, so that every length is known when it is written: write
/// elements in reverse order, and contents before headers. Lengths are definite and minimal, numbers minimal.
/// Not thread-safe.
[<Sealed>]
type BerWriter(capacity: int) =
    let mutable buffer: byte[] = Array.zeroCreate (max 16 capacity)
    let mutable start = buffer.Length

    /// Room for this many octets before those already written.
    let reserve (count: int) : Span<byte> =
        if count > start then
            let used = buffer.Length - start
            let grown = Array.zeroCreate (max (2 * buffer.Length) (used + count))
            Buffer.BlockCopy(buffer, start, grown, grown.Length - used, used)
            start <- grown.Length - used
            buffer <- grown

        start <- start - count
        Span<byte>(buffer, start, count)

    let octet (value: byte) = (reserve 1)[0] <- value

    /// Base 128, most significant octet first; the top bit is set in all octets but the last.
    let arc (value: uint64) =
        octet (byte (value &&& 0x7FUL))
        let mutable rest = value >>> 7

        while rest > 0UL do
            octet (byte (rest ||| 0x80UL))
            rest <- rest >>> 7

    /// Octets written so far.
    member _.Length = buffer.Length - start

    /// The octets written, in their order on the wire.
    member _.ToArray() : byte[] = buffer[start..]

    /// Content octets without a header.
    member _.Octets(content: ReadOnlySpan<byte>) = content.CopyTo(reserve content.Length)

    /// Length and identifier of an element whose content of this many octets was just written.
    member _.Header(tag: byte, length: int) =
        if length < 0x80 then
            octet (byte length)
        else
            let mutable rest = length
            let mutable count = 0

            while rest > 0 do
                octet (byte rest)
                rest <- rest >>> 8
                count <- count + 1

            octet (byte (0x80 ||| count))

        octet tag

    /// Writes the header of an element whose content began when `Length` was mark.
    member this.Close(tag: byte, mark: int) = this.Header(tag, this.Length - mark)

    /// A whole INTEGER element, minimal.
    member this.Integer(tag: byte, value: int64) =
        let mark = this.Length
        octet (byte value)
        let mutable written = int64 (sbyte value)
        let mutable shift = 8

        // Writes octets until those written give the value, its sign included.
        while written <> value do
            octet (byte (value >>> shift))
            shift <- shift + 8
            written <- if shift = 64 then value else (value <<< (64 - shift)) >>> (64 - shift)

        this.Close(tag, mark)

    /// A whole element with an unsigned number: a zero precedes a set top bit.
    member this.Unsigned(tag: byte, value: uint64) =
        if value <= uint64 Int64.MaxValue then
            this.Integer(tag, int64 value)
        else
            BinaryPrimitives.WriteUInt64BigEndian(reserve 8, value)
            octet 0uy
            this.Header(tag, 9)

    /// A whole element with this content.
    member this.OctetString(tag: byte, content: ReadOnlySpan<byte>) =
        this.Octets content
        this.Header(tag, content.Length)

    /// A whole element without content: NULL and the exceptions.
    member this.Null(tag: byte) = this.Header(tag, 0)

    /// A whole OBJECT IDENTIFIER element. BER needs two arcs, so fewer are filled up with zeros. Throws if
    /// BER cannot hold the first two arcs, which would be our own mistake.
    member this.Oid(tag: byte, oid: Oid) =
        let mark = this.Length

        for index in oid.Length - 1 .. -1 .. 2 do
            arc (uint64 oid[index])

        let root = if oid.Length > 0 then oid[0] else 0u
        let second = if oid.Length > 1 then oid[1] else 0u

        if root > 2u || (root < 2u && second >= 40u) then
            invalidArg (nameof oid) $"no message can name {oid}"

        arc (uint64 root * 40UL + uint64 second)
        this.Close(tag, mark)

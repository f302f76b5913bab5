namespace CallServer.Wire

open System
open System.Globalization

/// An OBJECT IDENTIFIER: a sequence of 32-bit arcs (RFC 2578 section 3.5). Ordered lexicographically by arc,
/// as GetNext orders the objects of an agent. A relative OID, such as the index of a table row, has the same
/// type. Immutable.
[<Struct; CustomEquality; CustomComparison; StructuredFormatDisplay("{Dotted}")>]
type Oid =
    private
        { Cells: uint32[] }

    /// `default(Oid)` holds no array: it is the empty OID.
    member internal this.Span: ReadOnlySpan<uint32> = ReadOnlySpan<uint32> this.Cells

    /// The number of arcs; 0 for the empty OID.
    member this.Length = if isNull this.Cells then 0 else this.Cells.Length

    /// The arc at this index, counted from 0. Throws beyond the last one.
    member this.Item
        with get (index: int): uint32 = this.Cells[index]

    /// Lexicographic order by arc; a prefix comes before what it begins.
    member this.CompareTo(other: Oid) = this.Span.SequenceCompareTo other.Span

    /// Whether both have the same arcs.
    member this.Equals(other: Oid) = this.Span.SequenceEqual other.Span

    override this.Equals(other: obj) =
        match other with
        | :? Oid as oid -> this.Equals oid
        | _ -> false

    /// FNV-1a over the arcs: the same in every process.
    override this.GetHashCode() =
        let mutable hash = 2166136261u

        for index in 0 .. this.Length - 1 do
            hash <- (hash ^^^ this.Cells[index]) * 16777619u

        int (hash ^^^ (hash >>> 15))

    /// Dotted decimal without a leading dot; the empty OID gives an empty text.
    override this.ToString() =
        if this.Length = 0 then
            ""
        else
            let text = Text.StringBuilder(this.Length * 4)

            for index in 0 .. this.Length - 1 do
                if index > 0 then
                    text.Append '.' |> ignore

                text.Append this.Cells[index] |> ignore

            text.ToString()

    /// Dotted decimal, for the debugger and F# Interactive.
    member this.Dotted = this.ToString()

    interface IEquatable<Oid> with
        member this.Equals other = this.Equals other

    interface IComparable<Oid> with
        member this.CompareTo other = this.CompareTo other

    interface IComparable with
        member this.CompareTo other =
            match other with
            | :? Oid as oid -> this.CompareTo oid
            | _ -> invalidArg (nameof other) "an OID is compared with an OID only"

/// Makes, reads and compares object identifiers.
module Oid =
    /// The most arcs that an object's name may have (RFC 2578 section 3.5).
    [<Literal>]
    let MaxLength = 128

    /// The OID without arcs.
    let empty: Oid = { Cells = [||] }

    /// Takes the array without copying it: the caller must not write to it again.
    let internal ofOwned (arcs: uint32[]) : Oid = { Cells = arcs }

    /// The OID with these arcs.
    let ofArcs (arcs: uint32 seq) : Oid = { Cells = Seq.toArray arcs }

    /// A copy of the arcs.
    let arcs (oid: Oid) : uint32[] = oid.Span.ToArray()

    /// The number of arcs.
    let length (oid: Oid) : int = oid.Length

    /// The arc at this index, counted from 0. Throws beyond the last one.
    let item (index: int) (oid: Oid) : uint32 = oid[index]

    /// Lexicographic order by arc: negative, 0 or positive.
    let compare (first: Oid) (second: Oid) : int = first.CompareTo second

    /// The OID with these arcs after its own, such as an instance after a column.
    let append (oid: Oid) (more: uint32[]) : Oid =
        let joined = Array.zeroCreate (oid.Length + more.Length)
        oid.Span.CopyTo(Span<uint32> joined)
        more.CopyTo(joined, oid.Length)
        ofOwned joined

    /// The OID with one more arc.
    let child (arc: uint32) (oid: Oid) : Oid = append oid [| arc |]

    /// Whether the OID begins with the prefix, or equals it.
    let isPrefixOf (prefix: Oid) (oid: Oid) : bool = oid.Span.StartsWith prefix.Span

    /// The arcs from this index on; empty beyond the last one.
    let from (index: int) (oid: Oid) : Oid =
        if index >= oid.Length then empty else ofOwned (oid.Span.Slice(index).ToArray())

    /// The arcs that follow the prefix, such as the instance after a column; `ValueNone` if it is no prefix.
    let suffix (prefix: Oid) (oid: Oid) : Oid voption =
        if isPrefixOf prefix oid then ValueSome(from prefix.Length oid) else ValueNone

    let private tryArc (text: string) : uint32 voption =
        match UInt32.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture) with
        | true, arc -> ValueSome arc
        | false, _ -> ValueNone

    /// Dotted decimal with or without a leading dot, 1 to 128 arcs of 32 bits; `None` for anything else.
    let tryParse (text: string) : Oid option =
        if String.IsNullOrEmpty text then
            None
        else
            let parts = (if text[0] = '.' then text.Substring 1 else text).Split '.'
            let parsed = Array.map tryArc parts

            if parsed.Length <= MaxLength && Array.forall ValueOption.isSome parsed then
                Some(ofOwned (Array.map ValueOption.get parsed))
            else
                None

    /// An OID that is written in the program. Throws if it is bad, which would be our own mistake.
    let parse (text: string) : Oid =
        match tryParse text with
        | Some oid -> oid
        | None -> invalidArg (nameof text) $"not an object identifier: '{text}'"

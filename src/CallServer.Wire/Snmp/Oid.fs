namespace CallServer.Wire

open System
open System.Globalization

/// An OBJECT IDENTIFIER: a sequence of arcs of 32 bits each (RFC 2578 section 3.5). Ordered lexicographically
/// by arc, as GetNext orders the objects of an agent. A relative one, such as a table's index, is the same
/// type. Immutable.
[<Struct; CustomEquality; CustomComparison; StructuredFormatDisplay("{Dotted}")>]
type Oid =
    private
        { Cells: uint32[] }

    /// `default(Oid)` holds no array: it is the empty OID.
    member internal this.Span: ReadOnlySpan<uint32> = ReadOnlySpan<uint32> this.Cells

    member this.Length = if isNull this.Cells then 0 else this.Cells.Length

    /// Arc number index, from 0.
    member this.Item
        with get (index: int): uint32 = this.Cells[index]

    member this.CompareTo(other: Oid) = this.Span.SequenceCompareTo other.Span

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

    /// Dotted decimal without a leading dot; the empty OID is the empty text.
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

module Oid =
    /// As many arcs as a name may have (RFC 2578 section 3.5).
    [<Literal>]
    let MaxLength = 128

    let empty: Oid = { Cells = [||] }

    /// Takes the array without a copy: the caller never writes to it again.
    let internal ofOwned (arcs: uint32[]) : Oid = { Cells = arcs }

    let ofArcs (arcs: uint32 seq) : Oid = { Cells = Seq.toArray arcs }

    /// A copy of the arcs.
    let arcs (oid: Oid) : uint32[] = oid.Span.ToArray()

    let length (oid: Oid) : int = oid.Length

    /// Arc number index, from 0.
    let item (index: int) (oid: Oid) : uint32 = oid[index]

    let compare (first: Oid) (second: Oid) : int = first.CompareTo second

    let append (oid: Oid) (more: uint32[]) : Oid =
        let joined = Array.zeroCreate (oid.Length + more.Length)
        oid.Span.CopyTo(Span<uint32> joined)
        more.CopyTo(joined, oid.Length)
        ofOwned joined

    let child (arc: uint32) (oid: Oid) : Oid = append oid [| arc |]

    /// True as well where both are equal.
    let isPrefixOf (prefix: Oid) (oid: Oid) : bool = oid.Span.StartsWith prefix.Span

    /// The arcs from number index on; empty where there are none.
    let from (index: int) (oid: Oid) : Oid =
        if index >= oid.Length then empty else ofOwned (oid.Span.Slice(index).ToArray())

    /// The arcs that follow the prefix, such as the instance after a column; none where it is not a prefix.
    let suffix (prefix: Oid) (oid: Oid) : Oid voption =
        if isPrefixOf prefix oid then ValueSome(from prefix.Length oid) else ValueNone

    let private tryArc (text: string) : uint32 voption =
        match UInt32.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture) with
        | true, arc -> ValueSome arc
        | false, _ -> ValueNone

    /// Dotted decimal with or without a leading dot, 1 to 128 arcs.
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

    /// For names that stand in the program; a bad one is our own mistake and throws.
    let parse (text: string) : Oid =
        match tryParse text with
        | Some oid -> oid
        | None -> invalidArg (nameof text) $"not an object identifier: '{text}'"

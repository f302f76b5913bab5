namespace CallServer.Wire

open System

/// A range of octets within a message.
[<Struct; NoEquality; NoComparison>]
type Slice =
    { Source: byte[]
      From: int
      Length: int }

    /// The octets, without a copy.
    member this.Span = ReadOnlySpan<byte>(this.Source, this.From, this.Length)
    /// A copy of the octets.
    member this.ToArray() = this.Span.ToArray()

    /// A copy of the octets, at most this many, so that the message need not be kept for them.
    member this.Own(most: int) : Slice =
        let length = min most this.Length
        { Source = this.Span.Slice(0, length).ToArray(); From = 0; Length = length }

/// A whole value in the message that contains it.
[<Struct; NoEquality; NoComparison>]
type BencodeView = { Octets: byte[]; Start: int }

/// Reads values in place, without allocating anything for them.
module BencodeView =
    /// The value that begins at this octet, or why it is not whole. Whatever follows it is ignored.
    let read (octets: byte[]) (start: int) : Result<BencodeView, BencodeError> =
        match BencodeScan.resume (ReadOnlySpan octets) (BencodeScan.start start) with
        | struct (_, BencodeProgress.Ends _) -> Ok { Octets = octets; Start = start }
        | struct (_, BencodeProgress.Broken error) -> Error error
        | struct (_, BencodeProgress.NeedsMore) ->
            Error { Offset = octets.Length; Problem = BencodeProblem.Unfinished }

    let private ending (octets: byte[]) (start: int) : int =
        match BencodeScan.resume (ReadOnlySpan octets) (BencodeScan.start start) with
        | struct (_, BencodeProgress.Ends at) -> at
        | struct (_, (BencodeProgress.NeedsMore | BencodeProgress.Broken _)) ->
            invalidOp "a view is of a whole value"

    let private isContainer (kind: byte) (view: BencodeView) = view.Octets[view.Start] = kind


    /// The octets of a string; `ValueNone` if the value is not a string.
    let text (view: BencodeView) : Slice voption =
        match BencodeScan.text (ReadOnlySpan view.Octets) view.Start with
        | ValueSome(struct (from, until)) ->
            ValueSome { Source = view.Octets; From = from; Length = int until - from }
        | ValueNone -> ValueNone

    /// A number, or a string of digits, which rtpengine uses for its uptime. `ValueNone` for anything else.
    let number (view: BencodeView) : int64 voption =
        if isContainer 'i'B view then
            match BencodeScan.number (ReadOnlySpan view.Octets) view.Start with
            | ValueSome(struct (value, _)) -> ValueSome value
            | ValueNone -> ValueNone
        else
            match text view with
            | ValueSome slice when slice.Length > 0 && slice.Length <= 20 ->
                let mutable value = 0L
                let mutable used = 0

                if Buffers.Text.Utf8Parser.TryParse(slice.Span, &value, &used) && used = slice.Length then
                    ValueSome value
                else
                    ValueNone
            | _ -> ValueNone

    /// Folds over every value of a list, in order. Returns the state unchanged if the value is not a list.
    let foldItems (folder: 'State -> BencodeView -> 'State) (state: 'State) (view: BencodeView) : 'State =
        let mutable state = state

        if isContainer 'l'B view then
            let mutable at = view.Start + 1

            while view.Octets[at] <> 'e'B do
                state <- folder state { view with Start = at }
                at <- ending view.Octets at

        state

    /// Folds over every key and value of a dictionary, in order. Returns the state unchanged if the value is not a dictionary.
    let foldMembers
        (folder: 'State -> Slice -> BencodeView -> 'State)
        (state: 'State)
        (view: BencodeView)
        : 'State =
        let mutable state = state

        if isContainer 'd'B view then
            let mutable at = view.Start + 1

            while view.Octets[at] <> 'e'B do
                match text { view with Start = at } with
                | ValueSome key ->
                    let value = { view with Start = key.From + key.Length }
                    state <- folder state key value
                    at <- ending view.Octets value.Start
                | ValueNone -> invalidOp "a view is of a whole value"

        state

    /// The first value under this ASCII key; `ValueNone` if there is none, or the value is not a dictionary.
    let tryFind (name: string) (view: BencodeView) : BencodeView voption =
        let mutable found = ValueNone

        if isContainer 'd'B view then
            let mutable at = view.Start + 1

            while found.IsNone && view.Octets[at] <> 'e'B do
                match text { view with Start = at } with
                | ValueSome key ->
                    let value = { view with Start = key.From + key.Length }

                    if Text.Ascii.Equals(key.Span, name.AsSpan()) then
                        found <- ValueSome value
                    else
                        at <- ending view.Octets value.Start
                | ValueNone -> invalidOp "a view is of a whole value"

        found

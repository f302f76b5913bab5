namespace CallServer.Wire

open System
open System.Buffers.Text
open System.Text
open System.Text.Json

/// A whole JSON value (RFC 8259) in the message that contains it.
[<Struct; NoEquality; NoComparison>]
type JsonView = { Octets: byte[]; Start: int; Length: int }

/// Reads an object whose beginning the reader has just read, to its end; nothing where it lacks what it must have.
type internal JsonObjectReader<'Item> = delegate of byref<Utf8JsonReader> -> 'Item voption

/// Reads values in place. Text that is no UTF-8 (a caller's name in Latin-1) is read with replacement characters.
module JsonView =
    /// How deep values may be nested.
    [<Literal>]
    let MaxDepth = 16

    let internal options = JsonReaderOptions(MaxDepth = MaxDepth)

    let internal reader (view: JsonView) : Utf8JsonReader =
        Utf8JsonReader(ReadOnlySpan(view.Octets, view.Start, view.Length), options)

    /// The text at the reader's position. An escape that stands for no character stays as written.
    let internal textAt (reader: byref<Utf8JsonReader>) : string =
        if not reader.ValueIsEscaped then
            Encoding.UTF8.GetString reader.ValueSpan
        else
            try
                reader.GetString()
            with :? InvalidOperationException ->
                Encoding.UTF8.GetString reader.ValueSpan

    /// The text at the reader's position; empty if there is a null or something else.
    let internal textOrEmpty (reader: byref<Utf8JsonReader>) : string =
        if reader.TokenType = JsonTokenType.String then textAt &reader else ""

    /// The whole number at the reader's position, as a number or as its digits in a string.
    let internal numberAt (reader: byref<Utf8JsonReader>) : int64 voption =
        let mutable number = 0L
        let mutable read = 0

        match reader.TokenType with
        | JsonTokenType.Number when reader.TryGetInt64 &number -> ValueSome number
        | JsonTokenType.String when
            Utf8Parser.TryParse(reader.ValueSpan, &number, &read) && read = reader.ValueSpan.Length
            ->
            ValueSome number
        | _ -> ValueNone

    /// Moves the reader from the name of a member to its value, if the name is this one; otherwise past the value.
    let rec private find (name: string) (reader: byref<Utf8JsonReader>) : bool =
        if not (reader.Read()) || reader.TokenType <> JsonTokenType.PropertyName then
            false
        elif reader.ValueTextEquals name then
            reader.Read()
        else
            reader.Skip()
            find name &reader

    /// Whether the reader moved to the member of this name in an object that begins the view.
    let private isAt (name: string) (reader: byref<Utf8JsonReader>) : bool =
        try
            reader.Read() && reader.TokenType = JsonTokenType.StartObject && find name &reader
        with
        | :? JsonException
        | :? InvalidOperationException -> false

    /// The texts of these members, whose names are in UTF-8, of the object whose beginning the reader has just read; empty where a member is
    /// not there, or no text. Moves the reader to the end of the object.
    let internal readTexts (names: byte[][]) (texts: string[]) (reader: byref<Utf8JsonReader>) : unit =
        Array.Fill(texts, "")

        while reader.Read() && reader.TokenType = JsonTokenType.PropertyName do
            let mutable at = 0

            while at < names.Length && not (reader.ValueTextEquals(ReadOnlySpan names[at])) do
                at <- at + 1

            reader.Read() |> ignore

            if at < names.Length then
                texts[at] <- textOrEmpty &reader

            reader.Skip()

    /// A member of an object; nothing where it is not there.
    let tryMember (name: string) (view: JsonView) : JsonView voption =
        let mutable reader = reader view

        try
            if isAt name &reader then
                let start = int reader.TokenStartIndex
                reader.Skip()
                ValueSome { view with Start = view.Start + start; Length = int reader.BytesConsumed - start }
            else
                ValueNone
        with :? JsonException ->
            ValueNone

    /// The text of a member of an object; nothing where it is not there, or no text.
    let tryText (name: string) (view: JsonView) : string voption =
        let mutable reader = reader view

        if isAt name &reader && reader.TokenType = JsonTokenType.String then
            ValueSome(textAt &reader)
        else
            ValueNone

    /// The whole number of a member of an object; nothing where it is not there, or no whole number.
    let tryNumber (name: string) (view: JsonView) : int64 voption =
        let mutable reader = reader view
        if isAt name &reader then numberAt &reader else ValueNone

    /// The number of a member of an object; nothing where it is not there, or no number that a decimal can hold.
    let tryDecimal (name: string) (view: JsonView) : decimal voption =
        let mutable reader = reader view
        let mutable number = 0m

        if isAt name &reader && reader.TokenType = JsonTokenType.Number && reader.TryGetDecimal &number then
            ValueSome number
        else
            ValueNone

    /// The values of an array, up to this many; none of what is no array.
    let items (most: int) (view: JsonView) : JsonView[] =
        let found = ResizeArray<JsonView>()
        let mutable reader = reader view

        try
            if reader.Read() && reader.TokenType = JsonTokenType.StartArray then
                while found.Count < most && reader.Read() && reader.TokenType <> JsonTokenType.EndArray do
                    let start = int reader.TokenStartIndex
                    reader.Skip()

                    found.Add
                        { view with Start = view.Start + start; Length = int reader.BytesConsumed - start }
        with :? JsonException ->
            ()

        found.ToArray()

    /// Takes the objects of the array whose beginning the reader has just read, in order, to the array's end, and counts the items that
    /// cannot be read. Throws what the reader throws.
    let internal foldObjectsAt
        (read: JsonObjectReader<'Item>)
        (take: 'State -> 'Item -> 'State)
        (state: 'State)
        (reader: byref<Utf8JsonReader>)
        : struct ('State * int) =
        let mutable state = state
        let mutable unreadable = 0

        while reader.Read() && reader.TokenType <> JsonTokenType.EndArray do
            if reader.TokenType = JsonTokenType.StartObject then
                match read.Invoke &reader with
                | ValueSome item -> state <- take state item
                | ValueNone -> unreadable <- unreadable + 1
            else
                reader.Skip()
                unreadable <- unreadable + 1

        struct (state, unreadable)

    /// The same for a view that is an array; nothing where it is none, or has no end.
    let internal foldObjects
        (read: JsonObjectReader<'Item>)
        (take: 'State -> 'Item -> 'State)
        (state: 'State)
        (view: JsonView)
        : struct ('State * int) voption =
        let mutable reader = reader view

        try
            if reader.Read() && reader.TokenType = JsonTokenType.StartArray then
                let folded = foldObjectsAt read take state &reader
                // Throws if anything but white space follows.
                reader.Read() |> ignore
                ValueSome folded
            else
                ValueNone
        with
        | :? JsonException
        | :? InvalidOperationException -> ValueNone

    /// A text by itself; nothing for another value.
    let asText (view: JsonView) : string voption =
        let mutable reader = reader view

        try
            if reader.Read() && reader.TokenType = JsonTokenType.String then
                ValueSome(textAt &reader)
            else
                ValueNone
        with :? JsonException ->
            ValueNone

    /// A whole number by itself, as a number or as its digits in a string; nothing for another value.
    let asNumber (view: JsonView) : int64 voption =
        let mutable reader = reader view

        try
            if reader.Read() then numberAt &reader else ValueNone
        with :? JsonException ->
            ValueNone

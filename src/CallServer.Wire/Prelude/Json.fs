namespace CallServer.Prelude

open System
open System.Globalization
open System.Text
open System.Text.Json

/// One mistake in a document that a person wrote, and where it stands: its path, such as `gateways[2].uri`,
/// and its line, counted from 1.
type Mistake =
    { Path: string
      Line: int
      Message: string }

    override this.ToString() = $"line {this.Line}: {this.Path}: {this.Message}"

/// A JSON value with its path and line.
[<NoEquality; NoComparison>]
type Json = { Path: string; Line: int; Value: JsonValue }

/// What a JSON value holds.
and [<NoEquality; NoComparison>] JsonValue =
    | Null
    | Boolean of bool
    /// The digits as written: the reader that asks for a number decides what range it accepts.
    | Number of string
    | Text of string
    | Items of Json[]
    /// In the order written, each name once. A member's line is the line of its name.
    | Members of struct (string * Json)[]

/// What a reader made of a value, or every mistake in it.
type Validation<'T> = Result<'T, Mistake list>

/// `validation { let! a = ... and! b = ... return ... }`: reads everything joined by `and!` and keeps every
/// mistake.
type ValidationBuilder() =
    member _.Return(value: 'T) : Validation<'T> = Ok value
    member _.ReturnFrom(value: Validation<'T>) = value
    member _.Bind(value: Validation<'T>, next: 'T -> Validation<'U>) : Validation<'U> = Result.bind next value
    member _.BindReturn(value: Validation<'T>, next: 'T -> 'U) : Validation<'U> = Result.map next value

    member _.MergeSources(first: Validation<'T>, second: Validation<'U>) : Validation<'T * 'U> =
        match first, second with
        | Ok a, Ok b -> Ok(a, b)
        | Error a, Ok _ -> Error a
        | Ok _, Error b -> Error b
        | Error a, Error b -> Error(a @ b)

/// Opens the `validation` builder to every file that opens the namespace.
[<AutoOpen>]
module ValidationExpression =
    /// The builder of `validation { ... }`.
    let validation = ValidationBuilder()

/// Reads JSON that a person wrote, and names every mistake with its place.
module Json =
    /// One mistake at this value.
    let fail (message: string) (node: Json) : Validation<'T> =
        Error [ { Path = node.Path; Line = node.Line; Message = message } ]

    let private isPlainName (name: string) =
        name.Length > 0 && Seq.forall (fun c -> Char.IsLetterOrDigit c || c = '-' || c = '_') name

    let private memberPath (path: string) (name: string) =
        let step = if isPlainName name then name else "[\"" + name + "\"]"

        if path = "$" then step
        elif isPlainName name then path + "." + step
        else path + step

    let private itemPath (path: string) (index: int) = if path = "$" then $"[{index}]" else $"{path}[{index}]"

    /// Counts lines as the reader moves on. It is asked about ever later offsets, so it never counts one
    /// twice.
    type private Lines(octets: byte[]) =
        let mutable seen = 0
        let mutable line = 1

        member _.At(offset: int64) =
            let next = min (int offset) octets.Length

            if next > seen then
                line <- line + MemoryExtensions.Count(ReadOnlySpan<byte>(octets, seen, next - seen), 10uy)
                seen <- next

            line

    exception private Misplaced of Mistake

    let rec private readValue
        (lines: Lines)
        (path: string)
        (line: int)
        (reader: byref<Utf8JsonReader>)
        : Json =
        let value =
            match reader.TokenType with
            | JsonTokenType.True -> Boolean true
            | JsonTokenType.False -> Boolean false
            | JsonTokenType.Number -> Number(Encoding.UTF8.GetString reader.ValueSpan)
            | JsonTokenType.String -> Text(reader.GetString())
            | JsonTokenType.StartArray -> readItems lines path &reader
            | JsonTokenType.StartObject -> readMembers lines path &reader
            | JsonTokenType.Null
            | _ -> Null

        { Path = path; Line = line; Value = value }

    and private readItems lines path (reader: byref<Utf8JsonReader>) : JsonValue =
        let items = ResizeArray<Json>()

        while reader.Read() && reader.TokenType <> JsonTokenType.EndArray do
            let line = lines.At reader.TokenStartIndex
            items.Add(readValue lines (itemPath path items.Count) line &reader)

        Items(items.ToArray())

    and private readMembers lines path (reader: byref<Utf8JsonReader>) : JsonValue =
        let members = ResizeArray<struct (string * Json)>()
        let names = Collections.Generic.HashSet<string>()

        while reader.Read() && reader.TokenType <> JsonTokenType.EndObject do
            let line = lines.At reader.TokenStartIndex
            let name = reader.GetString()

            if not (names.Add name) then
                raise (
                    Misplaced
                        { Path = memberPath path name; Line = line; Message = "stands here a second time" }
                )

            reader.Read() |> ignore
            members.Add(struct (name, readValue lines (memberPath path name) line &reader))

        Members(members.ToArray())

    let private byteOrderMark = [| 0xEFuy; 0xBBuy; 0xBFuy |]

    /// Reads a whole document in UTF-8, with or without a byte order mark. Comments and trailing commas are
    /// allowed; a name that stands twice in one object is a mistake.
    let parseOctets (octets: byte[]) : Validation<Json> =
        let octets =
            if octets.AsSpan().StartsWith(ReadOnlySpan<byte> byteOrderMark) then
                octets[3..]
            else
                octets

        let failed line message : Validation<Json> = Error [ { Path = "$"; Line = line; Message = message } ]

        let lines = Lines octets

        try
            let options =
                JsonReaderOptions(CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true)

            let mutable reader = Utf8JsonReader(ReadOnlySpan<byte> octets, options)
            reader.Read() |> ignore
            let root = readValue lines "$" (lines.At reader.TokenStartIndex) &reader
            // Throws where anything but white space follows the root.
            reader.Read() |> ignore
            Ok root
        with
        | Misplaced mistake -> Error [ mistake ]
        | :? JsonException as fault ->
            let line = if fault.LineNumber.HasValue then int fault.LineNumber.Value + 1 else 1
            let cut = fault.Message.IndexOf(" LineNumber:", StringComparison.Ordinal)
            let message = if cut > 0 then fault.Message[.. cut - 1] else fault.Message
            failed line $"not JSON: {message}"
        | :? InvalidOperationException -> failed (lines.At 0L) "not JSON: a text holds what is no character"

    /// Reads a whole document; see `parseOctets`.
    let parse (text: string) : Validation<Json> = parseOctets (Encoding.UTF8.GetBytes text)

    /// What the value is, in words for messages.
    let kind (node: Json) : string =
        match node.Value with
        | Null -> "null"
        | Boolean _ -> "true or false"
        | Number _ -> "a number"
        | Text _ -> "a text"
        | Items _ -> "a list"
        | Members _ -> "an object"

    let private expected (what: string) (node: Json) : Validation<'T> =
        fail $"{what} is expected here, not {kind node}" node

    /// All the answers, or all the mistakes.
    let collect (results: Validation<'T> seq) : Validation<'T list> =
        let folder (result: Validation<'T>) (rest: Validation<'T list>) =
            match result, rest with
            | Ok value, Ok values -> Ok(value :: values)
            | Error some, Error more -> Error(some @ more)
            | Error some, Ok _ -> Error some
            | Ok _, Error more -> Error more

        Seq.foldBack folder results (Ok [])

    /// A text; a mistake for any other value.
    let text (node: Json) : Validation<string> =
        match node.Value with
        | Text text -> Ok text
        | _ -> expected "a text" node

    /// True or false; a mistake for any other value.
    let boolean (node: Json) : Validation<bool> =
        match node.Value with
        | Boolean value -> Ok value
        | _ -> expected "true or false" node

    /// A whole number from low to high; a mistake otherwise.
    let integer (low: int64) (high: int64) (node: Json) : Validation<int64> =
        match node.Value with
        | Number written ->
            match Int64.TryParse(written, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture) with
            | true, value when value >= low && value <= high -> Ok value
            | _ -> fail $"a whole number from {low} to {high} is expected here, not {written}" node
        | _ -> expected "a whole number" node

    /// A number from low to high; a mistake otherwise.
    let number (low: float) (high: float) (node: Json) : Validation<float> =
        match node.Value with
        | Number written ->
            match Double.TryParse(written, NumberStyles.Float, CultureInfo.InvariantCulture) with
            | true, value when value >= low && value <= high -> Ok value
            | _ -> fail $"a number from {low} to {high} is expected here, not {written}" node
        | _ -> expected "a number" node

    /// A text that `convert` understands; `what` tells the person what was expected.
    let textAs (what: string) (convert: string -> 'T option) (node: Json) : Validation<'T> =
        match node.Value with
        | Text text ->
            match convert text with
            | Some value -> Ok value
            | None -> fail $"'{text}' is not {what}" node
        | _ -> expected what node

    /// The value that belongs to one of these words; the mistake lists them.
    let oneOf (words: (string * 'T) list) (node: Json) : Validation<'T> =
        let convert text = words |> List.tryFind (fun (word, _) -> word = text) |> Option.map snd
        textAs ("one of " + String.Join(", ", List.map fst words)) convert node

    /// A list whose every item `item` can read; keeps the mistakes of all items.
    let list (item: Json -> Validation<'T>) (node: Json) : Validation<'T list> =
        match node.Value with
        | Items items -> items |> Seq.map item |> collect
        | _ -> expected "a list" node

    /// Every member of an object whose names the writer chose freely.
    let entries (value: string -> Json -> Validation<'T>) (node: Json) : Validation<(string * 'T) list> =
        match node.Value with
        | Members members ->
            members
            |> Seq.map (fun struct (name, child) -> value name child |> Result.map (fun read -> name, read))
            |> collect
        | _ -> expected "an object" node

    /// The member with this name; `None` if there is none, if it is null, or if this is no object.
    let tryMember (name: string) (node: Json) : Json option =
        match node.Value with
        | Members members ->
            members
            |> Array.tryPick (fun struct (key, child) ->
                match child.Value with
                | Null -> None
                | _ -> if key = name then Some child else None)
        | _ -> None

    /// Requires an object with no other members than these: a misspelt name is a mistake and not silently
    /// ignored.
    let onlyMembers (known: string list) (node: Json) : Validation<unit> =
        match node.Value with
        | Members members ->
            let strangers =
                [ for struct (name, child) in members do
                      if not (List.contains name known) then
                          { Path = child.Path
                            Line = child.Line
                            Message = "is not known here; known are " + String.Join(", ", known) } ]

            if List.isEmpty strangers then Ok() else Error strangers
        | _ -> expected "an object" node

    let private isObject (node: Json) =
        match node.Value with
        | Members _ -> true
        | _ -> false

    /// Reads a member that must be there. Adds no mistake if the node is no object: `onlyMembers` reports
    /// that once.
    let required (name: string) (read: Json -> Validation<'T>) (node: Json) : Validation<'T> =
        match tryMember name node with
        | Some child -> read child
        | None when isObject node -> fail $"lacks \"{name}\"" node
        | None -> Error []

    /// Reads a member that may be missing or null: then `None`.
    let optional (name: string) (read: Json -> Validation<'T>) (node: Json) : Validation<'T option> =
        match tryMember name node with
        | Some child -> read child |> Result.map Some
        | None -> Ok None

    /// Reads a member that may be missing or null: then the fallback.
    let withDefault
        (name: string)
        (fallback: 'T)
        (read: Json -> Validation<'T>)
        (node: Json)
        : Validation<'T> =
        optional name read node |> Result.map (Option.defaultValue fallback)

namespace CallServer.Surface

open System
open System.Collections.Generic
open System.Runtime.InteropServices
open CallServer.Prelude

/// What kind of JSON value a document is (RFC 8259 §3).
type DocumentKind =
    | Null = 0
    | Boolean = 1
    | Number = 2
    | Text = 3
    | Items = 4
    | Members = 5

/// What is wrong with a document, and where.
[<Sealed; AllowNullLiteral>]
type DocumentMistake(path: string, line: int, message: string) =
    /// Such as `gateways[2].uri`; `$` is the whole document.
    member _.Path = path
    /// From 1; 0 if the value did not come from the file.
    member _.Line = line
    /// What is wrong, in words.
    member _.Message = message
    /// Place and message in one line.
    override _.ToString() = string { Mistake.Path = path; Line = line; Message = message }

/// A value of a JSON document, in which comments and trailing commas are allowed, and its place.
[<Sealed; AllowNullLiteral>]
type Document internal (node: Json) =
    member internal _.Node = node
    /// Such as `gateways[2].uri`; `$` is the whole document.
    member _.Path = node.Path
    /// From 1; 0 if it did not come from the file.
    member _.Line = node.Line

    /// Which of the six kinds of JSON value it is.
    member _.Kind =
        match node.Value with
        | JsonValue.Null -> DocumentKind.Null
        | JsonValue.Boolean _ -> DocumentKind.Boolean
        | JsonValue.Number _ -> DocumentKind.Number
        | JsonValue.Text _ -> DocumentKind.Text
        | JsonValue.Items _ -> DocumentKind.Items
        | JsonValue.Members _ -> DocumentKind.Members

    /// What it is, in words for messages.
    member _.KindInWords = Json.kind node

    /// A text, a number as written, or `true` and `false`; null for anything else.
    member _.Scalar: string =
        match node.Value with
        | JsonValue.Text text -> text
        | JsonValue.Number written -> written
        | JsonValue.Boolean value -> if value then "true" else "false"
        | JsonValue.Null
        | JsonValue.Items _
        | JsonValue.Members _ -> null

    /// The items of a list; empty if it is no list.
    member _.Items: IReadOnlyList<Document> =
        match node.Value with
        | JsonValue.Items items -> [| for item in items -> Document item |]
        | _ -> [||]

    /// The members of an object in the order written, each name once; empty if it is no object.
    member _.Members: IReadOnlyList<KeyValuePair<string, Document>> =
        match node.Value with
        | JsonValue.Members members ->
            [| for struct (name, child) in members -> KeyValuePair(name, Document child) |]
        | _ -> [||]

    /// The document with a text at this place (names, and indices in lists), replacing what was there. An
    /// index one past the end adds an item. False if a value on the way has no such parts.
    member _.TryWith
        (steps: IReadOnlyList<string>, text: string, origin: string, [<Out>] changed: byref<Document>)
        : bool =
        let at value : Json = { Path = origin; Line = 0; Value = value }

        let rec put (steps: string list) (present: Json voption) : Json voption =
            match steps with
            | [] -> ValueSome(at (JsonValue.Text text))
            | step :: rest ->
                let here, value =
                    match present with
                    | ValueSome { Value = JsonValue.Null }
                    | ValueNone -> at (JsonValue.Members [||]), JsonValue.Members [||]
                    | ValueSome present -> present, present.Value

                match value with
                | JsonValue.Members members ->
                    let index = members |> Array.tryFindIndex (fun struct (name, _) -> name = step)

                    let child =
                        match index with
                        | Some index ->
                            let struct (_, child) = members[index]
                            ValueSome child
                        | None -> ValueNone

                    put rest child
                    |> ValueOption.map (fun child ->
                        let members =
                            match index with
                            | Some index -> Array.updateAt index (struct (step, child)) members
                            | None -> Array.append members [| struct (step, child) |]

                        { here with Value = JsonValue.Members members })
                | JsonValue.Items items ->
                    match Int32.TryParse step with
                    | true, index when index >= 0 && index <= items.Length ->
                        let child = if index < items.Length then ValueSome items[index] else ValueNone

                        put rest child
                        |> ValueOption.map (fun child ->
                            let items =
                                if index < items.Length then
                                    Array.updateAt index child items
                                else
                                    Array.append items [| child |]

                            { here with Value = JsonValue.Items items })
                    | _ -> ValueNone
                | JsonValue.Null
                | JsonValue.Boolean _
                | JsonValue.Number _
                | JsonValue.Text _ -> ValueNone

        match put (List.ofSeq steps) (ValueSome node) with
        | ValueSome next ->
            changed <- Document next
            true
        | ValueNone -> false

    /// Reads a whole document. Returns no mistakes and the document, or the mistakes and null.
    static member TryParse
        (octets: byte[], [<Out>] document: byref<Document>)
        : IReadOnlyList<DocumentMistake> =
        match Json.parseOctets octets with
        | Ok node ->
            document <- Document node
            [||]
        | Error mistakes -> Document.Mistakes mistakes

    static member internal Mistakes(mistakes: Mistake list) : IReadOnlyList<DocumentMistake> =
        [| for mistake in mistakes -> DocumentMistake(mistake.Path, mistake.Line, mistake.Message) |]

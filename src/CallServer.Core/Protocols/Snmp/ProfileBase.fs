namespace CallServer.Protocols.Snmp

open System
open CallServer.Prelude
open CallServer.Wire

/// A profile that is a built-in one with other values, or the same tables elsewhere: `"as"` names it, `"roots"` says what stands where.
/// A member of its own takes the place of the built-in one's as a whole; null leaves it out.
module internal ProfileBase =
    let private own = [ "as"; "roots" ]

    let private roots (node: Json) : Validation<(Oid * Oid) list> =
        let one (name: string) child =
            match Oid.tryParse name with
            | Some root -> ProfileSource.oid child |> Result.map (fun moved -> root, moved)
            | None -> Json.fail $"'{name}' is not an object identifier such as 1.3.6.1.4.1.9" child

        Json.withDefault "roots" [] (Json.entries one) node |> Result.map (List.map (fun (_, pair) -> pair))

    let private move (roots: (Oid * Oid) list) (text: string) : string =
        match Oid.tryParse text with
        | None -> text
        | Some oid ->
            roots
            |> List.tryPick (fun (root, moved) ->
                match Oid.suffix root oid with
                | ValueSome rest -> Some(string (Oid.append moved (Oid.arcs rest)))
                | ValueNone -> None)
            |> Option.defaultValue text

    /// What the built-in profile says, at the place of the one that is made of it: its mistakes are that one's.
    let rec private settled roots (place: Json) (line: int) (node: Json) : Json =
        let path =
            if place.Path = "$" || node.Path = "$" then
                (if node.Path = "$" then place.Path else node.Path)
            elif node.Path.StartsWith '[' then
                place.Path + node.Path
            else
                place.Path + "." + node.Path

        let value =
            match node.Value with
            | JsonValue.Text text -> JsonValue.Text(move roots text)
            | JsonValue.Items items -> JsonValue.Items(Array.map (settled roots place line) items)
            | JsonValue.Members members ->
                JsonValue.Members(
                    members
                    |> Array.map (fun struct (name, child) -> struct (name, settled roots place line child))
                )
            | JsonValue.Null
            | JsonValue.Boolean _
            | JsonValue.Number _ as plain -> plain

        { Path = path; Line = line; Value = value }

    let private membersOf (node: Json) =
        match node.Value with
        | JsonValue.Members members -> members
        | _ -> [||]

    /// The profile's whole JSON: its own where it is made of no other.
    let rec whole (node: Json) : Validation<Json> =
        match Json.tryMember "as" node with
        | None ->
            match Json.tryMember "roots" node with
            | Some child -> Json.fail "is for a profile that is made of another: it lacks \"as\"" child
            | None -> Ok node
        | Some child ->
            let words = String.Join(", ", ProfileTexts.names)

            validation {
                let! built = Json.textAs $"one of the built-in profiles: {words}" ProfileTexts.tryOctets child
                and! roots = roots node
                let! parsed = Json.parseOctets built
                let! bottom = whole parsed

                let mine =
                    membersOf node |> Array.filter (fun struct (name, _) -> not (List.contains name own))

                let replaced = mine |> Array.map (fun struct (name, _) -> name) |> Set.ofArray

                let taken =
                    membersOf bottom
                    |> Array.filter (fun struct (name, _) -> not (replaced.Contains name))
                    |> Array.map (fun struct (name, value) ->
                        struct (name, settled roots node child.Line value))

                return { node with Value = JsonValue.Members(Array.append taken mine) }
            }

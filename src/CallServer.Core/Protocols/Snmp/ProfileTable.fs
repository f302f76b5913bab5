namespace CallServer.Protocols.Snmp

open System
open CallServer.Prelude
open CallServer.Ledger
open CallServer.Wire

/// A table in a profile's JSON: its shape, and what its columns mean.
module internal ProfileTable =
    open ProfileSource
    open ProfileTime
    open ProfileProof

    /// As many columns as a request may sensibly ask for.
    [<Literal>]
    let private MaxColumns = 48

    /// Every name that sources may use, whatever else is wrong with the profile.
    let namesOf (node: Json) : Names =
        let names = Names()
        names["instance"] <- Instance

        let note (name: string) field =
            if not (names.ContainsKey name) then
                names[name] <- field

        let membersOf (child: Json option) =
            match child with
            | Some { Value = JsonValue.Members members } -> List.ofArray members
            | _ -> []

        let columns child = [ for struct (column, _) in membersOf child -> column ]

        let joined =
            [ for struct (_, table) in membersOf (Json.tryMember "joined" node) do
                  yield! columns (Some table) ]

        columns (Json.tryMember "columns" node) @ columns (Json.tryMember "nested" node) @ joined
        |> List.iteri (fun number column -> note column (Column number))

        match Json.tryMember "index" node with
        | Some { Value = JsonValue.Items parts } ->
            parts
            |> Array.iteri (fun number part ->
                match Json.tryMember "name" part with
                | Some { Value = JsonValue.Text name } -> note name (Part number)
                | _ -> ())
        | _ -> ()

        names

    let private indexKinds =
        [ "number", IndexNumber; "timeStamp", IndexTimeStamp; "address", IndexAddress; "text", IndexText ]

    let private indexPart (node: Json) : Validation<IndexPart> =
        validation {
            let! () = Json.onlyMembers [ "name"; "kind" ] node
            and! name = Json.required "name" Json.text node
            and! kind = Json.withDefault "kind" IndexNumber (Json.oneOf indexKinds) node
            return ({ Name = name; Kind = kind }: IndexPart)
        }

    let private columnsIn (joint: Joint) (node: Json) : Validation<ColumnDefinition list> =
        let column name child = oid child |> Result.map (fun oid -> { Name = name; Oid = oid; Joint = joint })
        Json.entries column node |> Result.map (List.map snd)

    let private columnsOf (name: string) (joint: Joint) (node: Json) : Validation<ColumnDefinition list> =
        Json.withDefault name [] (columnsIn joint) node

    /// `"joined": { "callIndex": { "duration": "1.3.6..." } }`: columns of a table that the row's `callIndex` points into.
    let private joinedOf (own: ColumnDefinition list) (node: Json) : Validation<ColumnDefinition list> =
        let table (pointer: string) child =
            match own |> List.tryFindIndex (fun column -> column.Name = pointer) with
            | Some column -> columnsIn (PointedToBy column) child
            | None -> Json.fail $"'{pointer}' is not one of \"columns\"" child

        Json.withDefault "joined" [] (Json.entries table) node |> Result.map (List.collect snd)

    /// The names of columns and index parts, each once.
    let private distinctNames (index: IndexPart list) (columns: ColumnDefinition list) (node: Json) =
        let all = "instance" :: [ for part in index -> part.Name ] @ [ for column in columns -> column.Name ]

        match all |> List.countBy id |> List.filter (fun (_, count) -> count > 1) with
        | [] -> Ok()
        | repeated ->
            let names = String.Join(", ", List.map fst repeated)
            Json.fail $"uses these names more than once: {names}" node

    let private identity (columns: ColumnDefinition list) (node: Json) : Validation<int> =
        let resolve name =
            columns |> List.tryFindIndex (fun column -> column.Name = name && column.Joint = SameIndex)

        Json.textAs "one of \"columns\"" resolve node

    let private notEmpty (what: string) (items: 'T list) (node: Json) : Validation<unit> =
        if List.isEmpty items then Json.fail $"needs at least one {what}" node else Ok()

    /// What a row tells of its connection, in the same words in a table of connections and in a history.
    let told =
        [ "stamp"
          "call"
          "endpoint"
          "originator"
          "remote"
          "direction"
          "codec"
          "qos"
          "mode"
          "state"
          "localMedia"
          "remoteMedia" ]

    let members =
        [ "about"
          "index"
          "columns"
          "nested"
          "joined"
          "identity"
          "subtrees"
          "positional"
          "where"
          "id"
          "setup"
          "start"
          "active"
          "mayRing"
          "clock"
          "count"
          "trust"
          "emptyNeedsCount"
          "boot"
          "serves"
          "history"
          "absencesToClose"
          "idsTiedToBoot"
          "reusesIds"
          "staleness"
          "driftPpm" ]
        @ told

    let private noQos: QosSources = { Dscp = []; Service = []; Reported = [] }

    /// The table's shape: index, columns and how they are walked; the rest of the profile is empty.
    let table (name: string) (node: Json) : Validation<Profile> =
        validation {
            let! about = Json.withDefault "about" "" Json.text node
            and! index = Json.withDefault "index" [] (Json.list indexPart) node
            and! columns = columnsOf "columns" SameIndex node
            and! nested = columnsOf "nested" BeginsWithIndex node
            and! subtrees = Json.withDefault "subtrees" [] (oneOrMany oid) node
            and! positional = Json.withDefault "positional" false Json.boolean node
            and! counts = Json.withDefault "count" [] (oneOrMany count) node
            and! trust = Json.withDefault "trust" [] (oneOrMany precondition) node
            and! emptyNeedsCount = Json.withDefault "emptyNeedsCount" false Json.boolean node
            and! boot = Json.withDefault "boot" Profile.agentBoot boot node
            and! clock = Json.optional "clock" clock node
            and! serves = Json.withDefault "serves" [] (oneOrMany oid) node
            and! traits = traits node
            let! joined = joinedOf columns node
            let all = columns @ nested @ joined

            let! () = distinctNames index all node
            and! () = notEmpty "part in \"index\"" index node
            and! () = notEmpty "column in \"columns\"" columns node

            and! () =
                if all.Length <= MaxColumns then
                    Ok()
                else
                    Json.fail $"has more than {MaxColumns} columns" node

            let! identity = Json.required "identity" (oneOrMany (identity columns)) node
            let! () = notEmpty "column in \"identity\"" identity node

            return
                { Name = name
                  About = about
                  Index = List.toArray index
                  Columns = List.toArray all
                  Identity = List.toArray identity
                  Subtrees = List.toArray subtrees
                  Positional = positional
                  MayRing = ValueNone
                  Where = []
                  Id = []
                  Stamp = []
                  Call = []
                  Endpoint = []
                  Originator = []
                  Remote = []
                  Direction = []
                  Codec = []
                  Qos = noQos
                  Mode = []
                  State = []
                  LocalMedia = []
                  RemoteMedia = []
                  Setup = []
                  Start = []
                  Active = []
                  Clock = ValueOption.ofOption clock
                  Counts = List.toArray counts
                  Trust = List.toArray trust
                  EmptyNeedsCount = emptyNeedsCount
                  Boot = boot
                  Serves = List.toArray serves
                  History = ValueNone
                  Traits = traits }
        }

    /// `true`, `false`, or the conditions under which a row may ring.
    let private mayRing (names: Names) (node: Json) : Validation<Condition list voption> =
        match node.Value with
        | JsonValue.Members _ -> conditions names node |> Result.map ValueSome
        | _ -> Json.boolean node |> Result.map (fun always -> if always then ValueSome [] else ValueNone)

    /// The row's own columns that say whether it is listed at all: what they say has to be known of every row. Other tables are read
    /// apart, and what is not told of them must not hide a row.
    let private deciding (profile: Profile) (filter: Condition list) (node: Json) : Validation<int list> =
        filter
        |> List.choose (fun condition ->
            match condition.Field with
            | Column column when profile.Columns[column].Joint = SameIndex -> Some(Ok column)
            | Column column ->
                let place = Json.tryMember "where" node |> Option.defaultValue node

                Some(
                    Json.fail
                        $"takes columns of \"columns\" and parts of the index, not {profile.Columns[column].Name}"
                        place
                )
            | Part _
            | Instance
            | Words _ -> None)
        |> Json.collect

    /// What the columns mean, as a change to the profile that `table` made.
    let meaning
        (allowed: string list)
        (names: Names)
        (node: Json)
        : Validation<Profile -> Validation<Profile>> =
        validation {
            let! () = Json.onlyMembers allowed node
            and! filter = conditionsOf "where" names node
            and! id = Json.required "id" (oneOrMany (source names)) node
            and! stamp = sourcesOf "stamp" names node
            and! call = sourcesOf "call" names node
            and! endpoint = sourcesOf "endpoint" names node
            and! originator = sourcesOf "originator" names node
            and! remote = sourcesOf "remote" names node
            and! direction = sourcesOf "direction" names node
            and! codec = Json.withDefault "codec" [] (oneOrMany (codec names)) node
            and! qos = Json.withDefault "qos" noQos (qos names) node
            and! mode = sourcesOf "mode" names node
            and! state = sourcesOf "state" names node
            and! local = Json.withDefault "localMedia" [] (oneOrMany (address names)) node
            and! remoteMedia = Json.withDefault "remoteMedia" [] (oneOrMany (address names)) node
            and! setup = Json.withDefault "setup" [] (oneOrMany (time names)) node
            and! start = Json.withDefault "start" [] (oneOrMany (time names)) node
            and! active = conditionsOf "active" names node
            and! mayRing = Json.withDefault "mayRing" ValueNone (mayRing names) node

            return
                fun profile ->
                    deciding profile filter node
                    |> Result.map (fun deciding ->
                        { profile with
                            Identity = Array.distinct (Array.append profile.Identity (Array.ofList deciding))
                            Where = filter
                            Id = id
                            Stamp = stamp
                            Call = call
                            Endpoint = endpoint
                            Originator = originator
                            Remote = remote
                            Direction = direction
                            Codec = codec
                            Qos = qos
                            Mode = mode
                            State = state
                            LocalMedia = local
                            RemoteMedia = remoteMedia
                            Setup = setup
                            Start = start
                            Active = active
                            MayRing = mayRing })
        }

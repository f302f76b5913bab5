namespace CallServer.Audit

open System
open CallServer.Prelude
open CallServer.Ledger
open CallServer.Wire

/// A profile from its JSON: the built-in ones, and those in the server's configuration under "profiles".
module ProfileJson =
    open ProfileSource

    /// As many columns as a request may sensibly ask for.
    [<Literal>]
    let private MaxColumns = 48

    /// Every name that sources may use, whatever else is wrong with the profile.
    let private namesOf (node: Json) : Names =
        let names = Names()
        names["instance"] <- Instance

        let note (name: string) field =
            if not (names.ContainsKey name) then
                names[name] <- field

        let columns name =
            match Json.tryMember name node with
            | Some { Value = JsonValue.Members members } -> [ for struct (column, _) in members -> column ]
            | _ -> []

        columns "columns" @ columns "nested"
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

    let private columnsOf (name: string) (joint: Joint) (node: Json) : Validation<ColumnDefinition list> =
        let column name child = oid child |> Result.map (fun oid -> { Name = name; Oid = oid; Joint = joint })

        Json.withDefault name [] (fun child -> Json.entries column child |> Result.map (List.map snd)) node

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

    let private count (node: Json) : Validation<CountCheck> =
        validation {
            let! () = Json.onlyMembers [ "scalars"; "rowsPerUnit" ] node
            and! scalars = Json.required "scalars" (oneOrMany oid) node
            and! rows = Json.withDefault "rowsPerUnit" 1L (Json.integer 1L 1000L) node

            return { Scalars = List.toArray scalars; RowsPerUnit = int rows }
        }

    let private boot (node: Json) : Validation<BootEvidence> =
        validation {
            let! () = Json.onlyMembers [ "token"; "scope"; "upTime" ] node
            and! token = Json.withDefault "token" (List.ofArray Profile.engineToken) (oneOrMany oid) node

            and! scope =
                Json.withDefault "scope" OfAgent (Json.oneOf [ "agent", OfAgent; "gateway", OfGateway ]) node

            and! upTime = Json.withDefault "upTime" Profile.sysUpTime oid node

            return { Token = List.toArray token; Scope = scope; UpTime = upTime }
        }

    let private clock (node: Json) : Validation<ClockScalar> =
        validation {
            let! () = Json.onlyMembers [ "scalar"; "resolution" ] node
            and! scalar = Json.required "scalar" oid node
            and! resolution = Json.withDefault "resolution" (TimeSpan.FromMilliseconds 100.0) span node
            return ({ Oid = scalar; Resolution = resolution }: ClockScalar)
        }

    let private traits (node: Json) : Validation<Traits> =
        validation {
            let! absences = Json.withDefault "absencesToClose" 1L (Json.integer 1L 100L) node
            and! tied = Json.withDefault "idsTiedToBoot" false Json.boolean node
            and! reuses = Json.withDefault "reusesIds" false Json.boolean node
            and! staleness = Json.withDefault "staleness" TimeSpan.Zero span node
            and! drift = Json.withDefault "driftPpm" Profile.DefaultDriftPpm (Json.number 0.0 100000.0) node

            return
                { AbsencesToClose = int absences
                  IdsTiedToBoot = tied
                  ReusesIds = reuses
                  Staleness = staleness
                  DriftPpm = drift }
        }

    let private known =
        [ "about"
          "index"
          "columns"
          "nested"
          "identity"
          "subtrees"
          "positional"
          "where"
          "id"
          "stamp"
          "call"
          "endpoint"
          "originator"
          "remote"
          "codec"
          "qos"
          "mode"
          "state"
          "localMedia"
          "remoteMedia"
          "setup"
          "start"
          "active"
          "mayRing"
          "clock"
          "count"
          "boot"
          "serves"
          "history"
          "absencesToClose"
          "idsTiedToBoot"
          "reusesIds"
          "staleness"
          "driftPpm" ]

    let private noQos: QosSources = { Dscp = []; Service = []; Reported = [] }

    /// The table's shape: index, columns and how they are walked; the rest of the profile is empty.
    let private table (name: string) (node: Json) : Validation<Profile> =
        validation {
            let! about = Json.withDefault "about" "" Json.text node
            and! index = Json.withDefault "index" [] (Json.list indexPart) node
            and! columns = columnsOf "columns" SameIndex node
            and! nested = columnsOf "nested" BeginsWithIndex node
            and! subtrees = Json.withDefault "subtrees" [] (oneOrMany oid) node
            and! positional = Json.withDefault "positional" false Json.boolean node
            and! mayRing = Json.withDefault "mayRing" false Json.boolean node
            and! count = Json.optional "count" count node
            and! boot = Json.withDefault "boot" Profile.agentBoot boot node
            and! clock = Json.optional "clock" clock node
            and! serves = Json.withDefault "serves" [] (oneOrMany oid) node
            and! traits = traits node
            let all = columns @ nested

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
                  MayRing = mayRing
                  Where = []
                  Id = []
                  Stamp = []
                  Call = []
                  Endpoint = []
                  Originator = []
                  Remote = []
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
                  Count = ValueOption.ofOption count
                  Boot = boot
                  Serves = List.toArray serves
                  History = ValueNone
                  Traits = traits }
        }

    /// What the columns mean, as a change to the profile that `table` made.
    let private meaning (members: string list) (names: Names) (node: Json) : Validation<Profile -> Profile> =
        validation {
            let! () = Json.onlyMembers members node
            and! filter = conditionsOf "where" names node
            and! id = Json.required "id" (oneOrMany (source names)) node
            and! stamp = sourcesOf "stamp" names node
            and! call = sourcesOf "call" names node
            and! endpoint = sourcesOf "endpoint" names node
            and! originator = sourcesOf "originator" names node
            and! remote = sourcesOf "remote" names node
            and! codec = Json.withDefault "codec" [] (oneOrMany (codec names)) node
            and! qos = Json.withDefault "qos" noQos (qos names) node
            and! mode = sourcesOf "mode" names node
            and! state = sourcesOf "state" names node
            and! local = Json.withDefault "localMedia" [] (oneOrMany (address names)) node
            and! remoteMedia = Json.withDefault "remoteMedia" [] (oneOrMany (address names)) node
            and! setup = Json.withDefault "setup" [] (oneOrMany (time names)) node
            and! start = Json.withDefault "start" [] (oneOrMany (time names)) node
            and! active = conditionsOf "active" names node

            return
                fun profile ->
                    { profile with
                        Where = filter
                        Id = id
                        Stamp = stamp
                        Call = call
                        Endpoint = endpoint
                        Originator = originator
                        Remote = remote
                        Codec = codec
                        Qos = qos
                        Mode = mode
                        State = state
                        LocalMedia = local
                        RemoteMedia = remoteMedia
                        Setup = setup
                        Start = start
                        Active = active }
        }

    /// Of a history's members, those of a table of connections besides its own.
    let private historyMembers =
        [ "order"; "moved"; "like"; "end"; "cause"; "counters"; "ids" ]
        @ (known
           |> List.except
               [ "about"; "nested"; "positional"; "mayRing"; "active"; "clock"; "count"; "boot"; "history" ])

    /// What a history may tell in the very way of the table of connections, from columns of the same names.
    let private alike =
        [ "stamp"
          "call"
          "endpoint"
          "originator"
          "remote"
          "codec"
          "qos"
          "mode"
          "state"
          "localMedia"
          "remoteMedia" ]

    /// A history's JSON with what it says to be as in the profile's.
    let private withAlike (profile: Json) (node: Json) : Validation<Json> =
        validation {
            let! like =
                Json.withDefault "like" [] (oneOrMany (Json.oneOf [ for name in alike -> name, name ])) node

            return
                match node.Value with
                | JsonValue.Members own ->
                    let taken =
                        [| for name in like do
                               match Json.tryMember name profile with
                               | Some child -> struct (name, child)
                               | None -> () |]

                    { node with Value = JsonValue.Members(Array.append own taken) }
                | _ -> node
        }

    let private order (node: Json) : Validation<HistoryOrder> =
        validation {
            let! order =
                Json.required
                    "order"
                    (Json.oneOf [ for word in [ "end"; "setup"; "none" ] -> word, word ])
                    node

            and! moved = Json.optional "moved" oid node

            return
                match order with
                | "end" -> ByEnd
                | "setup" -> BySetup
                | _ -> Unordered(ValueOption.ofOption moved)
        }

    /// A history has the clock, the boot and the traits of the table of connections.
    let private history (profile: Profile) (parent: Json) (node: Json) : Validation<HistoryTable> =
        validation {
            let! node = withAlike parent node
            let! table = table profile.Name node
            let names = namesOf node
            let! meaning = meaning historyMembers names node
            and! order = order node
            and! ends = Json.required "end" (oneOrMany (time names)) node
            and! cause = sourcesOf "cause" names node
            and! counters = Json.withDefault "counters" noCounters (counters names) node
            and! ids = Json.optional "ids" oid node

            return
                { Table =
                    { meaning table with Clock = profile.Clock; Boot = profile.Boot; Traits = profile.Traits }
                  Order = order
                  End = ends
                  Cause = cause
                  Counters = counters
                  Ids = ValueOption.ofOption ids }
        }

    /// Reads a profile, or tells every mistake in it.
    let read (name: string) (node: Json) : Validation<Profile> =
        validation {
            let! profile = table name node
            and! meaning = meaning known (namesOf node) node
            let profile = meaning profile
            let! history = Json.optional "history" (history profile node) node
            return { profile with History = ValueOption.ofOption history }
        }

    /// The same from a text.
    let parse (name: string) (text: string) : Validation<Profile> = Json.parse text |> Result.bind (read name)

namespace CallServer.Protocols.Snmp

open System
open System.Collections.Generic
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire

/// What is asked of a history besides rows.
[<RequireQualifiedAccess>]
type internal HistoryRequest =
    /// A few values of one column after a name: whether there is anything new. What was told so far, where they are asked one by one.
    | Peek of column: Oid * after: Oid * told: VarBind list
    /// What stands next after each of these names: the ids of rows.
    | Name of names: Oid[]

/// What a walk over the connections proved.
type internal ProvenWalk =
    {
        Observations: Observation[]
        Proof: Proof list
        Answered: Instant
        /// The pace that this walk had reached; the next audit begins with it.
        Pace: WalkPace
    }

/// The gateway's history is read after a walk over its connections that was proven whole.
type internal SnmpHistory =
    {
        Table: HistoryTable
        /// Whether its rows have the ids that their connections had while they were active.
        TellsIds: bool
        Proven: ProvenWalk
        /// What the record holds of this gateway, and how much of the history it has taken.
        Known: Connection[]
        Mark: HistoryMark
        /// Where the rows begin that are to be read.
        From: Oid list
        /// Connections that the walk did not list, by their instances in the history.
        Missing: Oid[]
        /// What the column said that moves with the history.
        Moved: string voption
        /// Instances of the column of ids, and its values, ascending.
        Ids: struct (Oid * int64) list
        /// The walk over the history.
        Walk: TableWalk
    }

/// What is to be read of a gateway's history, and what was read.
module internal SnmpHistory =
    /// A connection that is set up is listed, and a row that is due comes, within this time.
    let private lateness = TimeSpan.FromSeconds 30.0

    /// No more missing connections than this are asked for one by one.
    [<Literal>]
    let private MaxMissing = 32

    /// Marks a count that had moved since the one before it.
    [<Literal>]
    let private Unrested = "*"

    /// Ids that are asked for in one request.
    [<Literal>]
    let private MaxNames = 16

    /// Values of a column that tells whether there is anything new: one for each engine of a gateway.
    [<Literal>]
    let private PeekedValues = 4

    /// The places in the order of setup at which what is new may begin: the up-time of the last reading, and the beginning of the
    /// table where the up-time has wrapped since.
    let private bySetup (now: Instant) (readTo: Instant) (upTime: uint32) : Oid list =
        let since = (now - readTo + lateness) / TimeEvidence.hundredth

        if since >= 4294967296.0 then
            [ Oid.empty ]
        else
            let from = upTime - uint32 since

            if from <= upTime then
                [ Oid.ofArcs [| from |] ]
            else
                [ Oid.ofArcs [| from |]; Oid.empty ]

    /// Connections on record that the walk did not list, by the instances that their rows may have.
    let private missingOf (roots: Oid[]) (known: Connection[]) (observations: Observation[]) : Oid[] =
        let listed = HashSet(observations |> Seq.map (fun o -> o.Id))

        [| for c in known do
               if not (listed.Contains c.Id) then
                   for root in roots do
                       let id = ConnectionId.value c.Id

                       match Oid.tryParse (if root.Length = 0 then id else $"{root}.{id}") with
                       | Some instance -> instance
                       | None -> () |]

    /// What is to be read after a walk, when sysUpTime was `upTime` last.
    let plan
        (now: Instant)
        (upTime: uint32)
        (profile: Profile)
        (table: HistoryTable)
        (known: Connection[])
        (mark: HistoryMark)
        (proven: ProvenWalk)
        : SnmpHistory =
        let roots =
            if table.Table.Subtrees.Length = 0 then
                [| Oid.empty |]
            else
                table.Table.Subtrees

        let whole = List.ofArray roots
        let missing = missingOf roots known proven.Observations

        let from, missing =
            match table.Order with
            | ByEnd ->
                [ mark.Cursor
                  |> ValueOption.bind (Oid.tryParse >> ValueOption.ofOption)
                  |> ValueOption.defaultValue Oid.empty ],
                [||]
            | BySetup
            | Unordered _ when missing.Length > MaxMissing -> whole, [||]
            | BySetup -> bySetup now mark.ReadTo upTime, missing
            | Unordered _ -> whole, missing

        { Table = table
          TellsIds = table.Ids.IsNone && Profile.historyTellsIds profile table
          Proven = proven
          Known = known
          Mark = mark
          From = from
          Missing = missing
          Moved = ValueNone
          Ids = []
          Walk = TableWalk.none WalkRange.noHints }

    let query (request: HistoryRequest) : Query =
        match request with
        | HistoryRequest.Peek(column, after, _) ->
            Query.Instances(Oid.append column (Oid.arcs after), PeekedValues)
        | HistoryRequest.Name names -> Query.GetNext names

    /// What tells cheaply whether there is anything to read.
    let peek (history: SnmpHistory) : HistoryRequest list =
        let table = history.Table.Table

        match history.Table.Order, history.From with
        | (ByEnd | BySetup), [ from ] when from.Length > 0 ->
            [ HistoryRequest.Peek(table.Columns[table.Identity[0]].Oid, from, []) ]
        | Unordered(ValueSome moved), _ -> [ HistoryRequest.Peek(moved, Oid.empty, []) ]
        | _ -> []

    let private peeked (column: Oid) (told: VarBind list) (history: SnmpHistory) : SnmpHistory =
        let told =
            told
            |> List.filter (fun varBind ->
                Oid.isPrefixOf column varBind.Name && Rows.textOf varBind.Value <> "")

        match history.Table.Order with
        | ByEnd
        | BySetup -> if told.IsEmpty then { history with From = [] } else history
        | Unordered _ when told.IsEmpty -> history
        | Unordered _ ->
            let moved = String.Join(',', told |> List.map (fun varBind -> Rows.textOf varBind.Value))
            let before = history.Mark.Cursor |> ValueOption.defaultValue ""
            // What began between a walk and the count after it is known to nobody, and may end before the next walk: the whole is
            // read once more after the count has come to rest.
            let again = moved + Unrested
            // What is missing had been counted before: where it is too much to be asked for one by one, the whole is read too.
            let areMissing =
                history.Missing.Length = 0 && history.Proven.Observations.Length < history.Known.Length

            { history with
                Moved = ValueSome(if before = moved || before = again then moved else again)
                From = (if before = moved && not areMissing then [] else history.From) }

    /// Begins the walk over the rows that are to be read: its first requests.
    let begin' (pace: WalkPace) (history: SnmpHistory) : WalkRequest list =
        let table = history.Table.Table
        let columns = [| 0 .. table.Columns.Length - 1 |]
        let all = WalkRange.below Oid.empty columns

        let ranges =
            match history.Table.Order, history.From with
            // Up-time has wrapped: the older rows stand behind the newer ones.
            | BySetup, [ from; _ ] -> [ { all with Cursor = from }; { all with Before = ValueSome from } ]
            | (ByEnd | BySetup), from -> [ for cursor in from -> { all with Cursor = cursor } ]
            | Unordered _, roots -> [ for root in roots -> WalkRange.below root columns ]

        [ for instance in history.Missing -> TableWalk.reread table instance ] @ TableWalk.steps pace ranges

    let private stampOf (history: HistoryTable) (row: Row) : uint32 voption =
        match Rows.text history.Table history.Table.Stamp row with
        | ValueSome text ->
            match UInt32.TryParse text with
            | true, stamp -> ValueSome stamp
            | _ -> ValueNone
        | ValueNone -> ValueNone

    let private assembled (history: SnmpHistory) : Row[] =
        let struct (rows, _) = Rows.assemble history.Table.Table history.Walk.Pieces
        rows

    let private isConnection (table: Profile) (row: Row) : bool =
        Rows.isWhole table row && Rows.holds table table.Where row

    /// The first requests for the ids of what was read.
    let naming (history: SnmpHistory) : HistoryRequest list =
        match history.Table.Ids with
        | ValueNone -> []
        | ValueSome column ->
            assembled history
            |> Array.filter (isConnection history.Table.Table)
            |> Array.choose (stampOf history.Table >> ValueOption.toOption)
            |> Array.distinct
            |> Array.map (fun stamp -> Oid.child stamp column)
            |> Array.chunkBySize MaxNames
            |> Array.map HistoryRequest.Name
            |> List.ofArray

    /// The ids that an answer tells, and the request for those that may follow under the same stamps.
    let private named (column: Oid) (names: Oid[]) (varBinds: VarBind[]) (history: SnmpHistory) =
        let found =
            Array.zip (Array.truncate varBinds.Length names) (Array.truncate names.Length varBinds)
            |> Array.choose (fun (asked, varBind) ->
                match
                    Oid.suffix column asked, Oid.suffix column varBind.Name, Rows.numberOf varBind.Value
                with
                | ValueSome from, ValueSome instance, ValueSome value when
                    instance.Length > 1 && instance[0] = from[0] && instance.CompareTo from > 0
                    ->
                    Some(struct (instance, value))
                | _ -> None)

        let more = found |> Array.map (fun struct (instance, _) -> Oid.append column (Oid.arcs instance))

        struct ({ history with Ids = List.ofArray found @ history.Ids },
                [ if more.Length > 0 then
                      HistoryRequest.Name more ])

    /// Takes an answer, and says what is to be asked besides.
    let answered
        (answer: Answer<'P>)
        (request: HistoryRequest)
        (history: SnmpHistory)
        : struct (SnmpHistory * HistoryRequest list) =
        let varBinds = answer.Pdu.VarBinds

        match request, history.Table.Ids with
        | HistoryRequest.Peek(column, _, told), _ ->
            let told = told @ List.ofArray varBinds

            match SnmpNames.onward column told PeekedValues answer.Repetitions with
            | ValueSome instance -> struct (history, [ HistoryRequest.Peek(column, instance, told) ])
            | ValueNone -> struct (peeked column told history, [])
        | HistoryRequest.Name names, ValueSome column -> named column names varBinds history
        | HistoryRequest.Name _, ValueNone -> struct (history, [])

    /// The reading is cut short: what was read counts.
    let broken (shortfall: Shortfall) (history: SnmpHistory) : SnmpHistory =
        { history with Walk = TableWalk.broken shortfall history.Walk }

    /// Takes an error.
    let failed
        (pdu: Pdu)
        (request: HistoryRequest)
        (history: SnmpHistory)
        : struct (SnmpHistory * HistoryRequest list) =
        match request with
        | HistoryRequest.Name names when names.Length > 1 ->
            struct (history, SnmpNames.apart pdu names |> List.map HistoryRequest.Name)
        | HistoryRequest.Peek _
        | HistoryRequest.Name _ ->
            struct (broken (CutShort $"{ErrorStatus.name pdu.ErrorStatus} at the history") history, [])

    /// Whether two that were set up at one time may be the same. What is told in part may take a call's name or a number from another
    /// column: one socket of the other side is one connection whatever they are called. A port of 0 was not told.
    let private mayBe (known: Facts) (row: Facts) =
        match known.RemoteMedia, row.RemoteMedia with
        | ValueSome a, ValueSome b when a.Port > 0 && b.Port > 0 -> a = b
        | ValueSome a, ValueSome b when a.Host <> b.Host -> false
        | _ ->
            Facts.mayBeSame known.Call row.Call
            && Facts.mayBeSame known.Endpoint row.Endpoint
            && Facts.mayBeSame known.Originator row.Originator
            && Facts.mayBeSame known.Remote row.Remote

    /// What a row says of who took part, without what another column says in place of a missing cell.
    let private certainOf (table: Profile) (row: Row) (facts: Facts) : Facts =
        let certain sources fact = if Rows.isCertain table sources row then fact else ValueNone

        { facts with
            Call = certain table.Call facts.Call
            Endpoint = certain table.Endpoint facts.Endpoint
            Originator = certain table.Originator facts.Originator
            Remote = certain table.Remote facts.Remote }

    /// Gives each row of a history that does not tell it the id that its connection had while it was active: the id that the column of
    /// ids tells by the same stamp and the same end; else that of the only known connection with this stamp and these facts; else one
    /// of its own, which says so.
    let private rename (history: SnmpHistory) (rows: struct (Row * Ended)[]) : Ended[] =
        let listed = history.Proven.Observations |> Seq.map (fun o -> o.Id, o.Heard.Earliest) |> dict

        // What this audit did not read is on record.
        let onRecord = history.Known |> Seq.map (fun c -> c.Id, c) |> dict

        let factsOf (o: Observation) : Facts =
            match onRecord.TryGetValue o.Id with
            | true, c when c.Stamp = o.Stamp -> Facts.merge c.Facts o.Facts
            | _ -> o.Facts

        let known =
            [ for c in history.Known -> struct (c.Id, c.Stamp, c.Facts)
              for o in history.Proven.Observations -> struct (o.Id, o.Stamp, factsOf o) ]

        // What is still listed after the row's end did not end then.
        let mayHaveEnded (e: Ended) (id: ConnectionId) =
            match listed.TryGetValue id with
            | true, heard -> e.End.Within.Latest >= heard
            | _ -> true

        let ids = Dictionary<struct (uint32 * int64), List<Oid>>()

        for struct (instance, value) in history.Ids |> List.sortBy (fun struct (instance, _) -> instance) do
            let key = struct (instance[0], value)

            match ids.TryGetValue key with
            | true, others -> others.Add instance
            | _ -> ids[key] <- List [ instance ]

        let stamps = history.Ids |> Seq.map (fun struct (instance, _) -> instance[0]) |> HashSet

        let factsById = Dictionary<string, Facts>()

        for struct (id, _, facts) in known do
            factsById[string id] <- facts

        let endOf (row: Row) =
            match history.Table.End with
            | UpTimeStamp(source, _) :: _ -> Rows.numberOf (Rows.value history.Table.Table source.Field row)
            | _ -> ValueNone

        let told (row: Row) (e: Ended) =
            match stampOf history.Table row, endOf row with
            | ValueSome stamp, ValueSome value ->
                match ids.TryGetValue(struct (stamp, value)) with
                | true, instances ->
                    let fits (instance: Oid) =
                        match factsById.TryGetValue(string instance) with
                        | true, facts -> mayBe facts e.Observation.Facts
                        | _ -> true

                    // Facts choose between several; a single one is told by its times alone.
                    match (if instances.Count = 1 then Some instances[0] else Seq.tryFind fits instances) with
                    | Some instance ->
                        instances.Remove instance |> ignore
                        ConnectionId.tryCreate (string instance)
                    | None -> None
                | _ -> None
            | _ -> None

        let byFacts (row: Row) (e: Ended) =
            let told = certainOf history.Table.Table row e.Observation.Facts

            let candidates =
                known
                |> List.filter (fun struct (_, stamp, facts) ->
                    stamp.IsSome && stamp = e.Observation.Stamp && mayBe facts told)
                |> List.map (fun struct (id, _, _) -> id)
                |> List.distinct
                |> List.filter (mayHaveEnded e)

            match candidates with
            | [ only ] -> Some only
            | _ -> None

        // The column of ids may have forgotten the row since, as a full table drops its oldest at every end, or lack its cell.
        let toldIds =
            rows
            |> Array.map (fun struct (row, e) ->
                if stampOf history.Table row |> ValueOption.exists stamps.Contains then
                    told row e
                else
                    None)

        let taken = HashSet(Array.choose id toldIds)

        (rows, toldIds)
        ||> Array.map2 (fun struct (row, e) toldId ->
            let withId id =
                { e with
                    Observation = { e.Observation with Id = id }
                    Row = ValueSome(string row.Instance) }

            let id =
                if toldId.IsSome then toldId
                elif factsById.ContainsKey(string e.Observation.Id) then Some e.Observation.Id
                else byFacts row e |> Option.filter (taken.Contains >> not)

            match id with
            | Some id -> withId id
            | None ->
                let own = $"{e.Observation.Id}/{row.Instance}"
                { withId (ConnectionId.create own) with IsRenamed = true })

    /// What was read in an audit that began then, and how far. Where the reading was cut short, only rows count that had come with all
    /// of their columns; where naming them was, none.
    let read
        (began: Instant)
        (width: int)
        (hasRestarted: bool)
        (isNaming: bool)
        (history: SnmpHistory)
        : struct (Ended[] * HistoryRead) =
        let isNarrow = width < history.Table.Table.Columns.Length
        let isCut = not (TableWalk.shortfalls history.Walk).IsEmpty

        if hasRestarted || (isCut && (isNarrow || isNaming)) then
            struct ([||], { Until = ValueNone; Cursor = ValueNone })
        else
            let origin = SnmpObserving.origin history.Walk.Pieces
            let table = history.Table.Table
            let all = assembled history

            let rows =
                all
                |> Array.filter (isConnection table)
                |> Array.choose (fun row ->
                    match SnmpObserving.ended history.Table origin row with
                    | ValueSome e -> Some(struct (row, e))
                    | ValueNone -> None)

            let ended =
                if history.TellsIds then
                    rows |> Array.map (fun struct (_, e) -> e)
                else
                    rename history rows

            // Where rows stand in the order of their ends, one that came in while the columns were read one after the other lacks those
            // that were read before. Such rows are the last ones: they are read again.
            let isUnderstood (row: Row) =
                Rows.isWhole table row
                && Rows.decides table table.Where row
                && (not (Rows.holds table table.Where row)
                    || (SnmpObserving.ended history.Table origin row).IsSome)

            let cursor =
                match history.Table.Order with
                | ByEnd ->
                    all
                    |> Array.tryFindBack isUnderstood
                    |> Option.map (fun row -> string row.Instance)
                    |> ValueOption.ofOption
                | BySetup -> ValueNone
                | Unordered _ -> if isCut then ValueNone else history.Moved

            struct (ended |> Array.sortBy (fun e -> struct (e.Observation.Id, e.Observation.Stamp)),
                    { Until = (if isCut then ValueNone else ValueSome began); Cursor = cursor })

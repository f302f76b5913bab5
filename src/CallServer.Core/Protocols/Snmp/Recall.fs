namespace CallServer.Protocols.Snmp

open System
open System.Collections.Generic
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// What is to be read of a gateway's history after a walk that was proven whole, and what was read.
module internal Recall =
    /// A connection that is set up is listed, and a row that is due comes, within this time.
    let private lateness = TimeSpan.FromSeconds 30.0

    /// More connections than this that are missing at once are not asked for one by one.
    [<Literal>]
    let private MaxMissing = 32

    /// Marks a count that had moved since the one before it.
    [<Literal>]
    let private Unrested = "*"

    /// As many ids are asked for in one request.
    [<Literal>]
    let private MaxNames = 16

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

    /// What is to be read; nothing where the gateway keeps no history, or none is wanted.
    let plan
        (now: Instant)
        (observations: Observation[])
        (proof: Proof list)
        (isBlind: bool)
        (state: SnmpAuditState)
        : Proven voption =
        match (AuditState.chosen state).History, state.Mark, state.LatestExchange with
        | ValueSome history, ValueSome mark, ValueSome { UpTime = ValueSome upTime } when not isBlind ->
            let roots =
                if history.Table.Subtrees.Length = 0 then
                    [| Oid.empty |]
                else
                    history.Table.Subtrees

            let missing =
                let listed = HashSet(observations |> Seq.map (fun o -> o.Id))

                [| for c in state.Known do
                       if not (listed.Contains c.Id) then
                           for root in roots do
                               let id = ConnectionId.value c.Id

                               match Oid.tryParse (if root.Length = 0 then id else $"{root}.{id}") with
                               | Some instance -> instance
                               | None -> () |]

            let whole = List.ofArray roots

            let from, missing =
                match history.Order with
                | ByEnd ->
                    [ mark.Cursor
                      |> ValueOption.bind (Oid.tryParse >> ValueOption.ofOption)
                      |> ValueOption.defaultValue Oid.empty ],
                    [||]
                | BySetup
                | Unordered _ when missing.Length > MaxMissing -> whole, [||]
                | BySetup -> bySetup now mark.ReadTo upTime, missing
                | Unordered _ -> whole, missing

            ValueSome
                { Observations = observations
                  Proof = proof
                  Answered = (if state.LastReply.IsSome then state.LastReply.Value else now)
                  Pace = state.Pace
                  IsBlind = isBlind
                  From = from
                  Missing = missing
                  Moved = ValueNone
                  Ids = [] }
        | _ -> ValueNone

    /// What tells cheaply whether there is anything to read.
    let peek (history: HistoryTable) (proven: Proven) : Purpose list =
        let column = history.Table.Columns[history.Table.Identity[0]].Oid

        match history.Order, proven.From with
        | (ByEnd | BySetup), [ from ] when from.Length > 0 -> [ Peeking(column, from, []) ]
        | Unordered(ValueSome moved), _ -> [ Peeking(moved, Oid.empty, []) ]
        | _ -> []

    let peeked (column: Oid) (varBinds: VarBind[]) (state: SnmpAuditState) (proven: Proven) : Proven =
        let told =
            varBinds
            |> Array.filter (fun varBind ->
                Oid.isPrefixOf column varBind.Name && Rows.textOf varBind.Value <> "")

        match (AuditState.history state).Order with
        | ByEnd
        | BySetup -> if told.Length = 0 then { proven with From = [] } else proven
        | Unordered _ when told.Length = 0 -> proven
        | Unordered _ ->
            let moved = String.Join(',', told |> Array.map (fun varBind -> Rows.textOf varBind.Value))

            let before = state.Mark |> ValueOption.bind _.Cursor |> ValueOption.defaultValue ""
            // What began between a walk and the count after it is known to nobody, and may end before the next walk: the whole is
            // read once more after the count has come to rest.
            let again = moved + Unrested
            // What is missing had been counted before: where it is too much to be asked for one by one, the whole is read too.
            let areMissing = proven.Missing.Length = 0 && proven.Observations.Length < state.Known.Length

            { proven with
                Moved = ValueSome(if before = moved || before = again then moved else again)
                From = (if before = moved && not areMissing then [] else proven.From) }

    let private stampOf (history: HistoryTable) (row: Row) : uint32 voption =
        match Rows.text history.Table history.Table.Stamp row with
        | ValueSome text ->
            match UInt32.TryParse text with
            | true, stamp -> ValueSome stamp
            | _ -> ValueNone
        | ValueNone -> ValueNone

    let private rowsOf (history: HistoryTable) (walk: WalkState) : Row[] =
        let struct (rows, _) = Rows.assemble history.Table walk.Pieces

        rows
        |> Array.filter (fun row ->
            Rows.isWhole history.Table row && Rows.holds history.Table history.Table.Where row)

    /// The first requests for the ids of what was read.
    let naming (state: SnmpAuditState) : Purpose list =
        let history = AuditState.history state

        match history.Ids with
        | ValueNone -> []
        | ValueSome column ->
            rowsOf history state.Walk
            |> Array.choose (stampOf history >> ValueOption.toOption)
            |> Array.distinct
            |> Array.map (fun stamp -> Oid.child stamp column)
            |> Array.chunkBySize MaxNames
            |> Array.map Naming
            |> List.ofArray

    /// An answer to such a request: the ids that it tells, and the request for those that may follow under the same stamps.
    let named
        (names: Oid[])
        (varBinds: VarBind[])
        (column: Oid)
        (proven: Proven)
        : struct (Proven * Purpose list) =
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

        let more =
            if found.Length = 0 then
                []
            else
                [ Naming(
                      found |> Array.map (fun struct (instance, _) -> Oid.append column (Oid.arcs instance))
                  ) ]

        struct ({ proven with Ids = List.ofArray found @ proven.Ids }, more)

    /// Of two that were set up at one time. What is told in part may take a call's name or a number from another column: one
    /// socket of the other side is one connection whatever they are called.
    let private mayBe (known: Facts) (row: Facts) =
        match known.RemoteMedia, row.RemoteMedia with
        | ValueSome a, ValueSome b when a.Port > 0 && b.Port > 0 -> a = b
        | _ ->
            Facts.mayBeSame known.Call row.Call
            && Facts.mayBeSame known.Endpoint row.Endpoint
            && Facts.mayBeSame known.Originator row.Originator
            && Facts.mayBeSame known.Remote row.Remote
            && Facts.mayBeSame known.RemoteMedia row.RemoteMedia

    /// Gives each row of a history that does not tell it the id that its connection had while it was active: as the column of
    /// ids tells it by the same stamp and the same end; else that of the one connection known with this stamp and these facts;
    /// else one of its own, which says so.
    let private rename
        (history: HistoryTable)
        (proven: Proven)
        (state: SnmpAuditState)
        (rows: struct (Row * Ended)[])
        : Ended[] =
        let listed = proven.Observations |> Seq.map (fun o -> o.Id, o.Heard.Earliest) |> dict

        let known =
            [ for c in state.Known -> struct (c.Id, c.Stamp, c.Facts)
              for o in proven.Observations -> struct (o.Id, o.Stamp, o.Facts) ]

        // What is still listed after the row's end did not end then.
        let mayHaveEnded (e: Ended) (id: ConnectionId) =
            match listed.TryGetValue id with
            | true, heard -> e.End.Within.Latest >= heard
            | _ -> true

        let ids = Dictionary<struct (uint32 * int64), List<Oid>>()

        for struct (instance, value) in proven.Ids |> List.sortBy (fun struct (instance, _) -> instance) do
            let key = struct (instance[0], value)

            match ids.TryGetValue key with
            | true, others -> others.Add instance
            | _ -> ids[key] <- List [ instance ]

        let stamps = proven.Ids |> Seq.map (fun struct (instance, _) -> instance[0]) |> HashSet

        let factsOf = Dictionary<string, Facts>()

        for struct (id, _, facts) in known do
            factsOf[string id] <- facts

        let endOf (row: Row) =
            match history.End with
            | UpTimeStamp(source, _) :: _ -> Rows.numberOf (Rows.value history.Table source.Field row)
            | _ -> ValueNone

        let told (row: Row) (e: Ended) =
            match stampOf history row, endOf row with
            | ValueSome stamp, ValueSome value ->
                match ids.TryGetValue(struct (stamp, value)) with
                | true, instances ->
                    let fits (instance: Oid) =
                        match factsOf.TryGetValue(string instance) with
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

        let byFacts (e: Ended) =
            let candidates =
                known
                |> List.filter (fun struct (_, stamp, facts) ->
                    stamp.IsSome && stamp = e.Observation.Stamp && mayBe facts e.Observation.Facts)
                |> List.map (fun struct (id, _, _) -> id)
                |> List.distinct
                |> List.filter (mayHaveEnded e)

            match candidates with
            | [ only ] -> Some only
            | _ -> None

        rows
        |> Array.map (fun struct (row, e) ->
            let withId id =
                { e with
                    Observation = { e.Observation with Id = id }
                    Row = ValueSome(string row.Instance) }

            // The column of ids may have forgotten the row since: a full table drops its oldest at every end.
            let isTold = stampOf history row |> ValueOption.exists stamps.Contains

            let id =
                if isTold then told row e
                elif factsOf.ContainsKey(string e.Observation.Id) then Some e.Observation.Id
                else byFacts e

            match id with
            | Some id -> withId id
            | None ->
                let own = $"{e.Observation.Id}/{row.Instance}"
                { withId (ConnectionId.create own) with IsRenamed = true })

    /// What was read, and how far. Where the reading was cut short, only rows count that had come with all of their columns.
    let read (proven: Proven) (state: SnmpAuditState) : struct (Ended[] * HistoryRead) =
        let history = AuditState.history state
        let isNarrow = state.Pace.Width < history.Table.Columns.Length
        let isCut = not (AuditState.shortfalls state.Walk).IsEmpty
        let isNamed = state.Phase <> NamingHistory || not isCut

        if List.contains RestartedMeanwhile state.Faults || (isCut && isNarrow) || not isNamed then
            struct ([||], { Until = ValueNone; Cursor = ValueNone })
        else
            let origin = Verdict.origin state.Walk

            let rows =
                rowsOf history state.Walk
                |> Array.choose (fun row ->
                    match Observing.ended history origin row with
                    | ValueSome e -> Some(struct (row, e))
                    | ValueNone -> None)

            let ended =
                if history.Ids.IsNone && Profile.historyTellsIds (AuditState.chosen state) history then
                    rows |> Array.map (fun struct (_, e) -> e)
                else
                    rename history proven state rows

            let cursor =
                match history.Order with
                | ByEnd ->
                    state.Walk.Pieces
                    |> Seq.map _.Instance
                    |> Seq.fold
                        (fun (last: Oid) instance -> if instance.CompareTo last > 0 then instance else last)
                        Oid.empty
                    |> fun last -> if last.Length = 0 then ValueNone else ValueSome(string last)
                | BySetup -> ValueNone
                | Unordered _ -> if isCut then ValueNone else proven.Moved

            struct (ended |> Array.sortBy (fun e -> struct (e.Observation.Id, e.Observation.Stamp)),
                    { Until = (if isCut then ValueNone else ValueSome state.Asked); Cursor = cursor })

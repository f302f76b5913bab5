namespace CallServer.Audit

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire

/// What follows when a phase of an audit is done.
module internal Phases =
    open AuditState
    open Endings
    open Stepping

    /// So often the table is walked in one audit before a disagreement is reported.
    [<Literal>]
    let private MaxWalks = 3

    /// More rows than this are not asked one by one.
    [<Literal>]
    let private MaxMended = 500

    let private scalarsOf (profile: Profile) : Oid[] =
        [| Profile.sysUpTime
           profile.Boot.UpTime
           yield! profile.Boot.Token
           match profile.Count with
           | ValueSome check -> yield! check.Scalars
           | ValueNone -> ()
           match profile.Clock with
           | ValueSome clock -> clock.Oid
           | ValueNone -> () |]
        |> Array.distinct

    /// sysUpTime is no clock: then it tells neither a restart nor a time.
    let private stoodStill (state: SnmpAuditState) : bool =
        match state.OpeningExchange, state.LatestExchange with
        | ValueSome first, ValueSome latest -> Proving.stoodStill first latest
        | _ -> false

    let private readBoot (now: Instant) (state: SnmpAuditState) : SnmpAuditState =
        let engine =
            match state.Session with
            | ValueSome session -> V3Session.bootToken session
            | ValueNone -> ValueNone

        let readings =
            if stoodStill state then
                Map.remove Profile.sysUpTime state.Readings
            else
                state.Readings

        { state with LastBoot = Proving.boot (profile state) engine now readings }

    let beginReading (phase: SnmpPhase) (state: SnmpAuditState) : SnmpAuditState =
        enqueue [ Reading(scalarsOf (profile state)) ] { state with Phase = phase; Readings = Map.empty }

    /// The scalars that go with every step: those that turned out to be served.
    let private headsOf (profile: Profile) (readings: Proving.Readings) : struct (Role * Oid)[] =
        let served (role: Role) (name: Oid) =
            if Map.containsKey name readings then [ struct (role, name) ] else []

        [| yield! served TimeBase Profile.sysUpTime
           match profile.Clock with
           | ValueSome clock -> yield! served Clock clock.Oid
           | ValueNone -> ()
           match profile.Count with
           | ValueSome check ->
               for scalar in check.Scalars do
                   yield! served Count scalar
           | ValueNone -> () |]

    let private opened (now: Instant) (state: SnmpAuditState) : SnmpAuditState =
        let profile = profile state
        let state = readBoot now state
        let state = { state with Heads = headsOf profile state.Readings }

        // What was read before the heads were known, in the shape that every step has.
        let told =
            state.Readings
            |> Map.tryFind Profile.sysUpTime
            |> Option.map (fun struct (_, read) ->
                let values =
                    state.Heads
                    |> Array.map (fun struct (_, name) ->
                        match Map.tryFind name state.Readings with
                        | Some(struct (value, _)) -> value
                        | None -> Null)

                exchange state read.Sent read.Received values)

        let state =
            match told with
            | Some told ->
                let state = sample told state
                { state with OpeningExchange = ValueSome told }
            | None -> state

        let columns = (Requests.ownColumns profile).Length

        beginWalk { state with FirstBoot = ValueSome state.LastBoot; Pace = Pace.start columns state.Pace }

    /// The table is proven whole: the gateway's history comes next, where it keeps one that is wanted.
    let private recall (now: Instant) (findings: Findings) proof (state: SnmpAuditState) : SnmpAuditState =
        match Recall.plan now findings.Observations proof (stoodStill state) state with
        | ValueSome proven ->
            let columns = (history state).Table.Columns.Length

            { state with
                Phase = PeekingHistory
                Proven = ValueSome proven
                Walk = freshWalk
                Heads = state.Heads |> Array.filter (fun struct (role, _) -> role <> Count)
                Pace = Pace.start columns { Pace.none with Window = state.Pace.Window } }
            |> enqueue (Recall.peek (history state) proven)
        | ValueNone -> finish now (ValueSome findings) (Complete proof) state

    let private peeked (proven: Proven) (state: SnmpAuditState) : SnmpAuditState =
        let history = history state
        let columns = [| 0 .. history.Table.Columns.Length - 1 |]

        let strands =
            match history.Order, proven.From with
            // Up-time has wrapped: the older rows stand behind the newer ones.
            | BySetup, [ from; _ ] ->
                [ { rangeOf columns Oid.empty with Cursor = from }
                  { rangeOf columns Oid.empty with Before = ValueSome from } ]
            | (ByEnd | BySetup), from ->
                [ for cursor in from -> { rangeOf columns Oid.empty with Cursor = cursor } ]
            | Unordered _, roots -> [ for root in roots -> rangeOf columns root ]

        { state with Phase = ReadingHistory }
        |> beginStage strands
        |> enqueue [ for instance in proven.Missing -> Rereading instance ]

    let private sameBoot (state: SnmpAuditState) : Shortfall voption =
        match state.FirstBoot with
        | ValueNone -> ValueNone
        | ValueSome first ->
            match Boot.judge first state.LastBoot with
            | SameRun
            | CounterWrapped
            | AgentReloaded -> ValueNone
            | Restarted _ -> ValueSome RestartedMeanwhile
            | BootVerdict.Untold -> ValueSome(NotServed "sysUpTime.0, which tells a restart during the audit")

    let private mayMend (shortfall: Shortfall) : bool =
        match shortfall with
        | CountDisagrees _
        | IndexMoved _ -> true
        | Silent _
        | Refused _
        | CutShort _
        | NotIncreasing _
        | RestartedMeanwhile
        | NotServed _
        | DoesNotList
        | TooLarge _
        | CallServer.Ledger.Unreadable _
        | Cancelled -> false

    let private closed (now: Instant) (state: SnmpAuditState) : SnmpAuditState =
        let profile = profile state
        let state = readBoot now state
        let walk = if stoodStill state then Verdict.withoutUpTime state.Walk else state.Walk
        let findings = Verdict.find profile walk
        let apart = 2 * state.Pace.Repetitions
        let state = { state with Hints = Verdict.hints apart findings.Instances }

        let lasting =
            [ match sameBoot state with
              | ValueSome shortfall -> shortfall
              | ValueNone -> ()
              yield! List.rev state.Faults
              yield! List.rev state.Walk.Broken ]

        let reasons = List.distinct (lasting @ findings.Shortfalls)

        match reasons with
        | [] ->
            let proof =
                if findings.CountAgrees then
                    [ EndOfTable; SameBoot; CountAgrees ]
                else
                    [ EndOfTable; SameBoot ]

            recall now findings proof state
        | _ when List.forall mayMend reasons && state.Walks < MaxWalks ->
            if profile.Traits.Staleness > TimeSpan.Zero then
                { state with Phase = Pausing(now + profile.Traits.Staleness) }
            else
                beginWalk state
        | _ -> finish now (ValueSome findings) (Partial reasons) state

    /// Rows seen in part are asked once more; without rows and without a count, whether the MIB is there at
    /// all.
    let private walked (state: SnmpAuditState) : SnmpAuditState =
        let profile = profile state
        let torn = Verdict.torn profile state.Walk

        if torn.Length > MaxMended then
            beginReading Closing (broken (CutShort $"{torn.Length} rows were told in part only") state)
        elif torn.Length > 0 then
            enqueue [ for instance in torn -> Rereading instance ] { state with Phase = Mending }
        elif state.Walk.Rows = 0 && state.Walk.Samples.IsEmpty && profile.Serves.Length > 0 then
            enqueue [ AskingServed ] { state with Phase = Doubting }
        else
            beginReading Closing state

    /// Nothing is in flight and nothing waits: the phase is done.
    let rec private settle (now: Instant) (state: SnmpAuditState) : SnmpAuditState =
        if not (Map.isEmpty state.Jobs) then
            state
        elif state.Phase <> Over && state.Requests >= Requests.MaxRequests then
            giveUp now (CutShort $"more than {Requests.MaxRequests} requests") state
        elif not state.Queue.IsEmpty then
            state
        else
            match state.Phase with
            | Choosing -> settle now (beginReading Opening state)
            | Opening -> settle now (opened now state)
            | Walking ->
                match state.Walk.Later with
                | stage :: later ->
                    settle now (beginStage stage { state with Walk = { state.Walk with Later = later } })
                | [] -> settle now (walked state)
            | Mending
            | Doubting -> beginReading Closing state
            | Closing -> settle now (closed now state)
            | PeekingHistory -> settleHistory now peeked state
            | ReadingHistory ->
                settleHistory
                    now
                    (fun _ state -> enqueue (Recall.naming state) { state with Phase = NamingHistory })
                    state
            | NamingHistory ->
                state.Proven |> ValueOption.fold (fun state proven -> finishHistory proven state) state
            | Pausing until -> if now.Micros >= until.Micros then beginWalk state else state
            | Over -> state

    /// The next phase of reading the history; at once the one after it where there is nothing to ask.
    and private settleHistory now (next: Proven -> SnmpAuditState -> SnmpAuditState) (state: SnmpAuditState) =
        match state.Proven with
        | ValueSome proven -> settle now (next proven state)
        | ValueNone -> invalidOp "a history that is read after no walk"

    /// Sends what may be sent, and says when to wake up; the commands in the order in which they came about.
    let commit (now: Instant) (state: SnmpAuditState) : SnmpAuditState * Command list =
        let state = state |> settle now |> Requests.pump now

        let wake =
            match Requests.deadline state with
            | ValueSome at -> [ WakeAt at ]
            | ValueNone -> []

        { state with Outbox = [] }, List.rev state.Outbox @ wake

namespace CallServer.Protocols.Snmp

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// What follows when a phase of an audit is done.
module internal Phases =
    open AuditState
    open Endings
    open Stepping
    open Scalars

    /// So often the table is walked in one audit before a disagreement is reported.
    [<Literal>]
    let private MaxWalks = 3

    /// More rows than this are not asked one by one.
    [<Literal>]
    let private MaxMended = 500

    /// More rows than this do not happen to be read while they come or go, all of them without the same column.
    [<Literal>]
    let private MaxTornAlone = 8

    /// What the agent calls itself (SNMPv2-MIB).
    let private introduction = [| Oid.parse "1.3.6.1.2.1.1.1.0"; Oid.parse "1.3.6.1.2.1.1.2.0" |]

    /// More of a description is of no use in a message.
    [<Literal>]
    let private MostWords = 60

    /// Who the agent says it is.
    let private self (state: SnmpAuditState) : string =
        let told =
            introduction
            |> Array.map (fun name ->
                match Map.tryFind name state.Readings with
                | Some(struct (value, _)) -> (Rows.textOf value).Trim()
                | None -> "")

        let description = if told[0].Length > MostWords then told[0][.. MostWords - 1] + "…" else told[0]

        match description, told[1] with
        | "", "" -> "it says nothing of itself"
        | "", kind -> $"its sysObjectID is {kind}"
        | words, "" -> $"it calls itself '{words}'"
        | words, kind -> $"it calls itself '{words}', sysObjectID {kind}"

    /// The profile of which the agent has a row; else the first of which it has the MIB.
    let private chosenBy (state: SnmpAuditState) : Profile voption =
        let probes = Requests.profileProbes state.Target.Candidates

        let answers =
            state.Target.Candidates
            |> Array.map (fun profile ->
                let hits isColumn =
                    probes
                    |> Array.exists (fun (struct (owner, name, column)) ->
                        column = isColumn
                        && Object.ReferenceEquals(owner, profile)
                        && Set.contains name state.Found)

                struct (profile, hits true, profile.Serves.Length = 0 || hits false))

        let withRows = answers |> Array.tryFind (fun struct (_, rows, mib) -> rows && mib)
        let withMib = answers |> Array.tryFind (fun struct (_, _, mib) -> mib)

        match withRows |> Option.orElse withMib with
        | Some(struct (profile, _, _)) -> ValueSome profile
        | None -> ValueNone

    let private choose (state: SnmpAuditState) : SnmpAuditState =
        match state.Profile with
        | ValueSome _ -> beginOpening state
        | ValueNone ->
            match chosenBy state with
            | ValueSome profile -> beginOpening { state with Profile = ValueSome profile }
            | ValueNone -> enqueue [ Reading introduction ] { state with Phase = Introducing }

    let private unknown (state: SnmpAuditState) : Shortfall =
        let sought = String.Join(", ", state.Target.Candidates |> Array.map _.Name)

        NotServed(
            $"no table of calls that is known ({sought}): {self state}; the community or user may not see it, "
            + "or the gateway wants a profile of its own and ?profile="
        )

    let private opened (now: Instant) (state: SnmpAuditState) : SnmpAuditState =
        let profile = profile state
        let state = readBoot now state
        let heads, asides = headsOf profile state.Readings
        let state = { state with Heads = heads; Asides = asides }

        // What was read before the heads were known, in the shape that every step has.
        let told =
            state.Readings
            |> Map.tryFind Profile.sysUpTime
            |> Option.map (fun struct (_, read) ->
                exchangeOfGet
                    state
                    read.Sent
                    read.Received
                    [| for KeyValue(name, struct (value, _)) in state.Readings -> VarBind.create name value |])

        let state =
            match told with
            | Some told ->
                let state = sample told state
                { state with OpeningExchange = ValueSome told }
            | None -> state

        let columns = (Profile.ownColumns profile).Length

        beginWalk
            { state with
                FirstBoot = ValueSome state.LastBoot
                Pace = WalkPace.start columns state.Pace }

    /// The table is proven whole: the gateway's history comes next, where it keeps one that is wanted.
    let private recall (now: Instant) (findings: Findings) proof (state: SnmpAuditState) : SnmpAuditState =
        match Recall.plan now findings.Observations proof (stoodStill state) state with
        | ValueSome proven ->
            let state =
                (state, spared state.Walk @ findings.Remarks)
                ||> List.fold (fun state text -> remark text state)

            let columns = (history state).Table.Columns.Length

            { state with
                Phase = PeekingHistory
                Proven = ValueSome proven
                Walk = freshWalk
                Heads = state.Heads |> Array.filter (fun struct (role, _) -> role = TimeBase || role = Clock)
                Asides = [||]
                Pace =
                    WalkPace.start
                        columns
                        { WalkPace.none with Requests = state.Pace.Requests; Bulk = state.Pace.Bulk } }
            |> enqueue (Recall.peek (history state) proven)
        | ValueNone -> finish now (ValueSome findings) (Complete proof) state

    /// Once more a row with all of its columns.
    let private rereading (profile: Profile) (instance: Oid) : Purpose =
        Rereading
            { Instance = instance
              Columns = Profile.ownColumns profile
              Later = [||]
              Told = Array.create profile.Columns.Length Null }

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
        |> enqueue [ for instance in proven.Missing -> rereading history.Table instance ]

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
        | Hidden _
        | SwitchedOff _
        | DoesNotList
        | TooLarge _
        | PastLimit _
        | CallServer.Ledger.Unreadable _
        | AnsweredElsewhere _
        | DeclaredPartial
        | Cancelled -> false

    let private closed (now: Instant) (state: SnmpAuditState) : SnmpAuditState =
        let profile = profile state
        let state = readBoot now state
        let walk = if stoodStill state then Verdict.withoutUpTime state.Walk else state.Walk
        let findings = Verdict.find profile walk
        let apart = RepliesPerHint * state.Pace.Repetitions
        let state = { state with Hints = Verdict.hints apart findings.Instances }

        let doubts =
            Confirming.judge
                profile
                state.Walk.Confirmations
                state.Walk.Before
                state.Walk.Told
                findings.CountAgrees

        let isHidden = doubts.Lasting |> List.exists (fun (shortfall: Shortfall) -> shortfall.IsHidden)

        let lasting =
            [ match sameBoot state with
              | ValueSome shortfall -> shortfall
              | ValueNone -> ()
              yield! untrusted findings.CountAgrees state
              yield! List.rev state.Faults
              yield! shortfalls state.Walk
              yield! findings.Shortfalls
              // Where nothing of the MIB is served, so much is hidden that it goes by another name.
              if
                  not (state.Walk.Broken |> List.exists (fun (shortfall: Shortfall) -> shortfall.IsNotServed))
              then
                  yield! doubts.Lasting ]

        let reasons = List.distinct (lasting @ doubts.Passing)

        match reasons with
        | _ when isHidden && state.Walk.Rows = 0 && state.Phase = Closing && profile.Serves.Length > 0 ->
            enqueue [ AskingServed profile.Serves; Reading introduction ] { state with Phase = Doubting }
        | [] ->
            let proof =
                if findings.CountAgrees then
                    [ EndOfTable; SameBoot; CountAgrees ]
                else
                    [ EndOfTable; SameBoot ]

            recall now findings proof state
        | _ when List.forall mayMend lasting && state.Walks < MaxWalks ->
            if profile.Traits.Staleness > TimeSpan.Zero then
                { state with Phase = Pausing(now + profile.Traits.Staleness) }
            else
                beginWalk state
        | _ -> finish now (ValueSome findings) (Partial reasons) state

    let private doubted (state: SnmpAuditState) : SnmpAuditState =
        let profile = profile state

        if profile.Serves |> Array.exists (fun name -> Set.contains name state.Found) then
            state
        else
            let roots = String.Join(", ", profile.Serves)

            broken
                (NotServed(
                    $"{profile.Name}: nothing stands below {roots}, or may be seen by whoever asks; {self state}; "
                    + "without ?profile= all profiles are tried"
                ))
                state

    /// The rows that point into another table are read together with what stands there.
    let private follow (state: SnmpAuditState) : SnmpAuditState =
        let profile = profile state
        let struct (rows, _) = Rows.assemble profile state.Walk.Pieces

        let listed =
            rows |> Array.filter (fun row -> Rows.isWhole profile row && Rows.holds profile profile.Where row)

        match Joining.plan profile (max 1 state.Pace.Proven) listed with
        | [] -> beginClosing state
        | requests -> enqueue requests { state with Phase = SnmpPhase.Joining }

    /// Rows seen in part are asked once more.
    let private walked (state: SnmpAuditState) : SnmpAuditState =
        let profile = profile state
        let torn = Verdict.torn profile state.Walk

        // A column of which nothing at all was shown is not asked for row by row.
        let lacksColumn =
            torn.Length > MaxTornAlone
            && profile.Identity
               |> Array.exists (fun column ->
                   state.Walk.Pieces |> List.forall (fun piece -> piece.Cells[column] = Null))

        if torn.Length > MaxMended || lacksColumn then
            beginClosing (broken (CutShort $"{torn.Length} rows were told in part only") state)
        elif torn.Length > 0 then
            enqueue [ for instance in torn -> rereading profile instance ] { state with Phase = Mending }
        else
            follow state

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
            | Choosing -> settle now (choose state)
            | Introducing -> giveUp now (unknown state) state
            | Opening -> settle now (opened now state)
            | Walking ->
                match state.Walk.Later with
                | stage :: later ->
                    settle now (beginStage stage { state with Walk = { state.Walk with Later = later } })
                | [] -> settle now (walked state)
            | Mending -> settle now (follow state)
            | SnmpPhase.Joining -> beginClosing state
            | Closing -> settle now (closed now state)
            | Doubting -> settle now (closed now (doubted state))
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
        { state with Outbox = [] }, Command.inOrder state.Outbox (Requests.deadline state)

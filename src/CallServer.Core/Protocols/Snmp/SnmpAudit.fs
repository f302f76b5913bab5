namespace CallServer.Protocols.Snmp

open System
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// Where an SNMP audit stands; the table of transitions is at `SnmpAudit`.
type SnmpPhase =
    /// Which profile does the gateway serve?
    | Choosing
    /// None that is known: what does the agent call itself?
    | Introducing
    /// The scalars before the walk.
    | Opening
    | Walking
    /// Rows that were read while they came or went, once more.
    | Mending
    /// Rows of which the walk read the key columns alone, and that are not as the record knows them.
    | Filling
    /// Rows that point into another table, together with what stands there.
    | Joining
    /// No rows and no count: is the table's MIB there at all?
    | Doubting
    /// The scalars after the walk.
    | Closing
    /// Until the agent makes its copy of the table anew.
    | Pausing of until: Instant
    /// The table is proven whole. Has the gateway's history moved since it was read?
    | PeekingHistory
    | ReadingHistory
    /// The ids that its rows had while they were active.
    | NamingHistory
    | Over

/// An audit that was proven whole.
[<NoComparison>]
type ProvenAudit =
    internal
        {
            Profile: Profile
            Boot: Boot
            /// Audits after it that need not read all that rows tell.
            Left: int
        }

/// What is carried from one audit of a gateway to the next. It saves requests, and proves nothing.
[<NoComparison>]
type SnmpMemory =
    {
        Session: V3Session voption
        Pace: WalkPace
        /// The same for walks over the key columns alone.
        BriefPace: WalkPace
        /// The last audit; nothing where it was not proven whole, so that the next reads everything.
        Last: ProvenAudit voption
        /// Where the next walk may be cut into ranges.
        Hints: WalkHints
        /// The profile that the agent was found to serve.
        Chosen: Profile voption
    }

/// Why a request is made.
[<RequireQualifiedAccess>]
type internal Purpose =
    /// What stands next after each of these names? For ProfileChoice.
    | Choose of names: Oid[]
    | Scalars of ScalarRequest
    | Walk of WalkRequest
    | History of HistoryRequest

[<NoComparison>]
type SnmpAuditState =
    internal
        {
            Phase: SnmpPhase
            Profile: Profile voption
            Requests: SnmpRequests<Purpose>
            /// Names that were asked for, and below which something is served.
            Served: Set<Oid>
            Scalars: Scalars
            /// The walk over the table of connections.
            Walk: TableWalk
            /// What is asked by name when it is done.
            Confirmations: Confirmations
            /// What the record holds of this gateway.
            Known: Connection[]
            /// The audit reads the key columns alone of connections that are known; nothing where it reads everything.
            Brief: Brief voption
            /// The pace of walks of the other kind.
            OtherPace: WalkPace
            /// The audit before this one, if it was proven whole.
            Last: ProvenAudit voption
            /// How many audits may be brief after one that reads everything.
            BriefAfter: int
            /// The walk was proven whole.
            IsProven: bool
            /// How much of the gateway's history it has taken; nothing where none is to be read.
            Mark: HistoryMark voption
            /// After a walk that was proven whole.
            History: SnmpHistory voption
            /// What a person should know of how the gateway was read, newest first.
            Remarks: string list
            /// What the present event ended the audit with.
            Outcome: Snapshot voption
        }

/// One asking of one gateway over SNMP.
///
///   phase      requests in flight                 when all are answered            a request is given up
///   Choosing   GetNext at every profile's column  -> Opening, or Introducing       over
///   Introducing Get of the agent's description    -> over: NotServed               over
///   Opening    Get of up-time, boot, count        -> Walking                       over
///   Walking    GetBulk or GetNext, one a range    -> next ranges; then Mending,    that range is broken *
///                                                    Filling, Joining or Closing
///   Mending    Get of a row seen in part          -> Filling, Joining or Closing   that row is broken *
///   Filling    Get of rows of which only the key  -> Joining or Closing            fewer rows at a time *
///              columns were read
///   Joining    Get of rows, and what they point   -> Closing                       fewer rows at a time *
///              to in another table
///   Closing    Get of up-time, boot, counts, and  -> over; Pausing or Walking      over
///              of cells that confirm the walk        where the walk may have missed
///                                                    rows and another may not;
///                                                    Doubting where all is hidden
///   Doubting   GetNext below the profile's MIBs   -> over                          over
///   Pausing    none                               (at its time) -> Walking         -
///   Peeking    GetBulk of one column of history   -> Reading                       over, complete
///   Reading    GetBulk, Get: rows of history      -> Naming                        what was read counts *
///   Naming     GetNext of their ids               -> over, complete                over, complete
///   Over       none; every event changes nothing
///
/// * the audit is over at once where nothing else was answered since. In every phase: an answer that refuses
/// the user or the community ends it, Stopped ends it, a message that matches no request is counted and
/// dropped, and a Woke before its time changes nothing. Version 3 has no phase of its own: the first answer
/// may be a Report that tells the engine or its clock, and the request is then made again.
module SnmpAudit =
    type State = SnmpAuditState
    type Memory = SnmpMemory

    module Memory =
        let none: Memory =
            { Session = ValueNone
              Pace = WalkPace.none
              BriefPace = WalkPace.none
              Last = ValueNone
              Hints = WalkRange.noHints
              Chosen = ValueNone }

    /// What to carry to the next audit of this gateway.
    let memory (state: State) : Memory =
        let listed =
            match state.History with
            | ValueSome history -> history.Proven.Observations.Length
            | ValueNone -> state.Walk.Rows

        let pace = state.Requests.Pace
        // Both kinds of walks meet the same agent on the same path.
        let other = { state.OtherPace with Requests = pace.Requests; Bulk = pace.Bulk }

        let last =
            match state.Profile with
            | ValueSome profile when state.IsProven ->
                let left =
                    match state.Brief, state.Last with
                    | ValueSome _, ValueSome last -> last.Left - 1
                    | ValueNone, ValueSome _ -> state.Requests.Target.FactsEvery - 1
                    // Gateways that are asked for the first time at one time do not keep step.
                    | _, ValueNone -> state.BriefAfter

                ValueSome { Profile = profile; Boot = state.Scalars.LastBoot; Left = left }
            | _ -> ValueNone

        { Session = state.Requests.Session
          Pace = (if state.Brief.IsSome then other else pace)
          BriefPace = (if state.Brief.IsSome then pace else other)
          Last = last
          Hints = state.Walk.Hints
          // A choice that showed no connection is made anew.
          Chosen =
            (if state.Requests.Target.Profile.IsSome || listed = 0 then
                 ValueNone
             else
                 state.Profile) }

    /// How far it has come. The count is that of before the walk.
    let internal progress (state: State) : Progress =
        let counted =
            state.Scalars.First
            |> ValueOption.bind (fun reply ->
                reply.Counts |> Array.tryPick ValueOption.toOption |> ValueOption.ofOption)

        { Told = state.Walk.Rows; Of = counted |> ValueOption.map int }

    /// Datagrams that matched no request of ours, so far.
    let strays (state: State) : int = state.Requests.Strays

    /// Datagrams sent, so far.
    let requests (state: State) : int = state.Requests.Sent

    let phase (state: State) : SnmpPhase = state.Phase

    let isOver (state: State) : bool = state.Phase = Over

    /// An audit walks the table at most this many times before it reports that counts and rows disagree.
    [<Literal>]
    let private MaxWalks = 3

    /// The profile is chosen in the first phase; later it is always there.
    let private chosen (state: State) : Profile =
        match state.Profile with
        | ValueSome profile -> profile
        | ValueNone -> invalidOp "the profile is not chosen yet"

    /// The table that is being read: that of connections, and after it the history.
    let private table (state: State) : WalkedTable =
        match state.History with
        | ValueSome history ->
            let profile = history.Table.Table

            { Profile = profile
              Heads = Scalars.heads state.Scalars
              NeedsAll = true
              Columns = Profile.ownColumns profile
              IsBrief = false }
        | ValueNone ->
            let profile = chosen state

            { Profile = profile
              Heads = Scalars.heads state.Scalars
              NeedsAll = false
              Columns =
                (match state.Brief with
                 | ValueSome brief -> brief.Columns
                 | ValueNone -> Profile.ownColumns profile)
              IsBrief = state.Brief.IsSome }

    let private withPace (pace: WalkPace) (state: State) : State =
        { state with Requests = { state.Requests with Pace = pace } }

    let private ask
        (purpose: 'Request -> Purpose)
        (query: 'Request -> Query)
        (requests: 'Request list)
        (state: State)
        : State =
        let more = requests |> List.map (fun request -> { Query = query request; Purpose = purpose request })
        { state with Requests = SnmpRequests.enqueue more state.Requests }

    let private askNext (names: Oid[] list) (state: State) : State =
        ask Purpose.Choose Query.GetNext names state

    let private askScalars (requests: ScalarRequest list) (state: State) : State =
        ask Purpose.Scalars Scalars.query requests state

    let private askRows (requests: WalkRequest list) (state: State) : State =
        ask Purpose.Walk (TableWalk.query (table state)) requests state

    let private askHistory (requests: HistoryRequest list) (state: State) : State =
        ask Purpose.History SnmpHistory.query requests state

    let private remark (text: string) (state: State) : State =
        if List.contains text state.Remarks then
            state
        else
            { state with Remarks = text :: state.Remarks }

    let private remarkAll (texts: string list) (state: State) : State =
        (state, texts) ||> List.fold (fun state text -> remark text state)

    // Endings: with a snapshot, whatever happened.

    let private lastAnswer (now: Instant) (state: State) : Instant =
        state.Requests.LastReply |> ValueOption.defaultValue now

    let private over (answered: Instant) observations completeness ended history (state: State) : State =
        let snapshot =
            { Gateway = state.Requests.Target.Gateway
              Protocol = "snmp"
              Profile = state.Profile |> ValueOption.map _.Name |> ValueOption.defaultValue ""
              Traits = state.Profile |> ValueOption.map _.Traits |> ValueOption.defaultValue Traits.plain
              Asked = state.Requests.Began
              Answered = answered
              Boot = state.Scalars.LastBoot
              Completeness = completeness
              Observations = observations
              Ended = ended
              History = history
              Denied = [||]
              Total = ValueNone
              Standing = ValueNone
              Remarks = List.rev state.Remarks
              Requests = state.Requests.Sent }

        { state with
            Phase = Over
            Requests = SnmpRequests.close state.Requests
            Outcome = ValueSome snapshot }

    let private finish (now: Instant) (findings: Findings voption) completeness (state: State) : State =
        let observations = findings |> ValueOption.map _.Observations |> ValueOption.defaultValue [||]
        let told = findings |> ValueOption.map _.Remarks |> ValueOption.defaultValue []

        // The first audit of a gateway that keeps a history says so, and the next one reads it.
        let history =
            match state.Profile, completeness with
            | ValueSome { History = ValueSome _ }, Complete _ ->
                ValueSome { Until = ValueNone; Cursor = ValueNone }
            | _ -> ValueNone

        state
        |> remarkAll (TableWalk.spared state.Walk @ told)
        |> over (lastAnswer now state) observations completeness [||] history

    /// Over, with what the walk had proven before the history was read, and what was read of that. Nothing that befalls the
    /// reading changes the proof.
    let private finishHistory (history: SnmpHistory) (state: State) : State =
        let isNaming = state.Phase = NamingHistory
        let proven = history.Proven

        let struct (ended, read) =
            SnmpHistory.read
                state.Requests.Began
                state.Requests.Pace.Width
                state.Scalars.HasRestarted
                isNaming
                history

        state
        |> withPace proven.Pace
        |> over proven.Answered proven.Observations (Complete proven.Proof) ended (ValueSome read)

    /// Over, with whatever was learnt so far.
    let private giveUp (now: Instant) (reasons: Shortfall list) (state: State) : State =
        match state.History, state.Profile with
        | ValueSome history, _ -> finishHistory (List.foldBack SnmpHistory.broken reasons history) state
        | ValueNone, profile ->
            let findings =
                match profile with
                | ValueSome profile when state.Scalars.First.IsSome ->
                    ValueSome(WalkVerdict.find profile state.Brief false state.Scalars state.Walk.Pieces)
                | ValueSome _
                | ValueNone -> ValueNone

            let restarted = if state.Scalars.HasRestarted then [ RestartedMeanwhile ] else []
            let reasons = List.distinct (reasons @ restarted @ TableWalk.shortfalls state.Walk)
            finish now findings (Partial reasons) state

    // Phases.

    let private engine (state: State) : string voption =
        state.Requests.Session |> ValueOption.bind V3Session.bootToken

    let private beginOpening (state: State) : State =
        let profile = chosen state

        { state with Phase = Opening } |> askScalars (Scalars.opening profile (Confirming.controls profile))

    let private choose (state: State) : State =
        match state.Profile with
        | ValueSome _ -> beginOpening state
        | ValueNone ->
            match ProfileChoice.choose state.Requests.Target.Candidates state.Served with
            | ValueSome profile -> beginOpening { state with Profile = ValueSome profile }
            | ValueNone ->
                { state with Phase = Introducing }
                |> askScalars [ ScalarRequest.Get ProfileChoice.introduction ]

    let private beginWalk (state: State) : State =
        let struct (walk, requests) = TableWalk.begin' (table state) state.Requests.Pace state.Walk

        { state with Phase = Walking; Walk = walk; Scalars = Scalars.beginWalk state.Scalars }
        |> askRows requests

    let private swapPaces (state: State) : State =
        let pace = state.Requests.Pace

        { state with OtherPace = pace }
        |> withPace { state.OtherPace with Requests = pace.Requests; Bulk = pace.Bulk }

    let private startPace (state: State) : State =
        withPace (WalkPace.start (table state).Columns.Length state.Requests.Pace) state

    /// Whether this audit may be brief: the last one was proven whole, it is the same run of the same gateway, and it is not time yet to
    /// read everything.
    let private briefOf (profile: Profile) (state: State) : Brief voption =
        match state.Last with
        | ValueSome last when
            last.Left > 0
            && Object.ReferenceEquals(last.Profile, profile)
            && Boot.judge last.Boot state.Scalars.LastBoot = SameRun
            ->
            Brief.create profile state.Known
        | ValueSome _
        | ValueNone -> ValueNone

    let private opened (now: Instant) (state: State) : State =
        let profile = chosen state
        let state = { state with Scalars = Scalars.opened profile (engine state) now state.Scalars }

        match briefOf profile state with
        | ValueSome brief -> { swapPaces state with Brief = ValueSome brief } |> startPace |> beginWalk
        | ValueNone -> state |> startPace |> beginWalk

    /// Another walk, which reads everything.
    let private walkWhole (state: State) : State =
        { swapPaces state with Brief = ValueNone } |> startPace |> beginWalk

    /// The scalars after the walk, and what is to be confirmed of the walk.
    let private beginClosing (state: State) : State =
        let profile = chosen state

        let confirmations =
            Confirming.plan profile (table state).Columns state.Walk.Pieces state.Walk.Ends state.Known

        let cells = state.Requests.Pace.Proven * (table state).Columns.Length

        // So many have gone that not each is asked for by name: everything that the table tells is to bear witness.
        if state.Brief.IsSome && confirmations.IsSample then
            walkWhole state
        else
            let names =
                SnmpNames.packed
                    cells
                    (Scalars.closing profile state.Scalars)
                    (Confirming.names confirmations)

            { state with
                Phase = Closing
                Scalars = Scalars.beginClosing state.Scalars
                Confirmations = confirmations }
            |> askScalars (List.map ScalarRequest.Get names)

    let private beginJoining (state: State) : State =
        match TableWalk.join (chosen state) state.Requests.Pace state.Walk with
        | [] -> beginClosing state
        | requests -> { state with Phase = Joining } |> askRows requests

    /// Rows that are not as the record knows them are read whole.
    let private beginFilling (state: State) : State =
        match state.Brief with
        | ValueNone -> beginJoining state
        | ValueSome brief ->
            let profile = chosen state
            let struct (rows, _) = Rows.assemble profile state.Walk.Pieces
            let origin = SnmpObserving.origin state.Walk.Pieces

            let fresh =
                rows
                |> Array.filter (fun row ->
                    Rows.isWhole profile row
                    && Rows.isBrief row
                    && Rows.holds profile profile.Where row
                    && not (Brief.isKnown brief origin row))

            match TableWalk.fill (table state) state.Requests.Pace (fresh |> Array.map _.Instance) with
            | [] -> beginJoining state
            | requests -> { state with Phase = Filling } |> askRows requests

    let private walked (state: State) : State =
        match TableWalk.mend (chosen state) state.Walk with
        | Error shortfall -> beginClosing { state with Walk = TableWalk.broken shortfall state.Walk }
        | Ok [] -> beginFilling state
        | Ok requests -> { state with Phase = Mending } |> askRows requests

    /// The table is proven whole: the gateway's history comes next, where it keeps one that is wanted, and where sysUpTime is a clock.
    let private complete (now: Instant) (findings: Findings) (proof: Proof list) (state: State) : State =
        match (chosen state).History, state.Mark, state.Scalars.Latest with
        | ValueSome table, ValueSome mark, ValueSome { UpTime = ValueSome upTime } when
            not (Scalars.stoodStill state.Scalars)
            ->
            let pace = state.Requests.Pace

            let history =
                SnmpHistory.plan
                    now
                    upTime
                    (chosen state)
                    table
                    state.Known
                    mark
                    { Observations = findings.Observations
                      Proof = proof
                      Answered = lastAnswer now state
                      Pace = pace }

            { remarkAll (TableWalk.spared state.Walk @ findings.Remarks) state with
                Phase = PeekingHistory
                Scalars = Scalars.beginHistory state.Scalars
                History = ValueSome history }
            |> withPace (
                WalkPace.start
                    table.Table.Columns.Length
                    { WalkPace.none with Requests = pace.Requests; Bulk = pace.Bulk }
            )
            |> askHistory (SnmpHistory.peek history)
        | _ -> finish now (ValueSome findings) (Complete proof) state

    let private closed (now: Instant) (state: State) : State =
        let profile = chosen state
        let scalars = Scalars.readBoot profile (engine state) now state.Scalars
        let isBlind = Scalars.stoodStill scalars
        let findings = WalkVerdict.find profile state.Brief isBlind scalars state.Walk.Pieces
        let verdict = WalkVerdict.judge profile state.Confirmations scalars state.Walk findings
        let hints = WalkRange.hints state.Requests.Pace findings.Instances
        let state = { state with Scalars = scalars; Walk = { state.Walk with Hints = hints } }

        match verdict with
        // Without a clock, what the walk told of times is to be read anew.
        | _ when isBlind && state.Brief.IsSome -> walkWhole state
        | WalkVerdict.Hidden _ when state.Phase = Closing && profile.Serves.Length > 0 ->
            { state with Phase = Doubting }
            |> askScalars [ ScalarRequest.Get ProfileChoice.introduction ]
            |> askNext [ profile.Serves ]
        | WalkVerdict.Whole proof -> complete now findings proof { state with IsProven = true }
        | WalkVerdict.Passing _ when state.Walk.Number < MaxWalks ->
            if state.Brief.IsSome then
                walkWhole state
            elif profile.Traits.Staleness > TimeSpan.Zero then
                { state with Phase = Pausing(now + profile.Traits.Staleness) }
            else
                beginWalk state
        | WalkVerdict.Hidden reasons
        | WalkVerdict.Passing reasons
        | WalkVerdict.Lasting reasons -> finish now (ValueSome findings) (Partial reasons) state

    let private doubted (state: State) : State =
        match ProfileChoice.unserved (chosen state) state.Served state.Scalars with
        | ValueSome shortfall -> { state with Walk = TableWalk.broken shortfall state.Walk }
        | ValueNone -> state

    /// The history that is read in the phases that follow a proven walk.
    let private history (state: State) : SnmpHistory =
        match state.History with
        | ValueSome history -> history
        | ValueNone -> invalidOp "a history that is read after no walk"

    /// Where nothing is in flight and nothing waits, the phase is done: at once the next one, too, where there is nothing to ask.
    let rec private settle (now: Instant) (state: State) : State =
        let requests = state.Requests

        if not (Map.isEmpty requests.InFlight) then
            state
        elif state.Phase <> Over && SnmpRequests.isExhausted requests then
            giveUp now [ CutShort $"more than {SnmpRequests.MaxRequests} requests" ] state
        elif not requests.Queue.IsEmpty then
            state
        else
            match state.Phase with
            | Choosing -> settle now (choose state)
            | Introducing ->
                giveUp now [ ProfileChoice.unknown requests.Target.Candidates state.Scalars ] state
            | Opening -> settle now (opened now state)
            | Walking ->
                match state.Walk.Later with
                | ranges :: later ->
                    { state with Walk = { state.Walk with Later = later } }
                    |> askRows (TableWalk.steps requests.Pace ranges)
                    |> settle now
                | [] -> settle now (walked state)
            | Mending -> settle now (beginFilling state)
            | Filling -> settle now (beginJoining state)
            | Joining -> beginClosing state
            | Closing -> settle now (closed now state)
            | Doubting -> settle now (closed now (doubted state))
            | PeekingHistory ->
                { state with Phase = ReadingHistory }
                |> askRows (SnmpHistory.begin' requests.Pace (history state))
                |> settle now
            | ReadingHistory ->
                { state with Phase = NamingHistory }
                |> askHistory (SnmpHistory.naming (history state))
                |> settle now
            | NamingHistory -> finishHistory (history state) state
            | Pausing until -> if now.Micros >= until.Micros then beginWalk state else state
            | Over -> state

    /// Sends what may be sent. While the walk lasts and nothing else waits, ranges in flight are cut in two.
    let rec private pump (now: Instant) (state: State) : State =
        let requests = SnmpRequests.pump now state.Requests
        let state = { state with Requests = requests }

        if state.Phase = Walking && SnmpRequests.hasRoom requests && not (Map.isEmpty requests.InFlight) then
            let inFlight =
                [ for flight in requests.InFlight.Values do
                      match flight.Request.Purpose with
                      | Purpose.Walk(WalkRequest.Step range) -> struct (flight.Number, range)
                      | _ -> () ]

            match TableWalk.cut (chosen state) requests.Pace state.Scalars.First inFlight state.Walk with
            | ValueSome(struct (walk, number, lower, upper)) ->
                let purpose = Purpose.Walk(WalkRequest.Step lower)

                { state with Walk = walk; Requests = SnmpRequests.repurpose number purpose requests }
                |> askRows [ WalkRequest.Step upper ]
                |> pump now
            | ValueNone -> state
        else
            state

    let private deadline (state: State) : Instant voption =
        match state.Phase with
        | Pausing until -> ValueSome until
        | _ -> SnmpRequests.deadline state.Requests

    /// The commands in the order in which they came about, and when to wake up.
    let private commit (now: Instant) (state: State) : State * Command list =
        let state = state |> settle now |> pump now
        let struct (sent, requests) = SnmpRequests.drain state.Requests
        let outcome = state.Outcome |> ValueOption.map Finished |> ValueOption.toList

        { state with Requests = requests; Outcome = ValueNone },
        Command.inOrder (outcome @ List.map Send sent) (deadline state)

    // Events.

    /// Takes the walk that goes on, over the table of connections or over the history, through one turn.
    let private walkOn (take: WalkTurn -> WalkTurn) (state: State) : State =
        let turn =
            { Table = table state
              Walk = state.History |> ValueOption.map _.Walk |> ValueOption.defaultValue state.Walk
              Pace = state.Requests.Pace
              Next = []
              Read = ValueNone }
            |> take

        let scalars =
            match turn.Read with
            | ValueSome reply -> Scalars.sample reply state.Scalars
            | ValueNone -> state.Scalars

        let state =
            match state.History with
            | ValueSome history -> { state with History = ValueSome { history with Walk = turn.Walk } }
            | ValueNone -> { state with Walk = turn.Walk }

        { state with Scalars = scalars } |> withPace turn.Pace |> askRows turn.Next

    let private answered (now: Instant) (answer: Answer<Purpose>) (state: State) : State =
        let varBinds = answer.Pdu.VarBinds

        match answer.Purpose with
        | Purpose.Choose names ->
            let struct (served, again) = ProfileChoice.answered names varBinds state.Served
            { state with Served = served } |> askNext again
        | Purpose.Scalars request ->
            let struct (scalars, next) = Scalars.answered now answer request state.Scalars
            { state with Scalars = scalars } |> askScalars next
        | Purpose.Walk request ->
            let reply =
                match request with
                | WalkRequest.Step _ -> Scalars.ofStep answer.Sent now varBinds state.Scalars
                | WalkRequest.Reread _
                | WalkRequest.Fill _
                | WalkRequest.Join _ -> Scalars.ofGet answer.Sent now varBinds state.Scalars

            walkOn (TableWalk.answered reply answer request) state
        | Purpose.History request ->
            let struct (history, next) = SnmpHistory.answered answer request (history state)
            { state with History = ValueSome history } |> askHistory next

    /// A response with an error status.
    let private failed (answer: Answer<Purpose>) (state: State) : State =
        let pdu = answer.Pdu

        match answer.Purpose with
        // What cannot be read even alone is not served.
        | Purpose.Choose names -> askNext (SnmpNames.apart pdu names) state
        | Purpose.Scalars request ->
            let struct (scalars, next) = Scalars.failed pdu request state.Scalars
            { state with Scalars = scalars } |> askScalars next
        | Purpose.Walk request -> walkOn (TableWalk.failed answer request) state
        | Purpose.History request ->
            let struct (history, next) = SnmpHistory.failed pdu request (history state)
            { state with History = ValueSome history } |> askHistory next

    let private received (now: Instant) (octets: byte[]) (state: State) : State =
        let struct (heard, requests) = SnmpRequests.receive now octets state.Requests
        let state = { state with Requests = requests }

        let state =
            match requests.Session with
            | ValueSome { WentBack = ValueSome(struct (before, after)) } ->
                remark
                    $"the agent's boots counter went back from {before} to {after}: it does not keep it"
                    state
            | ValueSome _
            | ValueNone -> state

        match heard with
        | Heard.Answer answer when answer.Pdu.ErrorStatus = ErrorStatus.NoError -> answered now answer state
        | Heard.Answer answer -> failed answer state
        | Heard.Illegible(flight, datagram, why) ->
            match flight.Request.Purpose with
            | Purpose.Walk(WalkRequest.Step range) ->
                { state with Requests = SnmpRequests.forget flight requests }
                |> walkOn (TableWalk.illegible why datagram.Repetitions range)
            | _ -> { state with Requests = SnmpRequests.stray why requests }
        | Heard.Refused shortfall -> giveUp now [ shortfall ] state
        | Heard.Nothing -> state

    /// A request is not answered however many times it is sent.
    let private spent (now: Instant) (flight: InFlight<Purpose>) (state: State) : State =
        let isOthers = SnmpRequests.hasAnsweredSince flight state.Requests

        match flight.Request.Purpose with
        | Purpose.Walk(WalkRequest.Step _) when SnmpRequests.isExhausted state.Requests ->
            giveUp now [ SnmpRequests.silence now state.Requests ] state
        | Purpose.Walk request when isOthers ->
            walkOn (TableWalk.unanswered flight.Datagrams.Length request) state
        | Purpose.Walk _
        | Purpose.Choose _
        | Purpose.Scalars _
        | Purpose.History _ -> giveUp now [ SnmpRequests.silence now state.Requests ] state

    let private woke (now: Instant) (state: State) : State =
        (state, SnmpRequests.due now state.Requests)
        ||> List.fold (fun state flight ->
            let requests = state.Requests

            let halves =
                match flight.Request.Purpose with
                | Purpose.Scalars(ScalarRequest.Get names) -> SnmpNames.lost flight names requests
                | _ -> []

            if state.Phase = Over then
                state
            elif SnmpRequests.isSpent flight requests then
                spent now flight { state with Requests = SnmpRequests.forget flight requests }
            elif halves.IsEmpty then
                { state with Requests = SnmpRequests.repeat now flight requests }
            else
                { state with Requests = SnmpRequests.forget flight requests }
                |> askScalars (List.map ScalarRequest.Get halves))

    let private stopped (now: Instant) (state: State) : State =
        if state.Requests.Answered then
            giveUp now [ Cancelled ] state
        else
            giveUp now [ Cancelled; SnmpRequests.silence now state.Requests ] state

    /// One event in; all of its commands are to be carried out before the next.
    let advance (event: Event) (state: State) : State * Command list =
        let now = event.At.Steady

        match state.Phase, event with
        | Over, _
        // SNMP goes by datagrams alone.
        | _, (Connected _ | Arrived _ | Broken _) -> state, []
        | _, Received(_, octets) -> commit now (received now octets state)
        | _, Woke _ -> commit now (woke now state)
        | _, Stopped _ -> commit now (stopped now state)

    /// Begins an audit: the first request, and when to wake up.
    let begin' (target: SnmpTarget) (memory: Memory) (given: AuditStart) : State * Command list =
        let now = given.At.Steady
        let struct (salt, rng) = Rng.next given.Rng

        let session =
            match target.Credentials with
            | Community _ -> ValueNone
            | User(user, context) -> ValueSome(V3Session.resume user context salt memory.Session)

        let struct (briefAfter, _) = Rng.below (max 1 target.FactsEvery) rng

        let state: State =
            { Phase = Choosing
              Profile = target.Profile |> ValueOption.ofOption |> ValueOption.orElse memory.Chosen
              Requests = SnmpRequests.create now target session memory.Pace rng
              Served = Set.empty
              Scalars = Scalars.none now
              Walk = TableWalk.none memory.Hints
              Confirmations = Confirming.none
              Known = given.Known
              Brief = ValueNone
              OtherPace = memory.BriefPace
              Last = (if given.Afresh then ValueNone else memory.Last)
              BriefAfter = briefAfter
              IsProven = false
              Mark = given.History
              History = ValueNone
              Remarks = []
              Outcome = ValueNone }

        let state =
            match state.Profile with
            | ValueSome _ -> beginOpening state
            | ValueNone -> askNext [ ProfileChoice.names target.Candidates ] state

        commit now state

    /// The same without a record: the gateway's history is not asked for.
    let start (target: SnmpTarget) (memory: Memory) (at: Moment) (rng: Rng) : State * Command list =
        begin'
            target
            memory
            { At = at; Rng = rng; Local = ""; Known = [||]; History = ValueNone; Afresh = true }

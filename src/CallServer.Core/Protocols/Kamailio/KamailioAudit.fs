namespace CallServer.Protocols.Kamailio

open System
open System.Collections.Generic
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// Where an audit of a Kamailio stands.
[<RequireQualifiedAccess>]
type KamailioPhase =
    /// The up-time, first.
    | Opening
    /// The total of dialogs begun, before the count before the list.
    | TotalBefore
    | CountBefore
    | Listing
    | CountAfter
    | TotalAfter
    /// One dialog, to read the clock.
    | Clock
    /// The up-time, last.
    | Closing
    | Over

/// What one audit of a gateway passes on to the next. It narrows times, and proves nothing.
type KamailioMemory =
    {
        Run: GatewayRun voption
        /// What was known of its clock, and when.
        Clock: StampClock
        ClockAt: Instant
    }

[<NoEquality; NoComparison>]
type KamailioAuditState =
    internal
        {
            Known: Connection[]
            /// Whether dialogs that are over are wanted even if the record never had them.
            ReadsHistory: bool
            Memory: KamailioMemory
            Phase: KamailioPhase
            Link: KamailioLink<Snapshot>
            /// The first reading of the up-time, and whether the last one was of the same run.
            Opened: UpTimeReading voption
            IsSameRun: bool
            /// How often the dialogs were listed.
            Rounds: int
            Before: CallCounts
            After: CallCounts
            Verdict: CountVerdict
            /// The dialogs of the last list, each once, and when they were told.
            Dialogs: KamailioDialog[]
            Listed: Interval voption
            /// What this audit read of its clock.
            Clock: ClockBounds
            /// Calls whose dialog may show the clock, not asked yet.
            Candidates: string list
            Faults: Faults
        }

/// One audit of one Kamailio by JSON-RPC. One question is in flight at a time.
///
///   phase        question             answered                                      refused              given up
///   Opening      core.uptime          -> TotalBefore                                over                 over
///   TotalBefore  stats.fetchn         -> CountBefore                                unknown: no total *  over
///   CountBefore  dlg.stats_active     -> Listing; over if the list cannot fit       unknown: no count *  over
///   Listing      dlg.briefing         -> CountAfter                                 over                 over
///   CountAfter   dlg.stats_active     -> TotalAfter                                 over                 over
///   TotalAfter   stats.fetchn         -> Clock; TotalBefore again if the counts     over                 over
///                                     disagree and another list may agree
///   Clock        dlg.dlg_list         -> Closing; Clock again if that dialog is     -> Closing           over
///                                     over and another may show it
///   Closing      core.uptime          -> over                                       over                 over
///   Over         none; every event changes nothing
///
/// * Kamailio has no such command: the question is left out, here and after the list. In every phase: Stopped ends the audit, and so does a
/// result without what it always has. A message that answers nothing or cannot be read is counted and dropped. A Woke that comes too early
/// changes nothing.
module KamailioAudit =
    type State = KamailioAuditState
    type Memory = KamailioMemory

    module Memory =
        let none: Memory = { Run = ValueNone; Clock = StampClock.unknown; ClockAt = Instant.ofMicros 0L }

    /// How often one audit lists the dialogs before it reports a disagreement.
    [<Literal>]
    let private MaxRounds = 4

    /// How many dialogs are asked for the clock at most.
    [<Literal>]
    let private MaxCandidates = 3

    /// The most dialogs that one list may have.
    [<Literal>]
    let private MaxDialogs = 1_000_000

    /// A datagram over IPv4 has no more octets, and a row of the list no fewer.
    [<Literal>]
    let private LargestDatagram = 65507L

    [<Literal>]
    let private SmallestRow = 150L

    let memory (state: State) : Memory = state.Memory

    /// Messages so far that matched no request of ours.
    let strays (state: State) : int = state.Link.Window.Strays

    /// Messages sent so far.
    let requests (state: State) : int = state.Link.Window.Requests

    /// What is kept of a dialog, in octets.
    let private costOf (dialog: KamailioDialog) : int64 =
        300L
        + 2L * int64 (dialog.CallId.Length + dialog.FromTag.Length + dialog.From.Length + dialog.To.Length)

    let internal load (state: State) : Load =
        { Unread = 0L; Kept = ValueSome(Array.sumBy costOf state.Dialogs) }

    let internal progress (state: State) : Progress =
        { Told = state.Dialogs.Length; Of = ValueOption.map int state.Before.Active }

    let private fault (shortfall: Shortfall) (state: State) : State =
        { state with Faults = Faults.add shortfall state.Faults }

    /// Everything known of the gateway's clock. Another run may be another machine's.
    let private clock (now: Instant) (state: State) : StampClock =
        let held =
            match state.Memory.Run, state.Opened with
            | ValueSome known, ValueSome opened when known.Token = opened.Told.Since ->
                StampClock.aged (now - state.Memory.ClockAt) state.Memory.Clock
            | _ -> StampClock.unknown

        StampClock.learn now state.Clock held

    /// The connections of the dialogs that go on, sorted by their ids, and how many have no name that could be kept.
    let private observations (clock: StampClock) (state: State) : struct (Observation[] * int) =
        match state.Listed with
        | ValueNone -> struct ([||], 0)
        | ValueSome heard ->
            let going = state.Dialogs |> Array.filter (KamailioObserving.isOver >> not)
            let named = going |> Array.choose (KamailioObserving.observe clock heard)
            struct (Array.sortBy _.Id named, going.Length - named.Length)

    /// The ends of the dialogs that are over and still listed, sorted by their ids: all of them, or those of the record.
    let private ends (clock: StampClock) (state: State) : Ended[] =
        match state.Listed with
        | ValueNone -> [||]
        | ValueSome heard ->
            let over = state.Dialogs |> Array.filter KamailioObserving.isOver
            let ended = over |> Array.choose (KamailioObserving.ended clock heard)

            let wanted =
                if state.ReadsHistory || ended.Length = 0 then
                    ended
                else
                    let known = state.Known |> Array.map _.Id |> HashSet
                    ended |> Array.filter (fun one -> known.Contains one.Observation.Id)

            Array.sortBy _.Observation.Id wanted

    /// The rows of dialogs that are over are a history, of some seconds. Without a clock they tell no time.
    let private history (clock: StampClock) (state: State) : HistoryRead voption =
        match state.Listed with
        | ValueSome heard when StampClock.isKnown clock ->
            ValueSome
                { Until = (if state.ReadsHistory then ValueSome heard.Earliest else ValueNone)
                  Cursor = ValueNone }
        | ValueSome _
        | ValueNone -> ValueNone

    /// Ends the audit. Without reasons it is complete.
    let private finish (now: Instant) (reasons: Shortfall list) (state: State) : State =
        let clock = clock now state
        let struct (observations, nameless) = observations clock state
        let run = state.Opened |> ValueOption.map (GatewayRun.ofUpTime state.Memory.Run)

        let reasons =
            [ yield! reasons
              yield! Faults.toList state.Faults
              if nameless > 0 then
                  Unreadable $"{nameless} dialogs whose Call-ID is no name that could be kept" ]

        let completeness =
            match reasons with
            | [] ->
                Complete
                    [ EndOfTable
                      SameBoot
                      if state.Verdict = CountVerdict.Agrees then
                          CountAgrees ]
            | _ -> Partial(List.distinct reasons)

        let window = state.Link.Window

        let snapshot: Snapshot =
            { Gateway = state.Link.Target.Gateway
              Protocol = "jsonrpc"
              Profile = "kamailio"
              Traits = { Traits.plain with DriftPpm = Traits.usualDriftPpm }
              Asked = window.Began
              Answered = ValueOption.defaultValue now window.LastReply
              Boot = GatewayRun.bootOf now run
              Completeness = completeness
              Observations = observations
              Ended = ends clock state
              History = history clock state
              Denied =
                state.Dialogs
                |> Array.filter KamailioObserving.isOver
                |> Array.choose KamailioObserving.nameOf
                |> Array.sort
              Total = KamailioProof.total state.Before state.After
              Standing = ValueNone
              Remarks = []
              Requests = window.Requests }

        { state with
            Phase = KamailioPhase.Over
            Memory =
                (if run.IsNone then state.Memory
                 elif state.IsSameRun then { Run = run; Clock = clock; ClockAt = now }
                 else Memory.none)
            Link = KamailioLink.finish snapshot state.Link }

    let private silent (now: Instant) (reasons: Shortfall list) (state: State) : State =
        finish now (reasons @ [ KamailioLink.silence now state.Link ]) state

    let private ask
        (now: Instant)
        (phase: KamailioPhase)
        (question: KamailioQuestion)
        (state: State)
        : State =
        if RequestWindow.isExhausted state.Link.Window then
            finish now [ CutShort $"more than {state.Link.Window.MaxRequests} requests" ] state
        else
            { state with Phase = phase; Link = KamailioLink.send now question state.Link }

    let private beginClosing now state = ask now KamailioPhase.Closing KamailioQuestion.UpTime state

    let private beginClock (now: Instant) (state: State) : State =
        match state.Candidates with
        | next :: rest when state.Clock = GatewayClock.unknown ->
            ask now KamailioPhase.Clock (KamailioQuestion.Dialog next) { state with Candidates = rest }
        | _ -> beginClosing now state

    /// Of a dialog answered last, the clock is least likely to have been set since.
    let private candidates (dialogs: KamailioDialog[]) : string list =
        dialogs
        |> Array.filter KamailioObserving.isAnswered
        |> Array.sortByDescending _.Answered
        |> Array.truncate MaxCandidates
        |> Array.map _.CallId
        |> Array.toList

    let private beginRound now state =
        ask
            now
            KamailioPhase.TotalBefore
            KamailioQuestion.Processed
            { state with Before = CallCounts.nothing; After = CallCounts.nothing }

    let private beginList (now: Instant) (state: State) : State =
        match state.Link.Target.Transport, state.Before.Active with
        | KamailioTransport.Udp, ValueSome active when active > LargestDatagram / SmallestRow ->
            finish
                now
                [ TooLarge
                      $"a list of {active} dialogs does not fit a datagram; jsonrpc+http:// takes any size" ]
                state
        | _ -> ask now KamailioPhase.Listing KamailioQuestion.List { state with Rounds = state.Rounds + 1 }

    let private judged (now: Instant) (state: State) : State =
        let counted = state.Dialogs |> Array.filter KamailioObserving.isCounted
        let verdict = CallCounts.judge counted.Length state.Before state.After
        let state = { state with Verdict = verdict }

        match verdict with
        | CountVerdict.Disagrees _ when state.Rounds < MaxRounds && Faults.isEmpty state.Faults ->
            beginRound now state
        | CountVerdict.Disagrees count ->
            state |> fault (CallCounts.shortfall count counted.Length) |> beginClock now
        | CountVerdict.Agrees
        | CountVerdict.Untold -> beginClock now state

    let private countedAfter (now: Instant) (state: State) : State =
        if state.Before.Begun.IsSome then
            ask now KamailioPhase.TotalAfter KamailioQuestion.Processed state
        else
            judged now state

    let private listed
        (now: Instant)
        (sent: Instant)
        (dialogs: ResizeArray<KamailioDialog>)
        unreadable
        state
        =
        let dialogs =
            dialogs.ToArray()
            |> Array.distinctBy (fun dialog -> struct (dialog.CallId, dialog.Entry, dialog.Number))

        let state =
            { state with
                Dialogs = dialogs
                Listed = ValueSome(Interval.create sent now)
                Candidates = candidates dialogs }

        let state =
            if unreadable > 0 then
                fault (Unreadable $"{unreadable} rows without a name, a Call-ID or a state") state
            else
                state

        if state.Before.Active.IsSome then
            ask now KamailioPhase.CountAfter KamailioQuestion.Active state
        else
            judged now state

    let private closed (now: Instant) (reading: UpTimeReading) (state: State) : State =
        match state.Opened with
        | ValueSome opened when opened.Told.Since = reading.Told.Since -> finish now [] state
        | ValueSome _
        | ValueNone -> finish now [ RestartedMeanwhile ] { state with IsSameRun = false }

    let private unreadable (now: Instant) (what: string) (state: State) : State =
        finish now [ Unreadable $"{what}: a result without what it always has" ] state

    let private understood (now: Instant) (sent: Instant) (result: JsonView) (state: State) : State =
        let within = Interval.create sent now

        match state.Phase with
        | KamailioPhase.Opening
        | KamailioPhase.Closing ->
            match KamailioReplies.readUpTime result with
            | ValueSome told when state.Phase = KamailioPhase.Opening ->
                beginRound now { state with Opened = ValueSome { Told = told; Within = within } }
            | ValueSome told -> closed now { Told = told; Within = within } state
            | ValueNone -> unreadable now "core.uptime" state
        | KamailioPhase.TotalBefore ->
            let before = { state.Before with Begun = KamailioReplies.readProcessed result }
            ask now KamailioPhase.CountBefore KamailioQuestion.Active { state with Before = before }
        | KamailioPhase.CountBefore ->
            match KamailioReplies.readActive result with
            | ValueSome _ as active ->
                beginList now { state with Before = { state.Before with Active = active } }
            | ValueNone -> unreadable now "dlg.stats_active" state
        | KamailioPhase.Listing ->
            let take (dialogs: ResizeArray<KamailioDialog>) dialog =
                if dialogs.Count <= MaxDialogs then
                    dialogs.Add dialog

                dialogs

            match KamailioReplies.foldDialogs take (ResizeArray()) result with
            | ValueSome(struct (dialogs, _)) when dialogs.Count > MaxDialogs ->
                finish now [ CutShort $"more than {MaxDialogs} dialogs" ] state
            | ValueSome(struct (dialogs, unreadable)) -> listed now sent dialogs unreadable state
            | ValueNone -> unreadable now "dlg.briefing" state
        | KamailioPhase.CountAfter ->
            match KamailioReplies.readActive result with
            | ValueSome _ as active ->
                countedAfter now { state with After = { state.After with Active = active } }
            | ValueNone -> unreadable now "dlg.stats_active" state
        | KamailioPhase.TotalAfter ->
            match KamailioReplies.readProcessed result with
            | ValueSome _ as processed ->
                judged now { state with After = { state.After with Begun = processed } }
            | ValueNone -> unreadable now "stats.fetchn" state
        | KamailioPhase.Clock ->
            match KamailioReplies.readClock result with
            | ValueSome shown -> beginClock now { state with Clock = SecondClock.read shown within }
            | ValueNone -> beginClock now state
        | KamailioPhase.Over -> state

    /// Kamailio answers 500 and these words; others would use the specification's code.
    let private isUnknown (code: int) (message: string) : bool =
        code = -32601 || message.Contains("Method Not Found", StringComparison.OrdinalIgnoreCase)

    let private refused (now: Instant) (code: int) (message: string) (state: State) : State =
        match state.Phase with
        | KamailioPhase.TotalBefore when isUnknown code message ->
            ask now KamailioPhase.CountBefore KamailioQuestion.Active state
        | KamailioPhase.CountBefore when isUnknown code message -> beginList now state
        | KamailioPhase.Listing when isUnknown code message ->
            finish now [ NotServed "dlg.briefing: its module dialog is not loaded" ] state
        | KamailioPhase.Clock -> beginClosing now state
        | KamailioPhase.Opening
        | KamailioPhase.TotalBefore
        | KamailioPhase.CountBefore
        | KamailioPhase.Listing
        | KamailioPhase.CountAfter
        | KamailioPhase.TotalAfter
        | KamailioPhase.Closing ->
            finish now [ Refused(RefusalCause.Code code, $"the gateway says: {message} ({code})") ] state
        | KamailioPhase.Over -> state

    let private received (now: Instant) (octets: byte[]) (state: State) : State =
        let struct (answer, link) = KamailioLink.receive now octets state.Link
        let state = { state with Link = link }

        match answer with
        | ValueNone -> state
        | ValueSome(struct (request, JsonRpcBody.Result result)) -> understood now request.First result state
        | ValueSome(struct (_, JsonRpcBody.Refused(code, message))) -> refused now code message state
        | ValueSome(struct (_, JsonRpcBody.Request _)) -> state

    /// A request got no answer to any of its attempts.
    let private spent (now: Instant) (request: InFlight<KamailioQuestion, unit>) (state: State) : State =
        match request.Purpose, state.Link.Target.Transport with
        | KamailioQuestion.List, KamailioTransport.Udp ->
            let many =
                match state.Before.Active with
                | ValueSome active -> $" of {active} dialogs"
                | ValueNone -> ""

            let reason =
                CutShort
                    $"no answer to {request.Times} requests for a list{many}: too long for a datagram? jsonrpc+http:// takes any size"

            silent now [ reason ] state
        | _ -> silent now [] state

    let private woke (now: Instant) (state: State) : State =
        (state, RequestWindow.late now state.Link.Window)
        ||> List.fold (fun state (id, request) ->
            if KamailioLink.isSpent request state.Link then
                spent now request state
            else
                { state with Link = KamailioLink.repeat now id request state.Link })

    let private stopped (now: Instant) (state: State) : State =
        if state.Link.Window.LastReply.IsSome then
            finish now [ Cancelled ] state
        else
            silent now [ Cancelled ] state

    let private commit (state: State) : State * Command list =
        let struct (link, commands) = KamailioLink.commit state.Link
        { state with Link = link }, commands

    /// Takes in one event. Carry out all returned commands before the next event.
    let advance (event: Event) (state: State) : State * Command list =
        let now = event.At.Steady

        match state.Phase, event with
        | KamailioPhase.Over, _ -> state, []
        | _, Received(_, octets) -> commit (received now octets state)
        | _, Event.Broken(_, reason) ->
            // Requests over HTTP are repeated in any case.
            commit { state with Link = { state.Link with Trouble = reason } }
        | _, Woke _ -> commit (woke now state)
        | _, Stopped _ -> commit (stopped now state)
        | _, Connected _
        | _, Arrived _ -> state, []

    /// Begins an audit. Returns the first request, and when to wake up.
    let start (target: KamailioGateway) (memory: Memory) (given: AuditStart) : State * Command list =
        { Known = given.Known
          ReadsHistory = given.History.IsSome
          Memory = memory
          Phase = KamailioPhase.Opening
          Link = KamailioLink.start target given
          Opened = ValueNone
          IsSameRun = true
          Rounds = 0
          Before = CallCounts.nothing
          After = CallCounts.nothing
          Verdict = CountVerdict.Untold
          Dialogs = [||]
          Listed = ValueNone
          Clock = GatewayClock.unknown
          Candidates = []
          Faults = Faults.none }
        |> ask given.At.Steady KamailioPhase.Opening KamailioQuestion.UpTime
        |> commit

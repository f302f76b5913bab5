namespace CallServer.Protocols.OpenSips

open System
open System.Collections.Generic
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// Where an audit of an OpenSIPS stands.
[<RequireQualifiedAccess>]
type OpenSipsPhase =
    /// The up-time, first.
    | Opening
    /// The total of dialogs begun, before the first count.
    | TotalBefore
    /// The pages of the table; the first one tells the count before it.
    | Listing
    | CountAfter
    | TotalAfter
    /// The up-time, last.
    | Closing
    | Over

/// What one audit of a gateway passes on to the next. It narrows times and saves requests, and proves nothing.
type OpenSipsMemory =
    {
        Run: GatewayRun voption
        /// What was known of its clock.
        Clock: StampClock
        /// When the run and the clock were known.
        At: Instant
        /// The most rows of a page that it could tell.
        Size: int
    }

[<NoEquality; NoComparison>]
type OpenSipsAuditState =
    internal
        {
            Gateway: GatewayId
            Known: Dictionary<string, Connection>
            Memory: OpenSipsMemory
            Phase: OpenSipsPhase
            Link: HttpLink<OpenSipsQuestion, Snapshot>
            /// The first reading of the up-time, and whether the last one was of the same run.
            Opened: UpTimeReading voption
            IsSameRun: bool
            /// How often the table was read.
            Rounds: int
            Before: CallCounts
            After: CallCounts
            Verdict: CountVerdict
            Pages: OpenSipsPages
            /// What this audit read of its clock.
            Clock: StampClock
            Faults: Faults
        }

/// One audit of one OpenSIPS by its Management Interface. One question is in flight at a time.
///
///   phase        question                  answered                                 refused                    given up
///   Opening      uptime                    -> TotalBefore                           over                       over
///   TotalBefore  get_statistics            -> Listing                               no such statistic: no      over
///                                                                                   total; otherwise over
///   Listing      dlg_list of a page        -> Listing for the next page;            too large for its memory:  over
///                                          -> CountAfter at the table's end         a smaller page; else over
///   CountAfter   dlg_list of one row       -> TotalAfter                            over                       over
///   TotalAfter   get_statistics            -> Closing; TotalBefore again if the     over                       over
///                                          counts disagree and may yet agree
///   Closing      uptime                    -> over                                  over                       over
///   Over         none; every event changes nothing
///
/// The list is whole if its pages join (OpenSipsPages), and if the table's own counts before and after it agree with the rows told, those of
/// dialogs that are over among them (CallCounts). `active_dialogs` proves nothing: in a cluster it drifts away from the table.
///
/// In every phase: Stopped ends the audit, and so does a result without what it always has. The statuses 502, 503 and 504 are no answer: the
/// request is sent again when it is due. A message that answers nothing is counted and dropped. A Woke that comes too early changes nothing.
module OpenSipsAudit =
    type State = OpenSipsAuditState
    type Memory = OpenSipsMemory

    module Memory =
        let none: Memory =
            { Run = ValueNone
              Clock = StampClock.unknown
              At = Instant.ofMicros 0L
              Size = OpenSipsPages.usual }

    /// How often one audit reads the table before it reports a disagreement.
    [<Literal>]
    let private MaxRounds = 4

    /// The most dialogs that one list may have.
    [<Literal>]
    let private MaxDialogs = 1_000_000

    let memory (state: State) : Memory = state.Memory

    /// Messages so far that matched no request of ours.
    let strays (state: State) : int = state.Link.Window.Strays

    /// Messages sent so far.
    let requests (state: State) : int = state.Link.Window.Requests

    let internal load (state: State) : Load = { Unread = 0L; Kept = ValueSome state.Pages.Octets }

    let internal progress (state: State) : Progress =
        { Told = state.Pages.Rows.Count; Of = ValueOption.map int state.Before.Active }

    let private fault (shortfall: Shortfall) (state: State) : State =
        { state with Faults = Faults.add shortfall state.Faults }

    /// Everything known of the gateway's clock. Another run may be another machine's.
    let private clock (now: Instant) (state: State) : StampClock =
        let held =
            match state.Memory.Run, state.Opened with
            | ValueSome known, ValueSome opened when known.Token = opened.Told.Since ->
                StampClock.aged (now - state.Memory.At) state.Memory.Clock
            | _ -> StampClock.unknown

        StampClock.add now state.Clock held

    let private rows (state: State) : OpenSipsRow[] = state.Pages.Rows |> Map.toArray |> Array.map snd

    /// The connections of the dialogs that go on, sorted by their ids, and how many have no name that could be kept.
    let private observations (clock: StampClock) (state: State) : struct (Observation[] * int) =
        let clockFor (row: OpenSipsRow) =
            match state.Known.TryGetValue(OpenSipsRow.nameOf row) with
            | true, connection -> StampClock.datingOf (ValueSome connection) clock
            | _ -> clock

        let going = rows state |> Array.filter (fun row -> not (OpenSipsObserving.isOver row.Dialog))

        let named = going |> Array.choose (fun row -> OpenSipsObserving.observe (clockFor row) row)

        struct (Array.sortBy _.Id named, going.Length - named.Length)

    let private denied (state: State) : ConnectionId[] =
        rows state
        |> Array.filter (fun row -> OpenSipsObserving.hasEnded row.Dialog)
        |> Array.choose (fun row -> ConnectionId.tryCreate (OpenSipsRow.nameOf row))
        |> Array.sort

    let private total (state: State) : RunningTotal voption =
        match state.Before.Begun, state.After.Begun with
        | ValueSome before, ValueSome after ->
            ValueSome { Of = TotalOf.Connections; Before = before; After = after; Wraps = ValueNone }
        | _ -> ValueNone

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
            { Gateway = state.Gateway
              Protocol = "mi"
              Profile = "opensips"
              Traits = { Traits.plain with DriftPpm = Traits.usualDriftPpm }
              Asked = window.Began
              Answered = ValueOption.defaultValue now window.LastReply
              Boot = GatewayRun.bootOf now run
              Completeness = completeness
              Observations = observations
              Ended = [||]
              History = ValueNone
              Denied = denied state
              Total = total state
              Standing = ValueNone
              Remarks = []
              Requests = window.Requests }

        let kept = { state.Memory with Size = state.Pages.Size }

        { state with
            Phase = OpenSipsPhase.Over
            Memory =
                (if run.IsNone then kept
                 elif state.IsSameRun then { kept with Run = run; Clock = clock; At = now }
                 else { Memory.none with Size = kept.Size })
            Link = HttpLink.finish snapshot state.Link }

    let private ask
        (now: Instant)
        (phase: OpenSipsPhase)
        (question: OpenSipsQuestion)
        (state: State)
        : State =
        let window = state.Link.Window

        if RequestWindow.isExhausted window then
            finish now [ CutShort $"more than {window.MaxRequests} requests" ] state
        else
            { state with
                Phase = phase
                Link = { state.Link with Window = RequestWindow.enqueue [ question ] window } }

    let private askPage (now: Instant) (state: State) : State =
        ask now OpenSipsPhase.Listing (OpenSipsQuestion.Rows(state.Pages.First, state.Pages.Size)) state

    let private beginRound (now: Instant) (state: State) : State =
        ask
            now
            OpenSipsPhase.TotalBefore
            OpenSipsQuestion.Processed
            { state with Before = CallCounts.nothing; After = CallCounts.nothing }

    let private beginList (now: Instant) (state: State) : State =
        askPage now { state with Rounds = state.Rounds + 1; Pages = OpenSipsPages.start state.Pages.Size }

    let private beginClosing now state = ask now OpenSipsPhase.Closing OpenSipsQuestion.UpTime state

    let private judged (now: Instant) (state: State) : State =
        let listed = state.Pages.Rows.Count
        let verdict = CallCounts.judge listed state.Before state.After
        let state = { state with Verdict = verdict }

        match verdict with
        | CountVerdict.Disagrees _ when state.Rounds < MaxRounds && Faults.isEmpty state.Faults ->
            beginRound now state
        | CountVerdict.Disagrees count ->
            state |> fault (CallCounts.shortfall count listed) |> beginClosing now
        | CountVerdict.Agrees
        | CountVerdict.Untold -> beginClosing now state

    let private unreadable (now: Instant) (what: string) (state: State) : State =
        finish now [ Unreadable $"{what}: a result without what it always has" ] state

    let private listed (now: Instant) (within: Interval) (result: JsonView) (state: State) : State =
        let read =
            OpenSipsReplies.foldDialogs
                (fun page dialog -> OpenSipsRow.create within dialog :: page)
                []
                result

        match read, OpenSipsReplies.readCount result with
        | ValueSome(struct (page, lost)), (ValueSome _ as count) ->
            let state =
                if state.Pages.First = 0L && state.Before.Active.IsNone then
                    { state with Before = { state.Before with Active = count } }
                else
                    state

            let state =
                if lost > 0 then
                    fault (Unreadable $"{lost} rows without a name, a Call-ID or a state") state
                else
                    state

            let struct (paging, pages) = OpenSipsPages.take page lost state.Pages
            let state = { state with Pages = pages }

            match paging with
            | OpenSipsPaging.Next when pages.Rows.Count > MaxDialogs ->
                finish now [ CutShort $"more than {MaxDialogs} dialogs" ] state
            | OpenSipsPaging.Next -> askPage now state
            | OpenSipsPaging.Ended -> ask now OpenSipsPhase.CountAfter (OpenSipsQuestion.Rows(0L, 1)) state
            | OpenSipsPaging.Lost ->
                state
                |> fault (IndexMoved "dialogs end faster than pages of the list can follow")
                |> beginClosing now
        | _ -> unreadable now "dlg_list" state

    let private closed (now: Instant) (reading: UpTimeReading) (state: State) : State =
        match state.Opened with
        | ValueSome opened when opened.Told.Since = reading.Told.Since -> finish now [] state
        | ValueSome _
        | ValueNone -> finish now [ RestartedMeanwhile ] { state with IsSameRun = false }

    let private understood (now: Instant) (within: Interval) (result: JsonView) (state: State) : State =
        match state.Phase with
        | OpenSipsPhase.Opening
        | OpenSipsPhase.Closing ->
            match OpenSipsReplies.readUpTime result with
            | ValueSome told when state.Phase = OpenSipsPhase.Opening ->
                beginRound now { state with Opened = ValueSome { Told = told; Within = within } }
            | ValueSome told -> closed now { Told = told; Within = within } state
            | ValueNone -> unreadable now "uptime" state
        | OpenSipsPhase.TotalBefore ->
            let before = { state.Before with Begun = OpenSipsReplies.readProcessed result }
            beginList now { state with Before = before }
        | OpenSipsPhase.Listing -> listed now within result state
        | OpenSipsPhase.CountAfter ->
            match OpenSipsReplies.readCount result with
            | ValueSome _ as count ->
                let state = { state with After = { state.After with Active = count } }

                if state.Before.Begun.IsSome then
                    ask now OpenSipsPhase.TotalAfter OpenSipsQuestion.Processed state
                else
                    judged now state
            | ValueNone -> unreadable now "dlg_list" state
        | OpenSipsPhase.TotalAfter ->
            match OpenSipsReplies.readProcessed result with
            | ValueSome _ as processed ->
                judged now { state with After = { state.After with Begun = processed } }
            | ValueNone -> unreadable now "get_statistics" state
        | OpenSipsPhase.Over -> state

    /// JSON-RPC's code for a command that is not known.
    [<Literal>]
    let private UnknownCommand = -32601

    /// OpenSIPS's code for a command that failed: its memory does not hold the page.
    [<Literal>]
    let private Failed = -32000

    let private refused (now: Instant) (code: int) (words: string) (state: State) : State =
        let refusal = Refused(RefusalCause.Code code, $"the gateway says: {words} ({code})")

        match state.Phase with
        // Its statistics are switched off.
        | OpenSipsPhase.TotalBefore when code = 404 -> beginList now state
        | OpenSipsPhase.Listing when code = UnknownCommand ->
            finish now [ NotServed "dlg_list: its module dialog is not loaded" ] state
        | OpenSipsPhase.Listing when code = 500 || code = Failed ->
            match OpenSipsPages.shrink state.Pages with
            | ValueSome pages -> askPage now { state with Pages = pages }
            | ValueNone -> finish now [ refusal ] state
        | OpenSipsPhase.Opening when code = 404 ->
            finish now [ NotServed $"the gateway says: {words} (404)" ] state
        | OpenSipsPhase.Opening
        | OpenSipsPhase.TotalBefore
        | OpenSipsPhase.Listing
        | OpenSipsPhase.CountAfter
        | OpenSipsPhase.TotalAfter
        | OpenSipsPhase.Closing -> finish now [ refusal ] state
        | OpenSipsPhase.Over -> state

    let private answered
        now
        (within: Interval)
        (question: OpenSipsQuestion)
        (response: HttpResponse)
        (state: State)
        =
        let state =
            if OpenSipsLink.isItsOwnClock response then
                { state with Clock = SecondClock.learn within response state.Clock }
            else
                state

        match OpenSipsLink.read response state.Link with
        | OpenSipsAnswer.Result result -> understood now within result state
        | OpenSipsAnswer.Refused(code, words) -> refused now code words state
        | OpenSipsAnswer.Foreign what -> finish now [ Unreadable $"{question}: {what}" ] state

    let private audit: HttpAudit<State, OpenSipsQuestion, Snapshot> =
        { Link = _.Link
          WithLink = fun link state -> { state with Link = link }
          IsOver = fun state -> state.Phase = OpenSipsPhase.Over
          Settle = fun _ state -> state
          Answered = answered
          IsSpent =
            fun request state ->
                RequestWindow.isSpent request state.Link.Window || RequestWindow.isExhausted state.Link.Window
          Spent = fun now _ _ state -> finish now [ HttpLink.silence now state.Link ] state
          Finish = finish }

    /// Takes in one event. Carry out all returned commands before the next event.
    let advance (event: Event) (state: State) : State * Command list = HttpAudit.advance audit event state

    /// Begins an audit. Returns the first request, and when to wake up.
    let start (target: OpenSipsGateway) (memory: Memory) (given: AuditStart) : State * Command list =
        let known = Dictionary<string, Connection>()

        for connection in given.Known do
            known[string connection.Id] <- connection

        { Gateway = target.Gateway
          Known = known
          Memory = memory
          Phase = OpenSipsPhase.Opening
          Link = OpenSipsLink.start target given
          Opened = ValueNone
          IsSameRun = true
          Rounds = 0
          Before = CallCounts.nothing
          After = CallCounts.nothing
          Verdict = CountVerdict.Untold
          Pages = OpenSipsPages.start memory.Size
          Clock = StampClock.unknown
          Faults = Faults.none }
        |> ask given.At.Steady OpenSipsPhase.Opening OpenSipsQuestion.UpTime
        |> HttpAudit.commit audit given.At.Steady

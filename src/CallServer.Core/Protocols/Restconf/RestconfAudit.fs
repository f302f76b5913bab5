namespace CallServer.Protocols.Restconf

open System
open System.Collections.Generic
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// Where an audit of an IOS-XE stands.
[<RequireQualifiedAccess>]
type RestconfPhase =
    /// Boot-time and clock, first.
    | Opening
    | Listing
    /// The number of legs after a list that is not as long as its own total.
    | Counting
    /// Boot-time and clock, last.
    | Closing
    | Over

/// What one audit of a gateway passes on to the next. It narrows times, and proves nothing.
type RestconfMemory =
    {
        Run: RestconfRun voption
        /// What was known of its clock.
        Clock: StampClock
        /// When the run and the clock were known.
        At: Instant
        /// A leg that nobody had answered had a duration.
        CountsRinging: bool
    }

[<NoEquality; NoComparison>]
type RestconfAuditState =
    internal
        {
            Known: Dictionary<string, Connection>
            Memory: RestconfMemory
            Phase: RestconfPhase
            Target: RestconfGateway
            Link: HttpLink<RestconfQuestion, Snapshot>
            /// The first reading of the times, and the last.
            Opened: RestconfReading voption
            Closed: RestconfReading voption
            /// What this audit read of the clock.
            Clock: StampClock
            /// How often the legs were listed.
            Rounds: int
            /// How often there was no summary, one time after the other.
            Absences: int
            /// The legs of the last list, each once, and when they were told.
            Legs: VoiceLeg[]
            Listed: Interval voption
            /// The rows of the last list that could not be read, and its own total.
            Lost: int
            Total: int64 voption
            Faults: Faults
        }

/// One audit of one IOS-XE over RESTCONF. One question is in flight at a time.
///
///   phase     question                  answered                                   no such node          refused        given up
///   Opening   device-system-data        -> Listing                                 -> Listing, no times  over *         over
///   Listing   active-voip-call-summary  -> Closing where the list is as long as    over; Listing again,  over           over
///                                       its total; else Counting                   then Closing **
///   Counting  the total alone           -> Closing where the list lies between     -> Listing, or Closing after the     over
///                                       the two totals, or was made often enough;  last list
///                                       else Listing
///   Closing   device-system-data        -> over                                    over                  over           over
///   Over      none; every event changes nothing
///
/// * 401 ends the audit; with another status the times are not told. ** Where the operator says that a gateway without legs has no summary.
/// In every phase: Stopped ends the audit. The statuses 409, 429, 502, 503 and 504 are no answer: the request is sent again when it is due. A
/// response that answers no request is counted and dropped. A Woke that comes too early changes nothing.
module RestconfAudit =
    type State = RestconfAuditState
    type Memory = RestconfMemory

    module Memory =
        let none: Memory =
            { Run = ValueNone
              Clock = StampClock.unknown
              At = Instant.ofMicros 0L
              CountsRinging = false }

    /// How often one audit lists the legs before it reports a disagreement.
    [<Literal>]
    let private MaxRounds = 4

    /// How often a gateway without legs says so.
    [<Literal>]
    let private MaxAbsences = 2

    /// The most legs that one list may have.
    [<Literal>]
    let private MaxLegs = 1_000_000

    let memory (state: State) : Memory = state.Memory

    /// Messages so far that matched no request of ours.
    let strays (state: State) : int = state.Link.Window.Strays

    /// Messages sent so far.
    let requests (state: State) : int = state.Link.Window.Requests

    /// What is kept of a leg, in octets.
    let private costOf (leg: VoiceLeg) : int64 =
        400L
        + 2L
          * int64 (
              leg.Direction.Length
              + leg.Number.Length
              + leg.State.Length
              + leg.RemoteHost.Length
              + leg.Codec.Length
          )

    let internal load (state: State) : Load = { Unread = 0L; Kept = ValueSome(Array.sumBy costOf state.Legs) }

    let internal progress (state: State) : Progress =
        { Told = state.Legs.Length; Of = state.Total |> ValueOption.map int }

    let private fault (shortfall: Shortfall) (state: State) : State =
        { state with Faults = Faults.add shortfall state.Faults }

    /// Everything known of the clock, whatever the run.
    let private clockSince (now: Instant) (state: State) : StampClock =
        StampClock.learn now state.Clock.Bounds (StampClock.aged (now - state.Memory.At) state.Memory.Clock)

    /// The run that this audit met, and everything known of its clock. Another run may be another machine's.
    let private meeting (now: Instant) (state: State) : struct (RestconfRun voption * StampClock) =
        match state.Opened with
        | ValueNone -> struct (ValueNone, StampClock.unknown)
        | ValueSome reading ->
            let clock = clockSince now state
            let wasSet = clock.Since > state.Memory.Clock.Since
            let run = RestconfRun.meet wasSet state.Memory.Run state.Memory.At reading

            if state.Memory.Run |> ValueOption.exists (fun known -> known.Token = run.Token) then
                struct (ValueSome run, { clock with Since = Instant.max clock.Since state.Clock.Since })
            else
                struct (ValueSome run, state.Clock)

    let private observations run (clock: StampClock) (countsRinging: bool) (heard: Interval) (state: State) =
        let token = (RestconfRun.bootOf heard.Latest run).Token

        let contextOf (leg: VoiceLeg) : RestconfContext =
            let plain = { Heard = heard; Clock = clock; CountsRinging = countsRinging; Stamp = ValueNone }

            match state.Known.TryGetValue(string leg.CallId) with
            // Within a run a number is not used again: if its stamp changed, so did the clock.
            | true, known when token.IsSome && known.BootToken = token ->
                { plain with
                    Stamp = known.Stamp
                    Clock = (if known.FirstHeard <= clock.Since then StampClock.unknown else clock) }
            | _ -> plain

        state.Legs
        |> Array.map (fun leg -> RestconfObserving.observe (contextOf leg) leg)
        |> Array.sortBy _.Id

    let private completenessOf (reasons: Shortfall list) (run: RestconfRun voption) (state: State) =
        match reasons with
        | [] ->
            Complete
                [ WholeDocument
                  if run.IsSome && state.Closed.IsSome then
                      SameBoot
                  if state.Total.IsSome then
                      CountAgrees ]
        | _ -> Partial(List.distinct reasons)

    /// Ends the audit. Without reasons it is complete.
    let private finish (now: Instant) (reasons: Shortfall list) (state: State) : State =
        let struct (run, clock) = meeting now state

        let countsRinging =
            state.Memory.CountsRinging || Array.exists RestconfObserving.countsRinging state.Legs

        let observations =
            match state.Listed with
            | ValueSome heard -> observations run clock countsRinging heard state
            | ValueNone -> [||]

        let reasons = reasons @ Faults.toList state.Faults
        let window = state.Link.Window

        let snapshot: Snapshot =
            { Gateway = state.Target.Gateway
              Protocol = "restconf"
              Profile = "ios-xe"
              Traits = { Traits.plain with ReusesIds = true; DriftPpm = Traits.usualDriftPpm }
              Asked = window.Began
              Answered = ValueOption.defaultValue now window.LastReply
              Boot = RestconfRun.bootOf now run
              Completeness = completenessOf reasons run state
              Observations = observations
              Ended = [||]
              History = ValueNone
              Denied = [||]
              Total = ValueNone
              Standing = ValueNone
              Remarks =
                [ if state.Opened.IsNone && state.Listed.IsSome then
                      "it tells neither its boot-time nor its clock: setups are not dated, and a restart is not seen"
                  if countsRinging then
                      "its durations include ringing: the start of a call is only bounded by them" ]
              Requests = window.Requests }

        { state with
            Phase = RestconfPhase.Over
            Memory =
                (match run, state.Closed |> ValueOption.orElse state.Opened with
                 | ValueSome _, ValueSome last ->
                     { Run = run; Clock = clock; At = last.Within.Earliest; CountsRinging = countsRinging }
                 | _ -> { state.Memory with CountsRinging = countsRinging })
            Link = HttpLink.finish snapshot state.Link }

    let private ask (phase: RestconfPhase) (question: RestconfQuestion) (state: State) : State =
        { state with Phase = phase; Link = HttpLink.enqueue [ question ] state.Link }

    let private close (state: State) : State = ask RestconfPhase.Closing RestconfQuestion.Times state

    /// Lists again, unless that was done often enough.
    let private again (shortfall: Shortfall) (state: State) : State =
        if state.Rounds < MaxRounds then
            ask RestconfPhase.Listing RestconfQuestion.Legs state
        else
            close (fault shortfall state)

    /// Legs that were told, readable or not.
    let private told (state: State) : int = state.Legs.Length + state.Lost

    let private counted (total: int64 voption) : CallCounts = { Active = total; Begun = ValueNone }

    let private disagreement (state: State) : Shortfall =
        CallCounts.shortfall (ValueOption.defaultValue 0L state.Total) (told state)

    /// Compares the last list with its own total and the one after it.
    let private judge (after: int64 voption) (state: State) : State =
        match CallCounts.judge (told state) (counted state.Total) (counted after) with
        | CountVerdict.Agrees -> close state
        | CountVerdict.Disagrees _
        | CountVerdict.Untold -> again (disagreement state) state

    let private unreadable
        (now: Instant)
        (question: RestconfQuestion)
        (response: HttpResponse)
        (state: State)
        =
        let kind =
            HttpMessage.tryHeader "Content-Type" response.Headers |> ValueOption.defaultValue "something"

        finish
            now
            [ Unreadable
                  $"{question}: {kind} that is not what IOS-XE answers; does a proxy answer in its place?" ]
            state

    let private listed now (within: Interval) (response: HttpResponse) (state: State) : State =
        let take (legs: ResizeArray<VoiceLeg>) leg =
            if legs.Count <= MaxLegs then
                legs.Add leg

            legs

        match RestconfReplies.foldLegs take (ResizeArray()) response.Body with
        | ValueNone -> unreadable now RestconfQuestion.Legs response state
        | ValueSome(struct (legs, _)) when legs.Count > MaxLegs ->
            finish now [ CutShort $"more than {MaxLegs} legs" ] state
        | ValueSome(struct (legs, lost)) ->
            let state =
                { state with
                    Rounds = state.Rounds + 1
                    Absences = 0
                    Legs = legs.ToArray() |> Array.distinctBy _.CallId
                    Listed = ValueSome within
                    Lost = lost
                    Total = RestconfReplies.readTotal response.Body }

            let state =
                if lost > 0 then
                    fault (Unreadable $"{lost} legs without a call-id") state
                else
                    state

            match state.Total with
            | ValueNone -> close (fault (Unreadable "no total-call-legs, which would prove the list") state)
            | ValueSome total when total = int64 (told state) -> close state
            | ValueSome _ -> ask RestconfPhase.Counting RestconfQuestion.Total state

    let private timesTold (reading: RestconfReading) (state: State) : State =
        { state with Clock = RestconfRun.learn reading state.Clock }

    let private closed (now: Instant) (reading: RestconfReading) (state: State) : State =
        let state = timesTold reading { state with Closed = ValueSome reading }

        match state.Opened with
        | ValueSome opened when
            RestconfRun.isSame
                (state.Clock.Since > Instant.distantPast)
                (reading.Within.Latest - opened.Within.Earliest)
                (RestconfRun.ofReading opened)
                (RestconfRun.ofReading reading)
            ->
            finish now [] state
        | ValueSome _ ->
            // The next audit meets the run that began meanwhile.
            finish now [ RestartedMeanwhile ] { state with Closed = ValueNone; Clock = StampClock.unknown }
        | ValueNone -> finish now [] state

    /// A success.
    let private understood now (within: Interval) question (response: HttpResponse) (state: State) : State =
        match question with
        | RestconfQuestion.Times ->
            let reading: RestconfReading voption =
                RestconfReplies.readTimes response.Body
                |> ValueOption.map (fun told -> { Told = told; Within = within })

            match state.Phase, reading with
            | RestconfPhase.Closing, ValueSome reading -> closed now reading state
            | RestconfPhase.Closing, ValueNone -> finish now [] state
            | _, ValueSome reading ->
                timesTold reading { state with Opened = ValueSome reading }
                |> ask RestconfPhase.Listing RestconfQuestion.Legs
            | _, ValueNone -> ask RestconfPhase.Listing RestconfQuestion.Legs state
        | RestconfQuestion.Legs -> listed now within response state
        | RestconfQuestion.Total -> judge (RestconfReplies.readTotal response.Body) state

    /// The gateway has no summary: because it serves none, or because there are no legs.
    let private absent now (within: Interval) (response: HttpResponse) (state: State) : State =
        let isItsOwn = response.Status = 204 || (RestconfReplies.readError response.Body).IsSome

        if not (isItsOwn && state.Target.IdleIsAbsent) then
            let words = HttpLink.words state.Link response

            finish
                now
                [ NotServed $"{RestconfQuestion.Legs}: the gateway says: {words} ({response.Status})" ]
                state
        elif state.Absences + 1 < MaxAbsences then
            ask RestconfPhase.Listing RestconfQuestion.Legs { state with Absences = state.Absences + 1 }
        else
            close { state with Legs = [||]; Lost = 0; Total = ValueNone; Listed = ValueSome within }

    let private refused now (within: Interval) question (response: HttpResponse) (state: State) : State =
        let status = response.Status

        match question with
        | RestconfQuestion.Legs when status = 204 || status = 404 -> absent now within response state
        | RestconfQuestion.Total -> again (disagreement state) state
        | RestconfQuestion.Times when status <> 401 ->
            if state.Phase = RestconfPhase.Closing then
                finish now [] state
            else
                ask RestconfPhase.Listing RestconfQuestion.Legs state
        | RestconfQuestion.Times
        | RestconfQuestion.Legs ->
            let words = HttpLink.words state.Link response
            finish now [ Refused(RefusalCause.Code status, $"the gateway says: {words} ({status})") ] state

    let private audit: HttpAudit<State, RestconfQuestion, Snapshot> =
        { Link = _.Link
          WithLink = fun link state -> { state with Link = link }
          IsOver = fun state -> state.Phase = RestconfPhase.Over
          Settle = fun _ state -> state
          Answered =
            fun now within question response ->
                if response.Status = 200 then
                    understood now within question response
                else
                    refused now within question response
          IsSpent = fun request state -> RequestWindow.isSpent request state.Link.Window
          Spent = fun now _ _ state -> finish now [ HttpLink.silence now state.Link ] state
          Finish = finish }

    /// Takes in one event. Carry out all returned commands before the next event.
    let advance (event: Event) (state: State) : State * Command list = HttpAudit.advance audit event state

    /// Begins an audit. Returns the first request, and when to wake up.
    let start (target: RestconfGateway) (memory: Memory) (given: AuditStart) : State * Command list =
        let known = Dictionary<string, Connection>()

        for connection in given.Known do
            known[string connection.Id] <- connection

        { Known = known
          Memory = memory
          Phase = RestconfPhase.Opening
          Target = target
          Link = RestconfLink.start target given
          Opened = ValueNone
          Closed = ValueNone
          Clock = StampClock.unknown
          Rounds = 0
          Absences = 0
          Legs = [||]
          Listed = ValueNone
          Lost = 0
          Total = ValueNone
          Faults = Faults.none }
        |> ask RestconfPhase.Opening RestconfQuestion.Times
        |> HttpAudit.commit audit given.At.Steady

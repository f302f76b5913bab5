namespace CallServer.Protocols.Esl

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// Where an audit of a FreeSWITCH stands.
[<RequireQualifiedAccess>]
type EslPhase =
    | Opening
    /// The list has yet to catch up with what was counted.
    | Settling of until: Instant
    | Listing
    | Counting
    | Asking
    | Closing
    | Over

/// What one audit of a gateway passes on to the next.
[<NoComparison>]
type EslMemory =
    {
        Run: GatewayRun voption
        /// What was known of its clock, and when.
        Clock: StampClock
        ClockAt: Instant
        /// What it said of the channels that go on.
        Told: Map<string, EslChannelData>
        /// How many audits there were since one that asked about all channels.
        Since: int
    }

[<NoEquality; NoComparison>]
type EslAuditState =
    internal
        {
            Known: Connection[]
            /// All channels are asked about.
            Afresh: bool
            Memory: EslMemory
            Phase: EslPhase
            Link: EslLink<Snapshot>
            Run: GatewayRun voption
            /// The name of the run, told first and last.
            Token: string voption
            IsSameRun: bool
            /// How often the channels were listed.
            Rounds: int
            /// The round in which single channels were asked about last.
            Asked: int
            Before: CallCounts
            After: CallCounts
            Verdict: CountVerdict
            Channels: EslChannels
            /// What this audit read of its clock.
            Clock: ClockBounds
            Faults: Faults
        }

/// One audit of one FreeSWITCH by its event socket.
///
///   phase     questions in flight             when all are answered
///   Opening   core_uuid, clock, status        -> Settling
///   Settling  none                            (at its time) -> Listing
///   Listing   show channels                   -> Counting
///   Counting  status                          the count agrees: -> Asking, or Closing if nothing is to be asked
///                                             it disagrees: -> Asking likewise, or if the list has too many and there are channels of which
///                                             nobody asked; otherwise Settling, at last Closing
///   Asking    channelData or uuid_exists,     -> Closing if the count agreed, otherwise Counting
///             one per channel
///   Closing   clock, core_uuid                -> over
///   Over      none; every event changes nothing
///
/// An error in answer to core_uuid, status or the list ends the audit. "Session does not exist" means that this channel has ended. In every
/// phase: Stopped ends the audit. A message that answers nothing is counted and dropped. A Woke that comes too early changes nothing.
///
/// The first count stays the one before the list, however often that is made, and the list is asked for no sooner than the database behind it has
/// caught up with that count (`EslChannels.lag`): so what the list lacks began after the count.
module EslAudit =
    type State = EslAuditState
    type Memory = EslMemory

    module Memory =
        let none: Memory =
            { Run = ValueNone
              Clock = StampClock.unknown
              ClockAt = Instant.ofMicros 0L
              Told = Map.empty
              Since = 0 }

    /// How often one audit lists the channels before it reports a disagreement.
    [<Literal>]
    let private MaxRounds = 3

    /// The most channels that one list may have.
    [<Literal>]
    let private MaxChannels = 1_000_000

    let memory (state: State) : Memory = state.Memory

    /// Messages so far that answered nothing we asked.
    let strays (state: State) : int = state.Link.Window.Strays

    /// Messages sent so far.
    let requests (state: State) : int = state.Link.Window.Requests

    let internal load (state: State) : Load =
        let unread = Esl.unread state.Link.Stream
        { Unread = unread; Kept = ValueSome(unread + EslChannels.cost state.Channels) }

    let internal progress (state: State) : Progress =
        { Told = state.Channels.Heard.Count
          Of = state.Channels.Listed |> ValueOption.map (fun _ -> state.Channels.Rows.Length) }

    let private fault (shortfall: Shortfall) (state: State) : State =
        { state with Faults = Faults.add shortfall state.Faults }

    /// Everything known of the gateway's clock. Another run may be another machine's.
    let private clock (now: Instant) (state: State) : StampClock =
        let held =
            match state.Memory.Run, state.Token with
            | ValueSome known, ValueSome token when known.Token = token ->
                StampClock.aged (now - state.Memory.ClockAt) state.Memory.Clock
            | _ -> StampClock.unknown

        StampClock.learn now state.Clock held

    let private memoryAt (now: Instant) (clock: StampClock) (state: State) : Memory =
        if state.Run.IsNone then
            state.Memory
        elif state.IsSameRun then
            { Run = state.Run
              Clock = clock
              ClockAt = now
              Told = EslChannels.kept state.Channels
              Since = (if state.Afresh then 0 else state.Memory.Since + 1) }
        else
            Memory.none

    let private remarks (state: State) : string list =
        [ if state.Token.IsSome && state.Clock = GatewayClock.unknown then
              "its clock cannot be read (strmicroepoch of mod_dptools), so that its times cannot be dated"

          match Map.toList state.Channels.Untold with
          | [] -> ()
          | (_, reason) :: _ as untold -> $"{untold.Length} channels did not tell their times: {reason}" ]

    /// Sessions that began since the start, those included that never became a channel.
    let private total (state: State) : RunningTotal voption =
        match state.Before.Begun, state.After.Begun with
        | ValueSome before, ValueSome after ->
            ValueSome { Of = TotalOf.Connections; Before = before; After = after; Wraps = ValueNone }
        | _ -> ValueNone

    /// Ends the audit. Without reasons it is complete.
    let private finish (now: Instant) (reasons: Shortfall list) (state: State) : State =
        let clock = clock now state
        let target, window = state.Link.Target, state.Link.Window
        let reasons = reasons @ Faults.toList state.Faults

        let struct (observations, nameless) =
            EslChannels.observations target.CallName clock reasons.IsEmpty state.Channels

        let reasons =
            [ yield! reasons
              if nameless > 0 then
                  Unreadable $"{nameless} channels whose UUID is no name that could be kept" ]

        let snapshot: Snapshot =
            { Gateway = target.Gateway
              Protocol = "esl"
              Profile = "freeswitch"
              Traits = { Traits.plain with DriftPpm = Traits.usualDriftPpm }
              Asked = window.Began
              Answered = ValueOption.defaultValue now window.LastReply
              Boot = GatewayRun.bootOf now state.Run
              Completeness =
                (match reasons with
                 | [] -> Complete [ EndOfTable; SameBoot; CountAgrees ]
                 | _ -> Partial(List.distinct reasons))
              Observations = observations
              Ended = [||]
              History = ValueNone
              Denied = EslChannels.denied state.Known state.Channels
              Total = total state
              Standing = ValueNone
              Remarks = remarks state
              Requests = window.Requests }

        { state with
            Phase = EslPhase.Over
            Memory = memoryAt now clock state
            Link = EslLink.finish snapshot state.Link }

    let private silent (now: Instant) (reasons: Shortfall list) (state: State) : State =
        finish now (reasons @ [ EslLink.silence now state.Link ]) state

    let private ask (phase: EslPhase) (questions: EslQuestion list) (state: State) : State =
        { state with
            Phase = phase
            Link = { state.Link with Window = RequestWindow.enqueue questions state.Link.Window } }

    let private beginClosing (state: State) : State =
        ask EslPhase.Closing [ EslQuestion.Clock; EslQuestion.CoreUuid ] state

    let private settle (now: Instant) (state: State) : State =
        { state with Phase = EslPhase.Settling(now + EslChannels.lag) }

    /// Whether the list has channels that cannot be.
    let private hasTooMany (listed: int) (state: State) : bool =
        match CallCounts.range state.Before state.After with
        | ValueSome(struct (_, most)) -> int64 listed > most
        | ValueNone -> false

    let private judged (now: Instant) (state: State) : State =
        let listed = (EslChannels.going state.Channels).Length
        let verdict = CallCounts.judge listed state.Before state.After
        let state = { state with Verdict = verdict }

        let questions =
            EslChannels.questions (state.Afresh && state.Rounds = 1) state.Memory.Since state.Channels

        match verdict with
        | _ when not questions.IsEmpty && state.Asked < state.Rounds ->
            ask EslPhase.Asking questions { state with Asked = state.Rounds }
        | CountVerdict.Disagrees counted ->
            match EslChannels.doubts state.Channels with
            | _ :: _ as doubts when hasTooMany listed state -> ask EslPhase.Asking doubts state
            | _ when state.Rounds < MaxRounds -> settle now state
            | _ -> state |> fault (CallCounts.shortfall counted listed) |> beginClosing
        | CountVerdict.Agrees
        | CountVerdict.Untold -> beginClosing state

    /// When nothing is in flight and nothing waits, the phase is done.
    let private proceed (now: Instant) (state: State) : State =
        let window = state.Link.Window

        if not (window.InFlight.IsEmpty && window.Queue.IsEmpty) then
            if window.InFlight.IsEmpty && RequestWindow.isExhausted window then
                finish now [ CutShort $"more than {window.MaxRequests} requests" ] state
            else
                state
        else
            match state.Phase with
            | EslPhase.Opening -> settle now state
            | EslPhase.Settling until when until <= now ->
                ask EslPhase.Listing [ EslQuestion.List ] { state with Rounds = state.Rounds + 1 }
            | EslPhase.Settling _ -> state
            | EslPhase.Listing -> ask EslPhase.Counting [ EslQuestion.Status ] state
            | EslPhase.Counting -> judged now state
            | EslPhase.Asking when state.Verdict = CountVerdict.Agrees -> beginClosing state
            | EslPhase.Asking -> ask EslPhase.Counting [ EslQuestion.Status ] state
            | EslPhase.Closing when state.IsSameRun -> finish now [] state
            | EslPhase.Closing -> finish now [ RestartedMeanwhile ] state
            | EslPhase.Over -> state

    let private unreadable (now: Instant) (what: string) (state: State) : State =
        finish now [ Unreadable $"{what}: an answer without what it always has" ] state

    let private namedRun (now: Instant) (token: string) (state: State) : State =
        match state.Token with
        | _ when token = "" -> unreadable now "core_uuid" state
        | ValueNone -> { state with Token = ValueSome token }
        | ValueSome first -> { state with IsSameRun = state.IsSameRun && first = token }

    let private counted (within: Interval) (status: EslStatus) (state: State) : State =
        let counts: CallCounts = { Active = ValueSome status.Active; Begun = ValueSome status.Total }

        match state.Token, state.Phase with
        | ValueSome token, EslPhase.Opening ->
            let age = TimeSpan.FromMicroseconds(float status.UpTime)
            let began = Ago.ofDuration within.Earliest within.Latest age TimeSpan.Zero

            { state with
                Before = counts
                Run = ValueSome(GatewayRun.met state.Memory.Run token began) }
        | _ -> { state with After = counts }

    let private listed (now: Instant) (within: Interval) (body: byte[]) (state: State) : State =
        let take (rows: ResizeArray<EslChannel>) row =
            if rows.Count <= MaxChannels then
                rows.Add row

            rows

        match EslReplies.foldChannels take (ResizeArray()) body with
        | ValueNone -> unreadable now "show channels" state
        | ValueSome(struct (_, rows, _)) when rows.Count > MaxChannels ->
            finish now [ CutShort $"more than {MaxChannels} channels" ] state
        | ValueSome(struct (told, rows, nameless)) ->
            let state = { state with Channels = EslChannels.listed within rows state.Channels }

            let state =
                if nameless > 0 then
                    fault (Unreadable $"{nameless} channels without a UUID") state
                else
                    state

            if told = int64 (rows.Count + nameless) then
                state
            else
                fault
                    (CutShort $"the list says that it has {told} channels, and has {rows.Count + nameless}")
                    state

    let private understood
        (now: Instant)
        (request: InFlight<EslQuestion, unit>)
        (body: byte[])
        (state: State)
        : State =
        let within = Interval.create request.First now

        match request.Purpose with
        | EslQuestion.CoreUuid -> namedRun now (EslReplies.text body) state
        | EslQuestion.Clock ->
            match EslReplies.readClock body with
            | ValueSome shown ->
                { state with
                    Clock = GatewayClock.intersect state.Clock (EslChannels.readClock shown within) }
            | ValueNone -> state
        | EslQuestion.Status ->
            match EslReplies.readStatus body with
            | ValueSome status -> counted within status state
            | ValueNone -> unreadable now "json status" state
        | EslQuestion.List -> listed now within body state
        | EslQuestion.Channel uuid ->
            let channels = state.Channels

            match EslReplies.readChannel body with
            | EslChannelAnswer.Told data ->
                { state with Channels = EslChannels.told within uuid data channels }
            | EslChannelAnswer.Gone -> { state with Channels = EslChannels.gone uuid channels }
            | EslChannelAnswer.NotTold reason ->
                { state with Channels = EslChannels.untold uuid reason channels }
        | EslQuestion.Exists uuid ->
            match EslReplies.text body with
            | "true" -> { state with Channels = EslChannels.exists within uuid state.Channels }
            | "false" -> { state with Channels = EslChannels.gone uuid state.Channels }
            | words -> { state with Channels = EslChannels.untold uuid words state.Channels }

    let private refused
        (now: Instant)
        (request: InFlight<EslQuestion, unit>)
        (words: string)
        (state: State)
        : State =
        let says = $"the gateway says: {words}"

        match request.Purpose with
        | EslQuestion.Clock -> state
        | EslQuestion.Channel uuid
        | EslQuestion.Exists uuid -> { state with Channels = EslChannels.untold uuid words state.Channels }
        | EslQuestion.List when words.StartsWith("SQL disabled", StringComparison.Ordinal) ->
            finish now [ SwitchedOff says ] state
        | EslQuestion.CoreUuid
        | EslQuestion.Status
        | EslQuestion.List -> finish now [ Refused(RefusalCause.Unsaid, says) ] state

    let private received (now: Instant) (message: EslMessage) (state: State) : State =
        let struct (heard, link) = EslLink.take now message state.Link
        let state = { state with Link = link }

        match heard with
        | EslHeard.Nothing -> state
        | EslHeard.Refused shortfall -> finish now [ shortfall ] state
        | EslHeard.Answer(request, Ok body) -> understood now request body state
        | EslHeard.Answer(request, Error words) -> refused now request words state

    let private arrived (now: Instant) (octets: byte[]) (state: State) : State =
        let struct (messages, outcome) = Esl.feed octets state.Link.Stream
        let rest = outcome |> Result.defaultValue Esl.empty

        let state =
            ({ state with Link = { state.Link with Stream = rest } }, messages)
            ||> List.fold (fun state message ->
                if state.Phase = EslPhase.Over then state else received now message state)

        match outcome with
        | Error error when state.Phase <> EslPhase.Over ->
            finish now [ Unreadable $"the stream: {error}" ] state
        | Error _
        | Ok _ -> state

    let private broken (now: Instant) (reason: string) (state: State) : State =
        let trouble = if state.Link.Trouble = "" then reason else state.Link.Trouble
        let link = { state.Link with Trouble = trouble }

        match EslLink.tryReopen now link with
        | ValueSome link -> { state with Link = link }
        | ValueNone -> silent now [] { state with Link = link }

    let private woke (now: Instant) (state: State) : State =
        let link = state.Link

        if EslLink.isOverdue now link then
            let trouble = if link.Trouble = "" then "it does not ask for a password" else link.Trouble
            silent now [] { state with Link = { link with Trouble = trouble } }
        elif not (RequestWindow.late now link.Window).IsEmpty && link.Stage = EslStage.Ready then
            silent now [] state
        else
            state

    let private stopped (now: Instant) (state: State) : State =
        if state.Link.Window.LastReply.IsSome then
            finish now [ Cancelled ] state
        else
            silent now [ Cancelled ] state

    /// Goes on as far as possible without another answer.
    let private commit (now: Instant) (state: State) : State * Command list =
        let state = if state.Phase = EslPhase.Over then state else proceed now state
        let link = EslLink.pump now state.Link

        let wake =
            match state.Phase with
            | EslPhase.Settling until -> Instant.min until (EslLink.due link)
            | _ -> EslLink.due link

        let struct (link, commands) = EslLink.commit wake link
        { state with Link = link }, commands

    /// Takes in one event. Carry out all returned commands before the next event.
    let advance (event: Event) (state: State) : State * Command list =
        let now = event.At.Steady

        match state.Phase, event with
        | EslPhase.Over, _ -> state, []
        | _, Connected _ -> commit now { state with Link = EslLink.connected state.Link }
        | _, Arrived(_, octets) -> commit now (arrived now octets state)
        | _, Event.Broken(_, reason) -> commit now (broken now reason state)
        | _, Woke _ -> commit now (woke now state)
        | _, Stopped _ -> commit now (stopped now state)
        // FreeSWITCH answers over the stream alone.
        | _, Received _ -> { state with Link = EslLink.stray "a datagram" state.Link }, []

    /// Begins an audit: opens the stream.
    let start (target: EslGateway) (memory: Memory) (given: AuditStart) : State * Command list =
        let now = given.At.Steady

        { Known = given.Known
          Afresh = given.Afresh || memory.Since + 1 >= target.FactsEvery
          Memory = memory
          Phase = EslPhase.Opening
          Link = EslLink.start target given
          Run = ValueNone
          Token = ValueNone
          IsSameRun = true
          Rounds = 0
          Asked = 0
          Before = CallCounts.nothing
          After = CallCounts.nothing
          Verdict = CountVerdict.Untold
          Channels = EslChannels.create memory.Told
          Clock = GatewayClock.unknown
          Faults = Faults.none }
        |> ask EslPhase.Opening [ EslQuestion.CoreUuid; EslQuestion.Clock; EslQuestion.Status ]
        |> commit now

namespace CallServer.Protocols.Ari

open System
open System.Collections.Generic
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// Where an audit of an Asterisk stands.
[<RequireQualifiedAccess>]
type AriPhase =
    /// The start-up time, first.
    | Opening
    | Listing
    /// Single channels: those that the list lacks, and those of which more is wanted.
    | Asking
    /// The start-up time, last.
    | Closing
    | Over

/// What one audit of a gateway passes on to the next. It narrows times and saves requests, and proves nothing.
type AriMemory =
    {
        Run: AriRun voption
        /// What was known of its clock.
        Clock: StampClock
        /// When the run and the clock were known.
        At: Instant
        Pace: Pace voption
        Rests: Map<string, AriRest>
        Cursor: string
    }

[<NoEquality; NoComparison>]
type AriAuditState =
    internal
        {
            Target: AriGateway
            Known: Dictionary<string, Connection>
            Memory: AriMemory
            Phase: AriPhase
            Link: HttpLink<AriQuestion, Snapshot>
            /// The first reading of the start-up time.
            Started: int64 voption
            IsSameRun: bool
            /// Each once, sorted by id.
            Channels: AriChannel[]
            Listed: Interval voption
            /// Channels that the list lacks and Asterisk has, and when they were told.
            Missed: struct (AriChannel * Interval) list
            /// Connections of the record that Asterisk does not have.
            Gone: Set<ConnectionId>
            Details: AriDetails
            /// What this audit read of its clock.
            Clock: StampClock
            Faults: Faults
        }

/// One audit of one Asterisk by its REST Interface.
///
///   phase    requests in flight                    when all are answered   refused                  given up
///   Opening  asterisk/info                         -> Listing              over                     over
///   Listing  channels                              -> Asking               over                     over
///   Asking   channels/ID of each connection on     -> Closing              404: it has ended; else  partial
///            record that the list lacks                                    partial
///            rtp_statistics, variable of a few                             404: it has ended; else  not asked for a
///            channels                                                      not told                 while
///   Closing  asterisk/info                         -> over                 over                     over
///   Over     none; every event changes nothing
///
/// In every phase: Stopped ends the audit. The statuses 502, 503 and 504 are no answer: the request is sent again when it is due. A response that
/// answers no request is counted and dropped. A Woke that comes too early changes nothing.
module AriAudit =
    type State = AriAuditState
    type Memory = AriMemory

    module Memory =
        let none: Memory =
            { Run = ValueNone
              Clock = StampClock.unknown
              At = Instant.ofMicros 0L
              Pace = ValueNone
              Rests = Map.empty
              Cursor = "" }

    /// The most channels that one list may have.
    [<Literal>]
    let private MaxChannels = 1_000_000

    /// How often a question about one channel is sent: more is wanted of it, and not at any price.
    [<Literal>]
    let private DetailAttempts = 2

    let memory (state: State) : Memory = state.Memory

    /// Messages so far that matched no request of ours.
    let strays (state: State) : int = state.Link.Window.Strays

    /// Messages sent so far.
    let requests (state: State) : int = state.Link.Window.Requests

    /// What is kept of a channel, in octets.
    let private costOf (channel: AriChannel) : int64 =
        500L
        + 2L
          * int64 (
              channel.Id.Length
              + channel.Name.Length
              + channel.ProtocolId.Length
              + channel.Caller.Length
              + channel.Connected.Length
              + channel.Application.Length
              + channel.Format.Length
          )

    let internal load (state: State) : Load =
        { Unread = 0L; Kept = ValueSome(Array.sumBy costOf state.Channels) }

    let internal progress (state: State) : Progress = { Told = state.Channels.Length; Of = ValueNone }

    let private addError (words: string) (where: string) (state: State) : State =
        { state with Faults = Faults.addError words where state.Faults }

    /// Everything known of the gateway's clock. Another run may be another machine's.
    let private clock (now: Instant) (state: State) : StampClock =
        let held =
            match state.Memory.Run, state.Started with
            | ValueSome known, ValueSome started when known.Started = started ->
                StampClock.aged (now - state.Memory.At) state.Memory.Clock
            | _ -> StampClock.unknown

        StampClock.add now state.Clock held

    /// The connections, sorted by their ids, and how many channels have no name that could be kept.
    let private observations (clock: StampClock) (state: State) : struct (Observation[] * int) =
        let clockFor (channel: AriChannel) =
            match state.Known.TryGetValue channel.Id with
            | true, connection -> StampClock.datingOf (ValueSome connection) clock
            | _ -> clock

        let listed =
            match state.Listed with
            | ValueSome heard -> [| for channel in state.Channels -> struct (channel, heard) |]
            | ValueNone -> [||]

        let there =
            Array.append listed (Array.ofList state.Missed)
            |> Array.filter (fun (struct (channel, _)) ->
                not (AriDetails.find channel.Id state.Details).IsGone)

        let named =
            there
            |> Array.choose (fun (struct (channel, heard)) ->
                AriObserving.observe
                    (clockFor channel)
                    heard
                    (AriDetails.find channel.Id state.Details)
                    channel)

        struct (Array.sortBy _.Id named, there.Length - named.Length)

    /// Ends the audit. Without reasons it is complete.
    let private finish (now: Instant) (reasons: Shortfall list) (state: State) : State =
        let clock = clock now state
        let struct (observations, nameless) = observations clock state

        let run = state.Started |> ValueOption.map (AriRun.meet now clock state.Memory.Run state.Memory.At)

        let reasons =
            [ yield! reasons
              match state.Missed with
              | [] -> ()
              | struct (first, _) :: _ as missed ->
                  Hidden
                      $"its list lacks channels that it has, {missed.Length} of the record, such as {first.Id}"
              yield! Faults.toList state.Faults
              if nameless > 0 then
                  Unreadable $"{nameless} channels whose id is no name that could be kept" ]

        let window = state.Link.Window

        let snapshot: Snapshot =
            { Gateway = state.Target.Gateway
              Protocol = "ari"
              Profile = "asterisk"
              Traits =
                { Traits.plain with Staleness = AriObserving.staleness; DriftPpm = Traits.usualDriftPpm }
              Asked = window.Began
              Answered = ValueOption.defaultValue now window.LastReply
              Boot = AriRun.bootOf now run
              Completeness =
                (match reasons with
                 | [] -> Complete [ EndOfTable; SameBoot ]
                 | _ -> Partial(List.distinct reasons))
              Observations = observations
              Ended = [||]
              History = ValueNone
              Denied = Set.toArray state.Gone
              Total = ValueNone
              Standing = ValueNone
              Remarks = []
              Requests = window.Requests }

        let kept =
            { state.Memory with
                Pace = ValueSome window.Pace
                Rests = state.Details.Rests
                Cursor = state.Details.Cursor }

        { state with
            Phase = AriPhase.Over
            Memory =
                (if run.IsNone then
                     kept
                 elif state.IsSameRun then
                     { kept with Run = run; Clock = clock; At = now }
                 // The next audit meets the run that began meanwhile.
                 else
                     { kept with Clock = StampClock.unknown })
            Link = HttpLink.finish snapshot state.Link }

    let private ask (phase: AriPhase) (questions: AriQuestion list) (state: State) : State =
        { state with Phase = phase; Link = HttpLink.enqueue questions state.Link }

    let private beginAsking (now: Instant) (state: State) : State =
        let listed = state.Channels |> Seq.map _.Id |> HashSet

        let lacking =
            [ for id in Seq.sort state.Known.Keys do
                  if not (listed.Contains id) then
                      AriQuestion.Channel id ]

        let struct (wanted, details) =
            AriDetails.plan now state.Target state.Known state.Channels state.Details

        ask AriPhase.Asking (lacking @ wanted) { state with Details = details }

    /// When nothing is in flight and nothing waits, the phase is done.
    let rec private settle (now: Instant) (state: State) : State =
        let window = state.Link.Window

        if state.Phase = AriPhase.Over || not (Map.isEmpty window.InFlight) then
            state
        elif RequestWindow.isExhausted window then
            finish now [ CutShort $"more than {window.MaxRequests} requests" ] state
        elif not window.Queue.IsEmpty then
            state
        else
            match state.Phase with
            | AriPhase.Opening -> ask AriPhase.Listing [ AriQuestion.List ] state
            | AriPhase.Listing -> settle now (beginAsking now state)
            | AriPhase.Asking -> ask AriPhase.Closing [ AriQuestion.Status ] state
            | AriPhase.Closing -> finish now [] state
            | AriPhase.Over -> state

    let private unreadable (now: Instant) (question: AriQuestion) (response: HttpResponse) (state: State) =
        let kind =
            HttpMessage.tryHeader "Content-Type" response.Headers |> ValueOption.defaultValue "something"

        finish
            now
            [ Unreadable
                  $"{question}: {kind} that is not what Asterisk answers; does a proxy answer in its place?" ]
            state

    let private started (now: Instant) (at: int64) (state: State) : State =
        match state.Started with
        | ValueNone -> { state with Started = ValueSome at }
        | ValueSome first when first = at -> state
        | ValueSome _ -> finish now [ RestartedMeanwhile ] { state with IsSameRun = false }

    let private listed (within: Interval) (channels: ResizeArray<AriChannel>) (lost: int) (state: State) =
        let state =
            { state with
                Channels =
                    channels.ToArray()
                    |> Array.distinctBy _.Id
                    |> Array.sortWith (fun a b -> String.CompareOrdinal(a.Id, b.Id))
                Listed = ValueSome within }

        if lost > 0 then
            { state with
                Faults = Faults.add (Unreadable $"{lost} channels without an id or a state") state.Faults }
        else
            state

    let private gone (id: string) (state: State) : State =
        let state =
            { state with
                Details = AriDetails.tell id (fun detail -> { detail with IsGone = true }) state.Details }

        match state.Known.TryGetValue id with
        | true, connection -> { state with Gone = state.Gone.Add connection.Id }
        | _ -> state

    let private tell id change (state: State) : State =
        { state with Details = AriDetails.tell id change state.Details }

    /// A success.
    let private understood now (within: Interval) question (response: HttpResponse) (state: State) : State =
        match question with
        | AriQuestion.Status ->
            match AriReplies.readStartup response.Body with
            | ValueSome at -> started now at state
            | ValueNone -> unreadable now question response state
        | AriQuestion.List ->
            let take (channels: ResizeArray<AriChannel>) channel =
                if channels.Count <= MaxChannels then
                    channels.Add channel

                channels

            match AriReplies.foldChannels take (ResizeArray()) response.Body with
            | ValueSome(struct (channels, _)) when channels.Count > MaxChannels ->
                finish now [ CutShort $"more than {MaxChannels} channels" ] state
            | ValueSome(struct (channels, lost)) -> listed within channels lost state
            | ValueNone -> unreadable now question response state
        | AriQuestion.Channel id ->
            match AriReplies.readOne response.Body with
            | ValueSome channel when channel.Id = id ->
                { state with Missed = struct (channel, within) :: state.Missed }
            | ValueSome _
            | ValueNone -> addError "an answer that shows no such channel" id state
        | AriQuestion.Statistics id ->
            match AriReplies.readStatistics response.Body with
            | ValueSome statistics ->
                tell id (fun detail -> { detail with Qos = AriObserving.qosOf statistics }) state
            | ValueNone -> state
        | AriQuestion.Format id ->
            match AriReplies.readValue response.Body with
            | ValueSome formats ->
                tell id (fun detail -> { detail with Codec = AriObserving.codecOf formats }) state
            | ValueNone -> state
        | AriQuestion.Answer id ->
            match AriReplies.readValue response.Body with
            | ValueSome time ->
                tell id (fun detail -> { detail with Answered = AriTime.trySeconds time }) state
            | ValueNone -> state

    /// Asterisk says that it has no such channel. A channel without RTP, or without that variable, has the status 404 too.
    let private isGone (response: HttpResponse) : bool =
        response.Status = 404
        && (match AriReplies.readMessage response.Body with
            | ValueSome words ->
                words.Equals("Channel not found", StringComparison.OrdinalIgnoreCase)
                || words.Equals("Provided channel was not found", StringComparison.OrdinalIgnoreCase)
            | ValueNone -> false)

    let private refused (now: Instant) question (response: HttpResponse) (state: State) : State =
        let status, words = response.Status, HttpLink.words state.Link response

        match question with
        | AriQuestion.Channel id
        | AriQuestion.Statistics id
        | AriQuestion.Format id
        | AriQuestion.Answer id when isGone response -> gone id state
        | AriQuestion.Channel id -> addError $"the gateway says: {words} ({status})" id state
        | AriQuestion.Statistics _
        | AriQuestion.Format _
        | AriQuestion.Answer _ -> state
        | AriQuestion.Status
        | AriQuestion.List when status = 404 ->
            finish now [ NotServed $"{question}: the gateway says: {words} (404)" ] state
        | AriQuestion.Status
        | AriQuestion.List ->
            finish now [ Refused(RefusalCause.Code status, $"the gateway says: {words} ({status})") ] state

    let private answered
        now
        (within: Interval)
        (question: AriQuestion)
        (response: HttpResponse)
        (state: State)
        =
        let state =
            { state with
                Clock = AriClock.learn within response state.Clock
                Details = AriDetails.answer question state.Details }

        if response.Status = 200 then
            understood now within question response state
        else
            refused now question response state

    /// A kind of question stalls: what waits of that kind is not asked.
    let private stalled (now: Instant) (question: AriQuestion) (state: State) : State =
        let isSame (other: AriQuestion) = string other = string question
        let window = state.Link.Window

        { state with
            Details = AriDetails.stall now question state.Details
            Link =
                { state.Link with
                    Window =
                        { window with
                            Queue = window.Queue |> List.filter (isSame >> not)
                            InFlight = window.InFlight |> Map.filter (fun _ one -> not (isSame one.Purpose)) } } }

    let private isSpent (request: InFlight<AriQuestion, unit>) (state: State) : bool =
        let most =
            match request.Purpose with
            | AriQuestion.Status
            | AriQuestion.List
            | AriQuestion.Channel _ -> Int32.MaxValue
            | AriQuestion.Statistics _
            | AriQuestion.Format _
            | AriQuestion.Answer _ -> DetailAttempts

        request.Times >= most
        || RequestWindow.isSpent request state.Link.Window
        || RequestWindow.isExhausted state.Link.Window

    /// A request got no answer to any of its attempts.
    let private spent now (id: string) (request: InFlight<AriQuestion, unit>) (state: State) : State =
        match request.Purpose with
        | AriQuestion.Statistics _
        | AriQuestion.Format _
        | AriQuestion.Answer _ -> stalled now request.Purpose state
        | AriQuestion.Channel channel when RequestWindow.hasAnsweredSince request state.Link.Window ->
            { state with Link = { state.Link with Window = RequestWindow.drop id state.Link.Window } }
            |> addError $"no answer to {request.Times} requests" channel
        | AriQuestion.Channel _
        | AriQuestion.Status
        | AriQuestion.List -> finish now [ HttpLink.silence now state.Link ] state

    let private audit: HttpAudit<State, AriQuestion, Snapshot> =
        { Link = _.Link
          WithLink = fun link state -> { state with Link = link }
          IsOver = fun state -> state.Phase = AriPhase.Over
          Settle = settle
          Answered = answered
          IsSpent = isSpent
          Spent = spent
          Finish = finish }

    /// Takes in one event. Carry out all returned commands before the next event.
    let advance (event: Event) (state: State) : State * Command list = HttpAudit.advance audit event state

    /// Begins an audit. Returns the first request, and when to wake up.
    let start (target: AriGateway) (memory: Memory) (given: AuditStart) : State * Command list =
        let known = Dictionary<string, Connection>()

        for connection in given.Known do
            known[string connection.Id] <- connection

        { Known = known
          Memory = memory
          Phase = AriPhase.Opening
          Target = target
          Link = AriLink.start target memory.Pace given
          Started = ValueNone
          IsSameRun = true
          Channels = [||]
          Listed = ValueNone
          Missed = []
          Gone = Set.empty
          Details = AriDetails.start memory.Rests memory.Cursor
          Clock = StampClock.unknown
          Faults = Faults.none }
        |> ask AriPhase.Opening [ AriQuestion.Status ]
        |> HttpAudit.commit audit given.At.Steady

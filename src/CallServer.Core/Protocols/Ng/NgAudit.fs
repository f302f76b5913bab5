namespace CallServer.Protocols.Ng

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// Where an ng audit stands.
[<RequireQualifiedAccess>]
type NgPhase =
    /// The stream is not open yet.
    | Connecting
    /// The statistics before the list.
    | Opening
    | Listing
    /// The statistics right after the list.
    | Checking
    | Querying
    /// Waits for media in the calls that are queried a second time to read the gateway's clock.
    | Waiting of until: Instant
    | Sampling
    /// The statistics at the end.
    | Closing
    | Over

[<RequireQualifiedAccess>]
type internal NgPurpose =
    | Statistics
    /// Lists at most this many calls. A probe is meant to show how long the Call-IDs are.
    | List of limit: int * isProbe: bool
    | Call of key: string

/// What one audit of a gateway passes on to the next. It saves requests and narrows times, and proves nothing.
type NgMemory =
    {
        Pace: Pace
        /// What was known of the gateway's clock, and when.
        Clock: ClockBounds
        ClockAt: Instant
        /// When the newest call of the last complete list was created, by the gateway's clock, and when that list was requested.
        /// A call with a later creation time began after that request.
        Newest: struct (int64 * Instant) voption
        Sizes: NgSizes voption
    }

[<NoEquality; NoComparison>]
type NgAuditState =
    internal
        { Known: Connection[]
          Memory: NgMemory
          Phase: NgPhase
          Link: NgLink<NgPurpose, Snapshot>
          Proof: NgProof
          List: NgCallList
          Queries: NgQueries
          Faults: Faults }

/// One audit of one rtpengine over ng.
///
///   phase       requests in flight              when all are answered              a request is given up
///   Connecting  none (TCP: the stream opens)    -> Opening                         over
///   Opening     statistics                      -> Listing                         over
///   Listing     list, perhaps a probe first     -> Listing or Checking             a list of few calls *, then over
///   Checking    statistics                      -> Querying; Listing again if the  over
///                                               count disagrees and another list
///                                               may agree
///   Querying    query, one per call             -> Waiting or Closing              that call is missing *
///   Waiting     none                            (at its time) -> Sampling          -
///   Sampling    query of a few calls            -> Closing                         that call is missing *
///   Closing     statistics                      -> over                            over
///   Over        none; every event changes nothing
///
/// * If nothing else was answered since then, the audit is over at once. In every phase: Stopped ends the audit, and so does a refusal of
/// statistics or of the list. "Unknown call-id" means that the call ended. A message whose cookie is not in flight is counted and dropped.
/// A Woke that comes too early changes nothing. A stream that breaks is reopened, twice at most, if it ever answered; requests in flight
/// are then sent again with the same cookies.
module NgAudit =
    type State = NgAuditState
    type Memory = NgMemory

    module Memory =
        let none: Memory =
            { Pace = NgPace.none
              Clock = GatewayClock.unknown
              ClockAt = Instant.ofMicros 0L
              Newest = ValueNone
              Sizes = ValueNone }

    /// How many calls to request after a list that did not arrive.
    [<Literal>]
    let private FewCalls = 32

    /// How long to wait for media.
    let private mediaTime = TimeSpan.FromMilliseconds 60.0

    /// What to pass on to the next audit of this gateway.
    let memory (state: State) : Memory = state.Memory

    /// Messages so far that matched no request of ours.
    let strays (state: State) : int = state.Link.Window.Strays

    /// Messages sent so far.
    let requests (state: State) : int = state.Link.Window.Requests

    /// The memory that the audit occupies.
    let internal load (state: State) : Load =
        let unread = NgFraming.unread state.Link.Stream
        { Unread = unread; Kept = ValueSome(2L * unread + state.List.Cost + state.Queries.Cost) }

    /// How far it has come, in calls.
    let internal progress (state: State) : Progress =
        { Told = state.Queries.Seen.Count
          Of = state.List.Told |> ValueOption.map (fun _ -> state.List.Keys.Length) }

    let private fault (shortfall: Shortfall) (state: State) : State =
        { state with Faults = Faults.add shortfall state.Faults }

    /// Everything known of the gateway's clock.
    let private clock (now: Instant) (state: State) : ClockBounds =
        let held = GatewayClock.aged (now - state.Memory.ClockAt) state.Memory.Clock
        GatewayClock.learn held state.Queries.Clock

    /// What to pass on. Only a complete list shows which calls are new.
    let private memoryAt (now: Instant) (isComplete: bool) (state: State) : Memory =
        { Pace = state.Link.Window.Pace
          Clock = clock now state
          ClockAt = now
          Newest =
            (match state.List.Told with
             | ValueSome listed when isComplete ->
                 ValueSome(struct (NgQueries.newest state.Queries, listed.Earliest))
             | ValueSome _
             | ValueNone -> state.Memory.Newest)
          Sizes = state.List.Sizes }

    /// Ends the audit. Without reasons it is complete.
    let private finish (now: Instant) (reasons: Shortfall list) (state: State) : State =
        let struct (boot, restarted) = NgProof.boot now state.Proof.Readings
        let bounds = GatewayClock.believed (clock now state)
        let target, window = state.Link.Target, state.Link.Window

        let struct (observations, nameless) =
            NgQueries.observations target.MediaAnswers bounds state.List.Keys state.Queries

        let known =
            [ yield! reasons
              yield! Faults.toList state.Faults
              yield! NgQueries.untoldShortfalls state.Queries
              if nameless > 0 then
                  Shortfall.Unreadable $"{nameless} parties without a usable name" ]

        let reasons =
            match restarted with
            | ValueSome RestartedMeanwhile -> known @ [ RestartedMeanwhile ]
            // Redundant if something else is already wrong.
            | ValueSome shortfall when known.IsEmpty -> [ shortfall ]
            | ValueSome _
            | ValueNone -> known
            |> List.distinct

        let completeness =
            match reasons with
            | [] ->
                Complete
                    [ if state.List.EndSeen then
                          EndOfTable
                      SameBoot
                      if state.Proof.CountAgrees then
                          CountAgrees ]
            | _ -> Partial reasons

        let snapshot: Snapshot =
            { Gateway = target.Gateway
              Protocol = "ng"
              Profile = "rtpengine"
              Traits = { Traits.plain with DriftPpm = 200.0 }
              Asked = window.Began
              Answered = ValueOption.defaultValue now window.LastReply
              Boot = boot
              Completeness = completeness
              Observations = observations
              Ended = [||]
              History = ValueNone
              Denied = NgQueries.denied state.Known state.Queries
              Total = NgProof.total state.Proof
              Standing = ValueNone
              Remarks = []
              Requests = window.Requests }

        { state with
            Phase = NgPhase.Over
            Memory = memoryAt now (Completeness.isComplete completeness) state
            Link = NgLink.finish snapshot state.Link }

    let private silent (now: Instant) (reasons: Shortfall list) (state: State) : State =
        finish now (reasons @ [ NgLink.silence now state.Link ]) state

    let private ask (phase: NgPhase) (purposes: NgPurpose list) (state: State) : State =
        let window = RequestWindow.enqueue purposes state.Link.Window
        { state with Phase = phase; Link = { state.Link with Window = window } }

    let private beginStatistics (phase: NgPhase) (state: State) : State =
        ask phase [ NgPurpose.Statistics ] state

    let private beginList (state: State) : State =
        let struct (limit, isProbe, lacking) =
            NgCallList.plan (NgLink.isDatagrams state.Link) (NgProof.sessions state.Proof) state.List

        (match lacking with
         | ValueSome lacking -> fault lacking state
         | ValueNone -> state)
        |> ask NgPhase.Listing [ NgPurpose.List(limit, isProbe) ]

    let private opened (state: State) : State =
        beginList { state with Proof = NgProof.beforeList state.Proof }

    let private beginQueries (state: State) : State =
        let missing = NgQueries.missing state.List.Keys state.Queries
        ask NgPhase.Querying [ for key in missing -> NgPurpose.Call key ] state

    let private listed (state: State) : State =
        let sessions = NgProof.sessions state.Proof

        if
            NgCallList.isTooShort (NgLink.isDatagrams state.Link) sessions state.List
            && Faults.isEmpty state.Faults
        then
            beginList state
        else
            beginStatistics NgPhase.Checking state

    let private checkedCount (state: State) : State =
        let withKnown state = { state with List = NgCallList.withKnown state.Known state.List }
        let mayAgain = NgProof.mayAgain state.Proof && Faults.isEmpty state.Faults
        let listed = state.List.Keys.Length
        let full () = TooLarge $"a list of more than {state.List.Limit} calls"

        match NgProof.judge state.List.EndSeen listed state.Proof with
        | CountVerdict.Agrees -> beginQueries { state with Proof = NgProof.agreed state.Proof }
        // The reading after this list also serves as the one before the next.
        | CountVerdict.Disagrees _ when mayAgain -> opened state
        | CountVerdict.Disagrees _ when not (Faults.isEmpty state.Faults) ->
            state |> withKnown |> beginQueries
        | CountVerdict.Disagrees counted ->
            let agrees = counted = int64 listed

            state
            |> fault (
                if agrees then
                    full ()
                else
                    CountDisagrees(int (min counted 2147483647L), listed)
            )
            |> withKnown
            |> beginQueries
        | CountVerdict.Untold when state.List.EndSeen -> beginQueries state
        | CountVerdict.Untold -> state |> fault (full ()) |> withKnown |> beginQueries

    let private queried (now: Instant) (state: State) : State =
        let state = { state with Queries = NgQueries.sample (clock now state) state.Queries }

        if state.Queries.Samples.IsEmpty then
            beginStatistics NgPhase.Closing state
        else
            { state with Phase = NgPhase.Waiting(now + mediaTime) }

    let private beginSampling (state: State) : State =
        ask NgPhase.Sampling [ for key in state.Queries.Samples.Keys -> NgPurpose.Call key ] state

    /// When nothing is in flight and nothing waits, the phase is done.
    let rec private settle (now: Instant) (state: State) : State =
        let window = state.Link.Window

        if not (Map.isEmpty window.InFlight) then
            state
        elif state.Phase <> NgPhase.Over && RequestWindow.isExhausted window then
            finish now [ CutShort $"more than {window.MaxRequests} requests" ] state
        elif not window.Queue.IsEmpty then
            state
        else
            match state.Phase with
            | NgPhase.Connecting when state.Link.IsOpen -> settle now (beginStatistics NgPhase.Opening state)
            | NgPhase.Connecting -> state
            | NgPhase.Opening -> settle now (opened state)
            | NgPhase.Listing -> settle now (listed state)
            | NgPhase.Checking -> settle now (checkedCount state)
            | NgPhase.Querying -> settle now (queried now state)
            | NgPhase.Waiting until -> if until <= now then settle now (beginSampling state) else state
            | NgPhase.Sampling -> settle now (beginStatistics NgPhase.Closing state)
            | NgPhase.Closing -> finish now [] state
            | NgPhase.Over -> state

    let private isUnknownCommand (reason: string) =
        reason.Contains("Unrecognized command", StringComparison.OrdinalIgnoreCase)

    let private isUnknownCall (reason: string) =
        reason.Contains("Unknown call-id", StringComparison.OrdinalIgnoreCase)

    let private refused (now: Instant) (purpose: NgPurpose) (reason: string) (state: State) : State =
        match purpose with
        | NgPurpose.Statistics when isUnknownCommand reason ->
            fault (NotServed "statistics, which count its calls and tell its up-time") state
        | NgPurpose.List _ when isUnknownCommand reason ->
            finish now [ NotServed "list, which names its calls" ] state
        | NgPurpose.Statistics
        | NgPurpose.List _ ->
            finish now [ Shortfall.Refused(RefusalCause.Unsaid, $"the gateway says: {reason}") ] state
        | NgPurpose.Call key when isUnknownCall reason ->
            { state with Queries = NgQueries.gone key state.Queries }
        | NgPurpose.Call key -> { state with Queries = NgQueries.untold key reason state.Queries }

    let private unreadable (now: Instant) (purpose: NgPurpose) (error: NgError) (state: State) : State =
        match purpose with
        | NgPurpose.Statistics -> finish now [ Shortfall.Unreadable $"statistics: {error}" ] state
        | NgPurpose.List _ -> finish now [ Shortfall.Unreadable $"list: {error}" ] state
        | NgPurpose.Call key -> { state with Queries = NgQueries.untold key (string error) state.Queries }

    let private understood (now: Instant) (request: InFlight<NgPurpose, unit>) body (state: State) : State =
        let within = Interval.create request.First now

        match Ng.result body, request.Purpose with
        | NgResult.Refused reason, purpose -> refused now purpose reason state
        | NgResult.Done _, NgPurpose.Statistics ->
            let statistics = NgReplies.readStatistics body
            { state with Proof = NgProof.told now request.First statistics state.Proof }
        | NgResult.Done _, NgPurpose.List(limit, isProbe) ->
            let take (ids: ResizeArray<string>) (id: Slice) =
                if ids.Count <= NgCallList.MaxCalls then
                    ids.Add(NgObserving.keyOf id)

                ids

            match NgReplies.foldCallIds take (ResizeArray()) body with
            | ValueSome ids when ids.Count > NgCallList.MaxCalls ->
                finish now [ CutShort $"more than {NgCallList.MaxCalls} calls" ] state
            | ValueSome ids -> { state with List = NgCallList.told limit isProbe ids within state.List }
            | ValueNone ->
                unreadable
                    now
                    request.Purpose
                    { Offset = body.Start; Problem = NgProblem.Lacks "calls" }
                    state
        | NgResult.Done _, NgPurpose.Call key ->
            match NgReplies.readCall body with
            | Ok call ->
                { state with Queries = NgQueries.told state.Memory.Newest within key call state.Queries }
            | Error error -> unreadable now request.Purpose error state

    let private received (now: Instant) (octets: byte[]) (state: State) : State =
        let struct (request, link) = NgLink.receive now octets state.Link
        let state = { state with Link = link }

        match request with
        | ValueNone -> state
        | ValueSome request ->
            match Ng.decode octets with
            | Ok message -> understood now request message.Body state
            | Error error -> unreadable now request.Purpose error state

    let private arrived (now: Instant) (octets: byte[]) (state: State) : State =
        match NgLink.feed octets state.Link with
        | Ok(struct (link, messages)) ->
            ({ state with Link = link }, messages)
            ||> List.fold (fun state message ->
                if state.Phase = NgPhase.Over then state else received now message state)
        | Error error -> finish now [ Shortfall.Unreadable $"the stream: {error}" ] state

    /// Handles a request that got no answer to any of its attempts.
    let private spent (now: Instant) (cookie: string) (request: InFlight<NgPurpose, unit>) (state: State) =
        let window = RequestWindow.drop cookie state.Link.Window
        let state = { state with Link = { state.Link with Window = window } }
        let tries = if request.Times = 1 then "1 request" else $"{request.Times} requests"

        match request.Purpose with
        | NgPurpose.Call key when RequestWindow.hasAnsweredSince request window ->
            { state with Queries = NgQueries.untold key $"no answer to {tries}" state.Queries }
        | NgPurpose.List(limit, _) when limit > FewCalls && window.LastReply.IsSome ->
            state
            |> fault (
                CutShort $"no answer to {tries} for a list of up to {limit} calls: too long for its way?"
            )
            |> ask NgPhase.Listing [ NgPurpose.List(FewCalls, false) ]
        | NgPurpose.Call _
        | NgPurpose.List _
        | NgPurpose.Statistics -> silent now [] state

    /// The stream cannot be opened, or nothing on it can be read.
    let private lost (now: Instant) (reason: string) (state: State) : State =
        silent now [] { state with Link = { state.Link with Trouble = reason } }

    let private woke (now: Instant) (state: State) : State =
        let link = state.Link
        let late = RequestWindow.late now link.Window

        if late.IsEmpty && NgLink.isOverdue now link then
            lost now (if link.Trouble = "" then "the stream does not open" else link.Trouble) state
        else
            (state, late)
            ||> List.fold (fun state (cookie, request) ->
                if state.Phase = NgPhase.Over then state
                elif NgLink.isSpent request state.Link then spent now cookie request state
                else { state with Link = NgLink.repeat now cookie request state.Link })

    let private broken (now: Instant) (reason: string) (state: State) : State =
        let link = { state.Link with Trouble = reason }

        // Datagrams and HTTP requests are repeated in any case.
        if link.Target.Transport <> NgTransport.Tcp then
            { state with Link = link }
        else
            match NgLink.tryReopen now link with
            | ValueSome link -> { state with Link = link }
            | ValueNone -> lost now reason state

    let private stopped (now: Instant) (state: State) : State =
        if state.Link.Window.LastReply.IsSome then
            finish now [ Cancelled ] state
        else
            silent now [ Cancelled ] state

    /// Goes on as far as possible without another answer.
    let private commit (now: Instant) (state: State) : State * Command list =
        let requestOf purpose =
            match purpose with
            | NgPurpose.Statistics -> NgRequest.Statistics
            | NgPurpose.List(limit, _) -> NgRequest.List limit
            | NgPurpose.Call key -> NgRequest.Query(NgObserving.octetsOf key)

        let state = settle now state
        let link = NgLink.pump now requestOf state.Link

        let wake =
            match state.Phase with
            | NgPhase.Waiting until -> Instant.min until (RequestWindow.due link.Window)
            | _ -> NgLink.due link

        let struct (link, commands) = NgLink.commit wake link
        { state with Link = link }, commands

    /// Takes in one event. Carry out all returned commands before the next event.
    let advance (event: Event) (state: State) : State * Command list =
        let now = event.At.Steady

        match state.Phase, event with
        | NgPhase.Over, _ -> state, []
        | _, Received(_, octets) -> commit now (received now octets state)
        | _, Connected _ -> commit now { state with Link = NgLink.connected now state.Link }
        | _, Arrived(_, octets) -> commit now (arrived now octets state)
        | _, Event.Broken(_, reason) -> commit now (broken now reason state)
        | _, Woke _ -> commit now (woke now state)
        | _, Stopped _ -> commit now (stopped now state)

    /// Begins an audit. Returns the first request or the opening of the stream, and when to wake up.
    let start (target: NgGateway) (memory: Memory) (given: AuditStart) : State * Command list =
        commit
            given.At.Steady
            { Known = given.Known
              Memory = memory
              Phase = NgPhase.Connecting
              Link = NgLink.start target true (NgPace.start memory.Pace) given |> NgLink.connect
              Proof = NgProof.none
              List = NgCallList.start memory.Sizes
              Queries = NgQueries.none
              Faults = Faults.none }

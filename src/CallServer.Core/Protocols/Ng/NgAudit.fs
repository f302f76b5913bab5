namespace CallServer.Protocols.Ng

open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// One asking of one rtpengine over ng.
///
///   phase       requests in flight              when all are answered              a request is given up
///   Connecting  none (TCP: the stream opens)    -> Opening                         over
///   Opening     statistics                      -> Listing                         over
///   Listing     list, perhaps a probe first     -> Listing or Checking             a list of few calls *; over
///   Checking    statistics                      -> Querying; Listing again where   over
///               the count disagrees and another list may agree
///   Querying    query, one a call               -> Waiting or Closing              that call is not told *
///   Waiting     none                            (at its time) -> Sampling          -
///   Sampling    query of a few calls            -> Closing                         that call is not told *
///   Closing     statistics                      -> over                            over
///   Over        none; every event changes nothing
///
/// * the audit is over at once where nothing else was answered since. In every phase: Stopped ends it, a
/// refusal of statistics or of the list ends it, "Unknown call-id" is a call that ended, a message with
/// another cookie than those in flight is counted and dropped, and a Woke before its time changes nothing. A
/// stream that breaks is opened again, twice at most, if it ever answered; what was in flight goes out again
/// with the same cookies.
module NgAudit =
    open NgState
    open NgAnswers
    open NgPhases

    type State = NgAuditState
    type Memory = NgMemory

    module Memory =
        let none: Memory =
            { Pace = NgPace.none
              Clock = GatewayClock.unknown
              ClockAt = Instant.ofMicros 0L
              Newest = ValueNone
              Sizes = ValueNone }

    /// What to carry to the next audit of this gateway.
    let memory (state: State) : Memory = state.Memory

    /// Messages that matched no request of ours, so far.
    let strays (state: State) : int = state.Strays

    /// Messages sent, so far.
    let requests (state: State) : int = state.Requests

    let phase (state: State) : NgPhase = state.Phase

    let isOver (state: State) : bool = state.Phase = NgPhase.Over

    /// What it holds.
    let internal load (state: State) : Load = NgState.load state

    let private stopped now (state: State) : State =
        if state.LastReply.IsSome then
            NgVerdict.finish now [ Cancelled ] state
        else
            NgVerdict.finish now [ Cancelled; NgVerdict.silence now state ] state

    /// One event in; all of its commands are to be carried out before the next.
    let advance (event: Event) (state: State) : State * Command list =
        let now = event.At.Steady

        match state.Phase, event with
        | NgPhase.Over, _ -> state, []
        | _, Received(_, octets) -> commit now (received now octets state)
        | _, Connected _ -> commit now (connected now state)
        | _, Arrived(_, octets) -> commit now (arrived now octets state)
        | _, Event.Broken(_, reason) -> commit now (broken now reason state)
        | _, Woke _ -> commit now (woke now state)
        | _, Stopped _ -> commit now (stopped now state)

    /// Begins an audit: the first request or the stream, and when to wake up.
    let start (target: NgGateway) (memory: Memory) (given: AuditStart) : State * Command list =
        let now = given.At.Steady
        let isStream = target.Transport = NgTransport.Tcp

        let state: State =
            { Target = target
              Known = given.Known
              Memory = memory
              Rng = given.Rng
              Phase = NgPhase.Connecting
              Asked = now
              LastReply = ValueNone
              Requests = 0
              Strays = 0
              LastStray = ""
              Trouble = ""
              Stream = NgFraming.empty
              IsOpen = not isStream
              OpenBy = now + NgRequests.patience target
              Reopened = 0
              Queue = []
              Jobs = Map.empty
              Pace = NgPace.start memory.Pace
              Readings = []
              Before = ValueNone
              Rounds = 0
              Limit = 0
              Listed = [||]
              ListedAt = ValueNone
              Sizes = memory.Sizes
              CountAgrees = false
              EndSeen = false
              Seen = Map.empty
              ListCost = 0L
              SeenCost = 0L
              Gone = Set.empty
              Untold = []
              Samples = Map.empty
              Clock = GatewayClock.unknown
              Faults = []
              Outbox = (if isStream then [ Connect ] else []) }

        commit now state

namespace CallServer.Protocols.Mgcp

open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// One asking of one gateway over MGCP (RFC 3435 §2.3.10 and 2.3.11, RFC 3624).
///
///   phase      commands in flight               when all are answered              a command is given up
///   Listing    AUEP of each pattern             -> Inquiring; over: Refused        over: Silent
///   Inquiring  AUEP F: PL of one endpoint       -> Counting                        -> Counting, without the package
///   Counting   AUEP BA/F: BA/C, page by page,   -> Auditing; Listing again, of     its endpoints are asked one by one *
///              where the package is there       narrower patterns, where a list
///                                               did not fit
///   Auditing   AUEP F: I of each endpoint in    -> the same again where counts     that endpoint or connection is a
///              use, AUCX of each connection     and lists differ; over; Verifying  fault *
///                                               where there is any fault
///   Verifying  AUCX, or MDCX where that is      -> over                            a fault *
///              allowed, of what the record
///              holds and nobody listed
///   Over       none; every event changes nothing
///
/// * the audit is over at once where nothing else was answered since. In every phase: 515 (or 500 for an endpoint that comes and
/// goes) says that a connection ended, which is no fault; a transient error is asked again twice; other errors are faults and
/// named; Stopped ends the audit; what answers nothing is counted and dropped; a Woke before its time changes nothing.
module MgcpAudit =
    open MgcpState
    open MgcpEndings

    type State = MgcpAuditState
    type Memory = MgcpMemory

    module Memory =
        let none: Memory =
            { NextTransaction = 0
              Pace = MgcpPace.none
              Bulk = ValueNone
              WithoutAuditConnection = false
              Dialect = ValueNone }

    /// What to carry to the next audit of this gateway.
    let memory (state: State) : Memory =
        { NextTransaction = state.Tx.Next
          Pace = state.Tx.Pace
          Bulk = state.Bulk
          WithoutAuditConnection = state.WithoutAuditConnection || (state.NeverAudited && not state.Audits)
          Dialect = MgcpDialect.remembered state.Tx.Dialect }

    /// Messages that answered nothing, so far.
    let strays (state: State) : int = state.Tx.Strays

    let phase (state: State) : MgcpPhase = state.Phase

    let isOver (state: State) : bool = state.Phase = MgcpPhase.Over

    let private received (now: Instant) (octets: byte[]) (state: State) : State =
        let struct (arrival, tx) = MgcpTransactions.receive now octets state.Tx
        let state = (state, arrival.Replies) ||> List.fold (fun state reply -> send reply state)

        ({ state with Tx = tx }, arrival.Finals)
        ||> List.fold (fun state (struct (response, pending)) ->
            if state.Phase = MgcpPhase.Over then
                state
            else
                MgcpAnswers.answered now arrival.IsWhole response pending state)

    /// A command that is not answered however often it is sent.
    let private spent (now: Instant) (state: State) (pending: MgcpPending<MgcpTask>) : State =
        let answeredSince =
            match state.Tx.LastReply with
            | ValueSome reply -> reply > pending.First
            | ValueNone -> false

        let unanswered = $"no answer to {pending.Times} attempts"

        let silenced (name: EndpointName) state = { state with Silenced = Set.add (key name) state.Silenced }

        if state.Phase = MgcpPhase.Over then
            state
        else
            match pending.Purpose.Purpose with
            | AuditListed(name, id)
            | AuditKnown(name, id, _) when not state.Audits ->
                let state = MgcpAnswers.withoutAudits unanswered state

                if answeredSince || not (Map.isEmpty state.Tx.Pending) then
                    error unanswered (idOf name id) state
                else
                    giveUp now (silence now state) state
            | _ when not answeredSince -> giveUp now (silence now state) state
            | ListEndpoints pattern
            | ListAgain pattern
            | CountConnections(pattern, _, _) -> error unanswered (string pattern) state
            | AskPackages _ -> { state with Bulk = ValueSome false }
            | AskConnections name -> silenced name (error unanswered (string name) state)
            | AuditListed(name, id)
            | AuditKnown(name, id, _)
            | ModifyKnown(name, id, _) -> silenced name (error unanswered (idOf name id) state)

    let private woke (now: Instant) (state: State) : State =
        let struct (repeats, gone, tx) = MgcpTransactions.due now state.Tx
        let state = ({ state with Tx = tx }, repeats) ||> List.fold (fun state octets -> send octets state)
        (state, gone) ||> List.fold (spent now)

    let private stopped (now: Instant) (state: State) : State =
        if state.Tx.LastReply.IsSome then
            giveUp now Cancelled state
        else
            giveUp now Cancelled (fault (silence now state) state)

    /// Sends what may be sent, and says when to wake up; the commands in the order in which they came about.
    let private commit (now: Instant) (state: State) : State * Command list =
        let state = state |> MgcpRequests.recall now |> MgcpPhases.settle now |> MgcpRequests.pump now

        let wake = if isOver state then ValueNone else MgcpRequests.deadline state
        { state with Outbox = [] }, Command.inOrder state.Outbox wake

    /// One event in; all of its commands are to be carried out before the next.
    let advance (event: Event) (state: State) : State * Command list =
        let now = event.At.Steady

        match state.Phase, event with
        | MgcpPhase.Over, _
        // MGCP goes by datagrams alone.
        | _, (Connected _ | Arrived _ | Broken _) -> state, []
        | _, Received(_, octets) -> commit now (received now octets state)
        | _, Woke _ -> commit now (woke now state)
        | _, Stopped _ -> commit now (stopped now state)

    /// Begins an audit: the first commands, and when to wake up.
    let start (target: MgcpGateway) (memory: Memory) (given: AuditStart) : State * Command list =
        let now = given.At.Steady

        let state: State =
            { Target = target
              Known = given.Known
              Phase = MgcpPhase.Listing
              Asked = now
              Tx =
                MgcpTransactions.start
                    target.Timeout
                    target.Attempts
                    memory.Pace
                    memory.NextTransaction
                    (memory.Dialect |> ValueOption.defaultValue (MgcpDialect.create target.Version))
                    given.Rng
              Queue = []
              Later = []
              Endpoints = Map.empty
              Locals = Map.empty
              Listing = MgcpListing.Unanswered
              Bulk = memory.Bulk
              Places = Set.empty
              Recounts = 0
              Observations = Map.empty
              Untold = Set.empty
              Vanished = Set.empty
              ListedAgain = false
              Distrusted = false
              Silenced = Set.empty
              Audits = false
              WithoutAuditConnection = false
              NeverAudited = memory.WithoutAuditConnection
              Denied = Set.empty
              Gone = Set.empty
              Faults = []
              Errors = Map.empty
              Outbox = [] }

        state |> first (List.map ListEndpoints target.Patterns) |> commit now

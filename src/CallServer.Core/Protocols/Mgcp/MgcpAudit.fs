namespace CallServer.Protocols.Mgcp

open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// Where an MGCP audit stands.
[<RequireQualifiedAccess>]
type MgcpPhase =
    /// Which endpoints exist?
    | Listing
    /// Does the gateway have the Bulk Audit package?
    | Inquiring
    /// How many connections does each endpoint have?
    | Counting
    /// Asks for the connections of each endpoint, and the details of each connection.
    | Auditing
    /// Asks by id for each connection on record that was not listed.
    | Verifying
    | Over

/// What one audit of a gateway passes on to the next. It saves requests, and proves nothing.
type MgcpMemory =
    {
        /// The transaction id of the next command; 0 before the first audit.
        NextTransaction: int
        Pace: Pace
        /// Whether the gateway has the Bulk Audit package; `ValueNone` if unknown.
        Bulk: bool voption
        /// AUCX did not work.
        WithoutAuditConnection: bool
        /// The dialect that the gateway understood last.
        Dialect: MgcpDialect voption
    }

type MgcpAuditState =
    internal
        { Target: MgcpGateway
          Known: Connection[]
          Phase: MgcpPhase
          Questions: MgcpQuestions
          Endpoints: MgcpEndpoints
          Counts: MgcpCounts
          Connections: MgcpConnections }

/// One audit of one gateway over MGCP (RFC 3435 §2.3.10 and 2.3.11, RFC 3624).
///
///   phase      commands in flight               when all are answered              a command is given up
///   Listing    AUEP of each pattern             -> Inquiring; over: Refused        over: Silent
///   Inquiring  AUEP F: PL of one endpoint       -> Counting                        -> Counting, without the package
///   Counting   AUEP BA/F: BA/C, page by page,   -> Auditing; Listing again, of     its endpoints are asked one by one *
///              if the gateway has the package   narrower patterns, if a list did
///                                               not fit
///   Auditing   AUEP F: I of each endpoint in    -> the same again if counts        that endpoint or connection is a
///              use, AUCX of each connection     and lists differ; Verifying if     fault *
///                                               there is any fault; else over
///   Verifying  AUCX, or MDCX if allowed, of     -> over                            a fault *
///              each connection on record that
///              nobody listed
///   Over       none; every event changes nothing
///
/// * If nothing else was answered since then, the audit is over at once. In every phase: 515 (or 500, if the endpoint exists only while
/// it has connections) means that a connection ended, which is no fault. After a transient error the question is asked again, twice at
/// most. Other errors are faults and are named. Stopped ends the audit. Messages that answer nothing are counted and dropped. A Woke that
/// comes too early changes nothing.
module MgcpAudit =
    type State = MgcpAuditState
    type Memory = MgcpMemory

    module Memory =
        let none: Memory =
            { NextTransaction = 0
              Pace = MgcpPace.none
              Bulk = ValueNone
              WithoutAuditConnection = false
              Dialect = ValueNone }

    /// What to pass on to the next audit of this gateway.
    let memory (state: State) : Memory =
        let tx = state.Questions.Tx

        { NextTransaction = tx.Next
          Pace = tx.Window.Pace
          Bulk = state.Counts.HasPackage
          WithoutAuditConnection = MgcpConnections.lackAudits state.Connections
          Dialect = MgcpDialect.remembered tx.Dialect }

    /// Messages so far that answered nothing.
    let strays (state: State) : int = state.Questions.Tx.Window.Strays

    /// How far it has come.
    let internal progress (state: State) : Progress =
        { Told = state.Connections.Observed.Count; Of = ValueNone }

    let private withQuestions (change: MgcpQuestions -> MgcpQuestions) (state: State) : State =
        { state with Questions = change state.Questions }

    let private withEndpoints change (state: State) : State =
        let struct (endpoints, questions) = change state.Endpoints state.Questions
        { state with Endpoints = endpoints; Questions = questions }

    let private withConnections change (state: State) : State =
        let struct (connections, questions) = change state.Connections state.Questions
        { state with Connections = connections; Questions = questions }

    let private error words where = withQuestions (MgcpQuestions.error words where)

    let private finish (now: Instant) (completeness: Completeness) (state: State) : State =
        let observations = MgcpConnections.observations state.Endpoints state.Connections
        let window = state.Questions.Tx.Window

        let snapshot: Snapshot =
            { Gateway = state.Target.Gateway
              Protocol = "mgcp"
              Profile = (if state.Counts.HasPackage = ValueSome true then "bulk-audit" else "")
              // MGCP reports no duration, no boot and, except in bulk audits, no count. A gateway may reuse an id after three
              // minutes, but the call id goes with it as a stamp that tells its uses apart (rules 6 and 9).
              Traits = Traits.plain
              Asked = window.Began
              Answered = ValueOption.defaultValue now window.LastReply
              Boot = Boot.untold window.Began
              Completeness = completeness
              Observations = observations
              Ended = [||]
              History = ValueNone
              Denied = MgcpConnections.denied state.Known observations state.Connections
              Total = ValueNone
              Standing = ValueNone
              Remarks = []
              Requests = window.Requests }

        { withQuestions (MgcpQuestions.finish snapshot) state with Phase = MgcpPhase.Over }

    let private faults (state: State) : Shortfall list = Faults.toList state.Questions.Faults

    /// Ends the audit with what was learnt so far.
    let private giveUp (now: Instant) (reason: Shortfall) (state: State) : State =
        finish now (Partial(List.distinct (reason :: faults state))) state

    let private silent (now: Instant) (state: State) : State =
        giveUp now (MgcpQuestions.silence now state.Questions) state

    let private conclude (now: Instant) (state: State) : State =
        match faults state with
        | [] when MgcpCounts.agree state.Endpoints -> finish now (Complete [ EndOfTable; CountAgrees ]) state
        | [] -> finish now (Complete [ EndOfTable ]) state
        | faults -> finish now (Partial faults) state

    let private enter (phase: MgcpPhase) change (state: State) : State =
        { withQuestions change state with Phase = phase }

    let private count (patterns: EndpointName list) (state: State) : State =
        enter MgcpPhase.Counting (MgcpCounts.askCounts patterns) state

    let private refusedOr (now: Instant) next (state: State) : State =
        match MgcpEndpoints.tryRefused state.Questions.Tx.Dialect state.Endpoints with
        | ValueSome refused -> giveUp now refused state
        | ValueNone -> next state

    let private listed (state: State) : State =
        let state = withEndpoints MgcpEndpoints.besides state
        let endpoints = state.Endpoints

        match state.Counts.HasPackage, Seq.tryHead endpoints.Listed.Values with
        // A bulk audit needs wildcards.
        | _ when not endpoints.TakesWildcards -> count [] state
        | ValueNone, Some endpoint ->
            enter MgcpPhase.Inquiring (MgcpQuestions.ask [ AskPackages endpoint.Name ]) state
        // There is no endpoint to ask for its packages. The bulk audit itself will show whether there is one.
        | ValueNone, None -> count endpoints.TooLarge state
        | ValueSome true, _ when endpoints.Narrowed.IsEmpty -> count state.Target.Patterns state
        | ValueSome _, _ -> count [] state

    let private inquired (state: State) : State =
        count (if state.Counts.HasPackage = ValueSome true then state.Target.Patterns else []) state

    let private counted (state: State) : State =
        if state.Endpoints.TooLarge.IsEmpty then
            state |> enter MgcpPhase.Auditing (MgcpCounts.askConnections state.Known state.Endpoints)
        else
            { withEndpoints (MgcpEndpoints.narrow state.Known) state with Phase = MgcpPhase.Listing }

    /// Some answers are missing, so connections on record that nobody listed are asked for by id, if the gateway offers a way.
    let private verify (now: Instant) (state: State) : State =
        match MgcpConnections.verifying state.Target.Verify state.Known state.Endpoints state.Connections with
        | [] -> conclude now state
        | purposes -> enter MgcpPhase.Verifying (MgcpQuestions.ask purposes) state

    let private audited (now: Instant) (state: State) : State =
        if not state.Endpoints.Vanished.IsEmpty && not state.Endpoints.ListedAgain then
            { state with Endpoints = { state.Endpoints with ListedAgain = true } }
            |> withQuestions (MgcpQuestions.ask (List.map ListAgain state.Target.Patterns))
        else
            match MgcpCounts.tryCheck state.Endpoints state.Counts state.Questions with
            | ValueSome(struct (counts, questions)) -> { state with Counts = counts; Questions = questions }
            | ValueNone ->
                state
                |> withQuestions (MgcpConnections.judgeUntold state.Endpoints state.Connections)
                // Perhaps none of the endpoints that a range names exists.
                |> refusedOr now (fun state ->
                    if Faults.isEmpty state.Questions.Faults then
                        conclude now state
                    else
                        verify now state)

    /// When nothing is in flight and nothing waits, the phase is done.
    let rec private settle (now: Instant) (state: State) : State =
        let window = state.Questions.Tx.Window

        if state.Phase = MgcpPhase.Over || not (Map.isEmpty window.InFlight) then
            state
        elif RequestWindow.isExhausted window then
            giveUp now (CutShort $"more than {window.MaxRequests} requests") state
        elif not (MgcpQuestions.isIdle state.Questions) then
            state
        else
            match state.Phase with
            | MgcpPhase.Listing -> settle now (refusedOr now listed state)
            | MgcpPhase.Inquiring -> settle now (inquired state)
            | MgcpPhase.Counting -> settle now (counted state)
            | MgcpPhase.Auditing -> settle now (audited now state)
            | MgcpPhase.Verifying -> conclude now state
            | MgcpPhase.Over -> state

    let private take (state: State) (answer: MgcpAnswer) : State =
        let response = answer.Response

        match answer.Task.Purpose with
        | ListEndpoints pattern -> withEndpoints (MgcpEndpoints.listed answer pattern) state
        | ListAgain pattern -> withEndpoints (MgcpEndpoints.listedAgain pattern response) state
        | AskPackages _ -> { state with Counts = MgcpCounts.packagesTold response state.Counts }
        | CountConnections(pattern, from, most) ->
            let take = MgcpCounts.counted answer (pattern, from, most) (state.Phase = MgcpPhase.Auditing)
            let struct (counts, endpoints, questions) = take state.Counts state.Endpoints state.Questions
            { state with Counts = counts; Endpoints = endpoints; Questions = questions }
        | AskConnections name ->
            let take = MgcpConnections.listed answer name

            let struct (connections, endpoints, questions) =
                take state.Connections state.Endpoints state.Questions

            { state with Connections = connections; Endpoints = endpoints; Questions = questions }
        | AuditListed(name, id)
        | AuditKnown(name, id, _) -> withConnections (MgcpConnections.audited answer name id) state
        | ModifyKnown(name, id, known) ->
            withConnections (MgcpConnections.modified answer name id known) state

    /// Takes in an answer that ends within a line. It was cut off on the way, and the rest is unknown.
    let private takeCut (state: State) (answer: MgcpAnswer) : State =
        let response = answer.Response
        let broken where = error "an answer that breaks off" where

        // The line that was cut is not usable.
        let whole =
            if response.Sessions.Length = 0 then
                Array.truncate (response.Parameters.Length - 1) response.Parameters
            else
                response.Parameters

        let answer = { answer with Response = { response with Parameters = whole } }

        match answer.Task.Purpose with
        | ListEndpoints name
        | ListAgain name
        | CountConnections(name, _, _)
        | AskConnections name -> take state answer |> broken (string name)
        | AskPackages _ -> { state with Counts = { state.Counts with HasPackage = ValueSome false } }
        | AuditListed(name, id)
        | AuditKnown(name, id, _)
        | ModifyKnown(name, id, _) when MgcpReply.succeeded response ->
            withConnections (MgcpConnections.isThere answer name id) state |> broken (MgcpName.idOf name id)
        | AuditListed _
        | AuditKnown _
        | ModifyKnown _ -> take state answer

    let private withTx (tx: MgcpTransactions<MgcpTask, Snapshot>) =
        withQuestions (fun questions -> { questions with Tx = tx })

    let private received (now: Instant) (octets: byte[]) (state: State) : State =
        let struct (finals, tx) = MgcpTransactions.receive now octets state.Questions.Tx
        let isWhole = Mgcp.endsLine octets

        (withTx tx state, finals)
        ||> List.fold (fun state (struct (response, pending)) ->
            let heard = Interval.create pending.First now
            let answer = { Response = response; Task = pending.Purpose; Heard = heard }
            let isAll = isWhole || (response.Parameters.Length = 0 && response.Sessions.Length = 0)
            if isAll then take state answer else takeCut state answer)

    /// Handles a command that got no answer to any of its attempts.
    let private spent (now: Instant) (state: State) (pending: MgcpPending<MgcpTask>) : State =
        let window = state.Questions.Tx.Window
        let answeredSince = RequestWindow.hasAnsweredSince pending window
        let unanswered = $"no answer to {pending.Times} attempts"

        let silenced (name: EndpointName) (where: string) (state: State) : State =
            { error unanswered where state with
                Connections = MgcpConnections.silenced name state.Connections }

        if state.Phase = MgcpPhase.Over then
            state
        else
            match pending.Purpose.Purpose with
            | AuditListed(name, id)
            | AuditKnown(name, id, _) when not state.Connections.HasAudits ->
                let state = withConnections (MgcpConnections.withoutAudits unanswered) state

                if answeredSince || not (Map.isEmpty window.InFlight) then
                    error unanswered (MgcpName.idOf name id) state
                else
                    silent now state
            | _ when not answeredSince -> silent now state
            | ListEndpoints pattern
            | ListAgain pattern
            | CountConnections(pattern, _, _) -> error unanswered (string pattern) state
            | AskPackages _ -> { state with Counts = { state.Counts with HasPackage = ValueSome false } }
            | AskConnections name -> silenced name (string name) state
            | AuditListed(name, id)
            | AuditKnown(name, id, _)
            | ModifyKnown(name, id, _) -> silenced name (MgcpName.idOf name id) state

    let private woke (now: Instant) (state: State) : State =
        let struct (gone, tx) = MgcpTransactions.due now state.Questions.Tx
        (withTx tx state, gone) ||> List.fold (spent now)

    let private stopped (now: Instant) (state: State) : State =
        if state.Questions.Tx.Window.LastReply.IsSome then
            giveUp now Cancelled state
        else
            state
            |> withQuestions (fun questions ->
                MgcpQuestions.fault (MgcpQuestions.silence now questions) questions)
            |> giveUp now Cancelled

    /// Goes on as far as possible without another answer.
    let private commit (now: Instant) (state: State) : State * Command list =
        let state =
            state
            |> withQuestions (MgcpQuestions.recall now)
            |> settle now
            |> withQuestions (MgcpQuestions.pump now)

        let struct (questions, commands) = MgcpQuestions.commit state.Questions
        { state with Questions = questions }, commands

    /// Takes in one event. Carry out all returned commands before the next event.
    let advance (event: Event) (state: State) : State * Command list =
        let now = event.At.Steady

        match state.Phase, event with
        | MgcpPhase.Over, _
        // MGCP uses datagrams only.
        | _, (Connected _ | Arrived _ | Broken _) -> state, []
        | _, Received(_, octets) -> commit now (received now octets state)
        | _, Woke _ -> commit now (woke now state)
        | _, Stopped _ -> commit now (stopped now state)

    /// Begins an audit. Returns the first commands, and when to wake up.
    let start (target: MgcpGateway) (memory: Memory) (given: AuditStart) : State * Command list =
        let dialect = memory.Dialect |> ValueOption.defaultValue (MgcpDialect.create target.Version)

        let state: State =
            { Target = target
              Known = given.Known
              Phase = MgcpPhase.Listing
              Questions =
                { Tx = MgcpTransactions.start target memory.Pace memory.NextTransaction dialect given
                  Later = []
                  Faults = Faults.none }
              Endpoints = MgcpEndpoints.none
              Counts = MgcpCounts.start memory.Bulk
              Connections = MgcpConnections.start memory.WithoutAuditConnection }

        state
        |> withQuestions (MgcpQuestions.ask (List.map ListEndpoints target.Patterns))
        |> commit given.At.Steady

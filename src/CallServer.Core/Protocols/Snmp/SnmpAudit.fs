namespace CallServer.Protocols.Snmp

open System
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// One asking of one gateway over SNMP.
///
///   phase      requests in flight                 when all are answered            a request is given up
///   Choosing   GetNext at every profile's column  -> Opening, or Introducing       over
///   Introducing Get of the agent's description    -> over: NotServed               over
///   Opening    Get of up-time, boot, count        -> Walking                       over
///   Walking    GetBulk or GetNext, one a range    -> next ranges; then Mending,    that range is broken *
///                                                    Joining or Closing
///   Mending    Get of a row seen in part          -> Joining or Closing            that row is broken *
///   Joining    Get of rows, and what they point   -> Closing                       fewer rows at a time
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
    open AuditState
    open Endings
    open Stepping
    open Answers
    open Scalars
    open Phases

    type State = SnmpAuditState
    type Memory = SnmpMemory

    module Memory =
        let none: Memory = { Session = ValueNone; Pace = WalkPace.none; Hints = [||]; Chosen = ValueNone }

    let private listed (state: State) : int =
        match state.Proven with
        | ValueSome proven -> proven.Observations.Length
        | ValueNone -> state.Walk.Rows

    /// What to carry to the next audit of this gateway.
    let memory (state: State) : Memory =
        { Session = state.Session
          Pace = state.Pace
          Hints = state.Hints
          // A choice that showed no connection is made anew.
          Chosen =
            (if state.Target.Profile.IsSome || listed state = 0 then
                 ValueNone
             else
                 state.Profile) }

    /// Datagrams that matched no request of ours, so far.
    let strays (state: State) : int = state.Strays

    /// Datagrams sent, so far.
    let requests (state: State) : int = state.Requests

    let phase (state: State) : SnmpPhase = state.Phase

    let isOver (state: State) : bool = state.Phase = Over

    let private matched now (number: int) (attempt: Attempt) (job: Job) (pdu: Pdu) (state: State) : State =
        let took = now - attempt.Sent
        let prompt = took <= state.Target.Timeout * 0.5
        let pace = WalkPace.timed took state.Pace

        let state =
            { forget number job state with
                LastReply = ValueSome now
                Answered = true
                Pace = (if prompt then WalkPace.prompt pace else pace) }

        if pdu.ErrorStatus = ErrorStatus.NoError then
            answered now attempt job pdu state
        else
            failed now attempt job pdu state

    let private receivedV3
        now
        number
        (attempt: Attempt)
        (job: Job)
        (session: V3Session)
        octets
        (state: State)
        =
        let before = session
        let struct (reception, session) = V3Session.receive now octets session
        let state = { state with Session = ValueSome session }

        let state =
            match session.WentBack with
            | ValueSome(struct (before, after)) ->
                remark
                    $"the agent's boots counter went back from {before} to {after}: it does not keep it"
                    state
            | ValueNone -> state

        match reception with
        // RFC 3411 section 3.1.1: an engine id names one engine of the administration. What was told so far was another's.
        | Learnt when (state.Answered || state.Met) && V3Session.isOther before session ->
            giveUp now (CutShort "another SNMP engine answers, under another engine id") state
        | Answer pdu -> matched now number attempt job pdu state
        | Learnt ->
            let state = { state with LastReply = ValueSome now; Met = true }

            match Requests.correct now number job state with
            | ValueSome state -> state
            | ValueNone ->
                giveUp
                    now
                    (Refused(
                        RefusalCause.Unsaid,
                        "the agent changes its engine id or its clock at every request"
                    ))
                    state
        | Refusal(cause, reason) ->
            giveUp now (Refused(cause, reason)) { state with LastReply = ValueSome now }
        | Stranger reason -> stray reason state

    /// An answer of which only the id can be read. Another one may be, if it is smaller, or tells less.
    let private illegible
        (number: int)
        (attempt: Attempt)
        (job: Job)
        (error: DecodeError)
        (state: State)
        : State =
        match job.Purpose with
        | Stepping strand -> forget number job state |> retreat attempt (Illegible(string error)) strand
        | Rereading _
        | Purpose.Joining _
        | Probing _
        | Reading _
        | AskingServed _
        | Finding _
        | Peeking _
        | Naming _ -> stray (string error) state

    let private received (now: Instant) (octets: byte[]) (state: State) : State =
        let find id =
            match Map.tryFind id state.JobOf with
            | Some number ->
                let job = Map.find number state.Jobs
                let attempt = job.Attempts |> List.find (fun attempt -> attempt.Id = id)
                ValueSome(struct (number, job, attempt))
            | None -> ValueNone

        match Snmp.peek octets, state.Session, state.Target.Credentials with
        | Error error, _, _ -> stray (string error) state
        | Ok(MessageId id), ValueSome session, _ ->
            match find id with
            | ValueSome(struct (number, job, attempt)) ->
                receivedV3 now number attempt job session octets state
            | ValueNone -> stray "an answer to no request of this audit" state
        | Ok(RequestId id), ValueNone, Community community ->
            match find id with
            | ValueNone -> stray "an answer to no request of this audit" state
            | ValueSome(struct (number, job, attempt)) ->
                match Snmp.decode octets with
                | Ok(V2c(theirs, pdu)) when pdu.Kind = Response && theirs = community ->
                    matched now number attempt job pdu state
                | Ok(V2c _) -> stray "no response, or of another community" state
                | Ok(V3 _) -> stray "of version 3" state
                | Error error -> illegible number attempt job error state
        | Ok(RequestId _), _, _ -> stray "of version 2c" state
        | Ok(MessageId _), ValueNone, _ -> stray "of version 3" state

    /// A request that is not answered however often it is sent.
    let private spent (now: Instant) (number: int) (job: Job) (state: State) : State =
        let first = (List.last job.Attempts).Sent
        let state = forget number job state

        let answeredSince =
            state.Answered
            && match state.LastReply with
               | ValueSome reply -> reply > first
               | ValueNone -> false

        match job.Purpose with
        | Stepping strand when answeredSince && state.Requests < Requests.MaxRequests ->
            failing
                (Barren $"no answer to {job.Attempts.Length} requests")
                (where (profile state) strand)
                state
        | Rereading asked when answeredSince ->
            failing (Barren $"no answer to {job.Attempts.Length} requests") $"row {asked.Instance}" state
        | Purpose.Joining pointings when answeredSince -> enqueue (Joining.halves pointings) state
        | Stepping _
        | Rereading _
        | Purpose.Joining _
        | Probing _
        | Reading _
        | AskingServed _
        | Finding _
        | Peeking _
        | Naming _ -> giveUp now (silence now state) state

    let private woke (now: Instant) (state: State) : State =
        let due =
            [ for KeyValue(number, job) in state.Jobs do
                  if job.Deadline.Micros <= now.Micros then
                      number, job ]

        (state, due)
        ||> List.fold (fun state (number, job) ->
            if state.Phase = Over then
                state
            elif Requests.isSpent job state then
                spent now number job state
            else
                match Requests.halved job state with
                | [] -> Requests.repeat now number job state
                | halves -> forget number job state |> enqueue halves)

    let private stopped (now: Instant) (state: State) : State =
        if state.Answered then
            giveUp now Cancelled state
        else
            giveUp now Cancelled (fault (silence now state) state)

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

        let profile =
            match target.Profile with
            | Some profile -> ValueSome profile
            | None -> memory.Chosen

        let state: State =
            { Target = target
              Rng = rng
              Session = session
              Profile = profile
              Phase = Choosing
              Asked = now
              LastReply = ValueNone
              Answered = false
              Met = false
              Requests = 0
              Strays = 0
              LastStray = ""
              Queue = []
              Jobs = Map.empty
              JobOf = Map.empty
              NextJob = 0
              Pace = memory.Pace
              Hints = memory.Hints
              Readings = Map.empty
              Found = Set.empty
              Heads = [||]
              Asides = [||]
              FirstBoot = ValueNone
              LastBoot = Boot.untold now
              OpeningExchange = ValueNone
              LatestExchange = ValueNone
              Walks = 0
              Walk = freshWalk
              Known = given.Known
              Mark = given.History
              Proven = ValueNone
              Faults = []
              Remarks = []
              Outbox = [] }

        let state =
            match profile with
            | ValueSome _ -> beginOpening state
            | ValueNone -> enqueue [ Probing(Requests.probedNames target.Candidates) ] state

        commit now state

    /// The same without a record: the gateway's history is not asked for.
    let start (target: SnmpTarget) (memory: Memory) (at: Moment) (rng: Rng) : State * Command list =
        begin' target memory { At = at; Rng = rng; Local = ""; Known = [||]; History = ValueNone }

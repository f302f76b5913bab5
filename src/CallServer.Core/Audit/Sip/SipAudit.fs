namespace CallServer.Audit

open System
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire

/// One fetch of a gateway's dialogs: SUBSCRIBE with Expires 0 (RFC 6665 §4.4.3, RFC 4235).
///
///   phase      event                                    next
///   Fetching   the stream opens                         a SUBSCRIBE over it
///              401, 407                                 the SUBSCRIBE again with credentials; refused: Over
///              489, and session descriptions were asked the SUBSCRIBE again without that word
///              another final response that is no 2xx    Over: refused
///              2xx                                      waits for the notification
///              NOTIFY of this subscription              answered 200; Gathering
///              NOTIFY with another tag or event         answered 481 or 489; nothing else
///              no final response in time                Over: silent (over a stream: the next way)
///              2xx, and no notification in time         the next way, else Over: cut short
///              the stream breaks                        the next way, else Over
///   Gathering  NOTIFY                                   answered 200; Gathering a little longer
///              its time is up, and the notifier that    Over
///              sent the 2xx has told (or none came)
///   Over       every event changes nothing
///
/// In every phase Stopped ends it; a datagram of another Call-ID is counted and dropped, for other exchanges share
/// the socket and answer their own; over a stream, which is this audit's alone, it is answered 481.
module SipAudit =
    open SipState
    open SipFetching

    type State = SipAuditState
    type Memory = SipMemory

    module Memory =
        let none: Memory = { NeedsTcp = false; IsPlain = false }

    let memory (state: State) : Memory = state.Memory

    /// Messages that belonged to nothing that was asked.
    let strays (state: State) : int = state.Strays

    let isOver (state: State) : bool = state.Phase = SipPhase.Over

    let private received (now: Instant) (octets: byte[]) (state: State) : State =
        match List.tryFind (isStream >> not) state.Tries, SipCodec.decode octets with
        | Some(OnDatagrams s as attempt), Ok decoded -> message now attempt s decoded state
        | _ -> stray state

    let private unreadable (wrong: SipError) : Shortfall =
        match wrong.Problem with
        | BodyTooLarge octets -> TooLarge $"the gateway announces a message of {octets} octets"
        | _ -> Unreadable(string wrong)

    let private arrived (now: Instant) (octets: byte[]) (state: State) : State =
        match List.tryFind isStream state.Tries with
        | Some(OnStream(s, stream)) ->
            let struct (messages, outcome) = SipStream.feed octets stream
            let stream = outcome |> Result.defaultValue SipStream.empty
            let state = replace (OnStream(s, stream)) (OnStream(s, stream)) state

            let state =
                (state, messages)
                ||> List.fold (fun state decoded ->
                    match List.tryFind isStream state.Tries with
                    | Some(OnStream(s, _) as attempt) when state.Phase <> SipPhase.Over ->
                        message now attempt s decoded state
                    | _ -> state)

            match outcome, List.tryFind isStream state.Tries with
            | Error wrong, Some attempt -> failed now attempt (unreadable wrong) state
            | _ -> state
        | Some _
        | None -> stray state

    let private connected (now: Instant) (local: string) (state: State) : State =
        match List.tryFind isStream state.Tries with
        | Some(Opening _ as attempt) ->
            let struct (s, rng) = create local true now state
            sendNew s (replace attempt (OnStream(s, SipStream.empty)) { state with Rng = rng })
        | Some _
        | None -> state

    let private broken (now: Instant) (reason: string) (state: State) : State =
        match List.tryFind isStream state.Tries with
        | Some(OnStream({ AcceptedAt = ValueSome _ }, _) as attempt) ->
            failed
                now
                attempt
                (CutShort $"the gateway accepted the SUBSCRIBE, then the stream ended: {reason}")
                state
        | Some(OnStream _ as attempt) ->
            failed now attempt (Silent $"the stream ended without an answer: {reason}") state
        | Some attempt -> failed now attempt (Silent $"no TCP connection: {reason}") state
        | None -> state

    let private unanswered (now: Instant) (state: State) : string =
        Silence.asked state.Requests "requests" state.Began now

    /// Why nothing came over this way; nothing while there is still time.
    let private lateness (now: Instant) (state: State) (attempt: Try) : Shortfall voption =
        match attempt with
        | Opening deadline when deadline <= now -> ValueSome(Silent "no TCP connection in time")
        | Opening _ -> ValueNone
        | OnStream(s, _)
        | OnDatagrams s ->
            match s.AcceptedAt with
            | ValueSome at when at + state.Gateway.Patience <= now ->
                let hint =
                    if s.IsStream then
                        "; it may send it to a connection of its own, which is not taken"
                    else
                        "; beyond 64 kB it fits no datagram: TCP takes it"

                ValueSome(
                    CutShort
                        $"the SUBSCRIBE was accepted, but no notification came in {Silence.seconds at now} s{hint}"
                )
            | ValueNone when Subscription.isUnanswered now s ->
                ValueSome(Silent $"{unanswered now state}: wrong address or port, or the gateway is down")
            | ValueSome _
            | ValueNone -> ValueNone

    /// A notification that is overdue over UDP may come over TCP; it is still waited for on the first way.
    let private hurry (now: Instant) (state: State) : State =
        let overdue =
            state.Tries
            |> List.exists (fun attempt ->
                match subscriptionOf attempt with
                | ValueSome { AcceptedAt = ValueSome at } -> at + notifyWait state <= now
                | ValueSome _
                | ValueNone -> false)

        if overdue && not state.Left.IsEmpty then openNext now state else state

    let private repeat (now: Instant) (state: State) (attempt: Try) : State =
        match attempt with
        | OnDatagrams s ->
            match Subscription.repeat now s with
            | struct (s, ValueSome octets) -> request false octets (replace attempt (OnDatagrams s) state)
            | struct (_, ValueNone) -> state
        | Opening _
        | OnStream _ -> state

    /// Until when the notifier that sent the 2xx may still tell, where it has not.
    let private accepterDeadline (state: State) : Instant voption =
        match state.Winner with
        | ValueSome { AcceptedBy = ValueSome tag; AcceptedAt = ValueSome at } when
            not (state.Told |> List.exists (fun told -> told.Tag = tag))
            ->
            ValueSome(at + state.Gateway.Patience)
        | ValueSome _
        | ValueNone -> ValueNone

    /// When a gathering ends unless another notification comes.
    let private gathered (until: Instant) (state: State) : Instant =
        match accepterDeadline state with
        | ValueSome deadline -> Instant.max until deadline
        | ValueNone -> until

    let private woke (now: Instant) (state: State) : State =
        match state.Phase with
        | SipPhase.Gathering until -> if gathered until state <= now then conclude now state else state
        | SipPhase.Fetching ->
            let state = (state, state.Tries) ||> List.fold (repeat now) |> hurry now

            (state, state.Tries)
            ||> List.fold (fun state attempt ->
                match lateness now state attempt with
                | ValueSome why when state.Phase = SipPhase.Fetching ->
                    match attempt, why with
                    // Who does not answer a datagram does not get a stream either.
                    | OnDatagrams _, Silent _ when state.Tries.Length = 1 ->
                        failed now attempt why { state with Left = [] }
                    | _ -> failed now attempt why state
                | ValueSome _
                | ValueNone -> state)
        | SipPhase.Over -> state

    let private stopped (now: Instant) (state: State) : State =
        match state.Phase, state.LastReply with
        | SipPhase.Gathering _, _ -> conclude now state
        | _, ValueSome _ -> giveUp now [ Cancelled ] state
        | _, ValueNone -> giveUp now [ Silent(unanswered now state); Cancelled ] state

    let private wakeAt (state: State) : Instant =
        let ofTry attempt =
            match attempt with
            | Opening deadline -> deadline
            | OnStream(s, _)
            | OnDatagrams s ->
                match s.AcceptedAt with
                | ValueSome at -> at + notifyWait state
                | ValueNone -> Subscription.wakeAt s

        match state.Phase with
        | SipPhase.Gathering until -> gathered until state
        | SipPhase.Fetching ->
            (Instant.distantFuture, state.Tries) ||> List.fold (fun at one -> Instant.min at (ofTry one))
        | SipPhase.Over -> Instant.distantFuture

    let private commit (state: State) : State * Command list =
        let commands = List.rev state.Outbox

        let commands =
            match state.Phase with
            | SipPhase.Over -> commands
            | SipPhase.Fetching
            | SipPhase.Gathering _ -> commands @ [ WakeAt(wakeAt state) ]

        { state with Outbox = [] }, commands

    /// One event in; all of its commands are to be carried out before the next.
    let advance (event: Event) (state: State) : State * Command list =
        let now = event.At.Steady

        match state.Phase, event with
        | SipPhase.Over, _ -> state, []
        | _, Received(_, octets) -> commit (received now octets state)
        | _, Connected(_, local) -> commit (connected now local state)
        | _, Arrived(_, octets) -> commit (arrived now octets state)
        | _, Broken(_, reason) -> commit (broken now reason state)
        | _, Woke _ -> commit (woke now state)
        | _, Stopped _ -> commit (stopped now state)

    let start (gateway: SipGateway) (memory: Memory) (given: AuditStart) : State * Command list =
        let ways =
            match gateway.Transport with
            | OverUdp -> [ false ]
            | OverTcp -> [ true ]
            | UdpThenTcp when memory.NeedsTcp -> [ true; false ]
            | UdpThenTcp -> [ false; true ]

        let state: State =
            { Gateway = gateway
              Rng = given.Rng
              Local = given.Local
              Began = given.At.Steady
              Phase = SipPhase.Fetching
              Tries = []
              Left = ways
              Failures = []
              Winner = ValueNone
              Told = []
              LastReply = ValueNone
              Requests = 0
              Strays = 0
              Memory = memory
              Outbox = [] }

        commit (openNext given.At.Steady state)

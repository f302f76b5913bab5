namespace CallServer.Protocols.Sip

open System
open System.Collections.Generic
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// How far an audit has come.
type SipPhase =
    /// No notification has come yet that could end the fetch.
    | Fetching
    /// A notification came; other notifiers of a forked SUBSCRIBE may follow.
    | Gathering of until: Instant
    /// The dialogs are known; the subscription that reported them is being ended.
    | Parting of until: Instant
    | Over

/// The state of one audit, which `SipAudit` advances.
[<NoComparison; NoEquality>]
type SipAuditState =
    internal
        {
            Gateway: SipGateway
            Rng: Rng
            /// Our address for datagrams, HOST:PORT.
            Local: string
            Began: Instant
            /// The names of the record's connections.
            Known: Lazy<HashSet<ConnectionId>>
            Phase: SipPhase
            Ways: SipWays
            /// The subscription for which a notification came.
            Winner: Subscription voption
            Notifiers: Notifiers
            /// A fetch reported no dialogs, and a short subscription has to confirm that.
            Confirms: bool
            Leaving: Leaving
            /// The result, while the subscription is still being ended.
            Learnt: Snapshot voption
            LastReply: Instant voption
            /// How many messages were turned away, and what was wrong with the last one.
            TurnedAway: struct (int * string)
            Requests: int
            Strays: int
            Memory: SipMemory
            /// Commands of the present event, newest first.
            Outbox: Command list
        }

/// One audit of a gateway's dialogs: a fetch, which is a SUBSCRIBE with Expires 0 (RFC 6665 §4.4.3, RFC 4235). If the gateway does
/// not answer a fetch with its state, the audit uses a short subscription.
///
///   phase      event                                    next
///   Fetching   the stream opens                         a SUBSCRIBE over it
///              401, 407                                 the SUBSCRIBE again with credentials; refused: Over
///              400 or 423 to a fetch                    the SUBSCRIBE again for 60 s, or for as long as the 423 says
///              489, 400, with session descriptions      the SUBSCRIBE again without that parameter
///              513                                      the next way, else Over: too large
///              another final response that is no 2xx    Over: refused
///              2xx                                      nothing: the notification has to come
///              NOTIFY of this subscription              answered 200; Gathering
///              NOTIFY with another tag or event         answered 481 or 489, nothing else
///              no final response in time                Over: silent (over a stream: the next way)
///              2xx, and no notification in time         the next way, else Over: cut short
///              the stream breaks                        the next way, else Over
///   Gathering  NOTIFY                                   answered 200; Gathering a little longer
///              the time is up. It is extended, within   a fetch that reported no dialogs, the first time: Fetching by a
///              the gateway's patience, while a          short subscription; a subscription: Parting; else Over
///              notifier that answered before is missing
///   Parting    2xx and the last NOTIFY, or time is up   Over
///   Over       every event changes nothing
///
/// In every phase Stopped ends the audit. A datagram of another Call-ID is counted and dropped, because other exchanges share the
/// socket and answer their own messages. A stream belongs to this audit alone, so there such a message is answered 481.
module SipAudit =
    type State = SipAuditState

    /// What this audit leaves to the next exchange with the gateway.
    let memory (state: State) : SipMemory = state.Memory

    /// The number of messages so far that answered nothing we asked.
    let strays (state: State) : int = state.Strays

    /// Whether the audit has ended.
    let isOver (state: State) : bool = state.Phase = SipPhase.Over

    let private put (command: Command) (state: State) : State =
        { state with Outbox = command :: state.Outbox }

    let private stray (state: State) : State = { state with Strays = state.Strays + 1 }

    let private send (overStream: bool) (octets: byte[]) (state: State) : State =
        put (if overStream then Write octets else Send octets) state

    let private request (overStream: bool) (octets: byte[]) (state: State) : State =
        send overStream octets { state with Requests = state.Requests + 1 }

    /// Sends the SUBSCRIBE that was just made.
    let private sendNew (s: Subscription) (state: State) : State =
        match s.Request with
        | ValueSome waiting -> request s.IsStream waiting.Octets state
        | ValueNone -> state

    let private keep (attempt: Try) (state: State) : State =
        { state with Ways = SipWays.replace attempt state.Ways }

    let private create local isStream (now: Instant) (state: State) : struct (Subscription * State) =
        let expires =
            match state.Memory.Holds with
            | ValueSome seconds -> seconds
            | ValueNone when state.Confirms -> Subscription.ShortSeconds
            | ValueNone -> 0

        let struct (s, rng) =
            Subscription.create state.Gateway local isStream (not state.Memory.IsPlain) expires now state.Rng

        struct (s, { state with Rng = rng })

    /// Starts the next way, if one is left.
    let private openNext (now: Instant) (state: State) : State =
        let ways = state.Ways

        match ways.Left with
        | [] -> state
        | true :: rest ->
            let opening = Opening(now + state.Gateway.Patience)
            put Connect { state with Ways = { ways with Left = rest; Tries = opening :: ways.Tries } }
        | false :: rest ->
            let struct (s, state) = create state.Local false now state

            sendNew s { state with Ways = { ways with Left = rest; Tries = OnDatagrams s :: ways.Tries } }

    let private over (snapshot: Snapshot) (state: State) : State =
        put
            (Finished { snapshot with Requests = state.Requests })
            { state with Phase = SipPhase.Over; Ways = { state.Ways with Tries = [] } }

    let private snapshot
        (now: Instant)
        (reasons: Shortfall list)
        (state: State)
        : struct (Snapshot * SipMemory) =
        let asked =
            match state.Winner with
            | ValueSome s -> s.Began
            | ValueNone -> state.Began

        let answered = state.LastReply |> ValueOption.defaultValue now

        SipSnapshot.make
            state.Gateway
            state.Memory
            state.Known.Value.Contains
            asked
            answered
            state.Requests
            reasons
            (Notifiers.reports state.Notifiers)

    /// Ends the audit with what was learnt so far. A gateway that answered is not silent, whatever failed later.
    let private giveUp (now: Instant) (reasons: Shortfall list) (state: State) : State =
        let said reason =
            match reason with
            | Silent words when state.LastReply.IsSome -> CutShort words
            | other -> other

        let told =
            match state.Winner with
            | ValueSome s when not state.Notifiers.IsEmpty ->
                Notifiers.shortfalls s state.Memory.Notifiers state.Notifiers
            | ValueSome _
            | ValueNone -> []

        let isRefused =
            reasons
            |> List.exists (fun reason ->
                match reason with
                | Refused _ -> true
                | _ -> false)

        // A gateway that once needed a subscription may run other software by now, so that is forgotten.
        let state =
            if isRefused then
                { state with Memory = { state.Memory with Holds = ValueNone } }
            else
                state

        let struct (snapshot, memory) = snapshot now (List.map said reasons @ told) state
        over snapshot { state with Memory = memory }

    /// Ends a try that brought no notification, and starts the next way.
    let private failed (now: Instant) (attempt: Try) (why: Shortfall) (state: State) : State =
        let state = { state with Ways = SipWays.failed attempt why state.Ways } |> openNext now

        match state.Phase with
        | SipPhase.Fetching when state.Ways.Tries.IsEmpty -> giveUp now (List.rev state.Ways.Failures) state
        | SipPhase.Fetching
        | SipPhase.Gathering _
        | SipPhase.Parting _
        | SipPhase.Over -> state

    /// Asks again with a short subscription, over the same way, because the fetch reported no dialogs.
    let private confirm (now: Instant) (s: Subscription) (state: State) : State =
        let struct (next, state) =
            create
                s.Local
                s.IsStream
                now
                { state with Confirms = true; Notifiers = Notifiers.none; Winner = ValueNone }

        let ways = { state.Ways with Tries = List.map (Try.withSubscription next) state.Ways.Tries }
        sendNew next { state with Ways = ways; Phase = SipPhase.Fetching }

    /// How the gateway wants to be asked, judged by the subscription that worked.
    let private learn (s: Subscription) (state: State) : SipMemory =
        let hasDocument = state.Notifiers |> List.exists _.HasDocument
        let memory = state.Memory

        { memory with
            NeedsTcp = s.IsStream && state.Gateway.Transport = UdpThenTcp
            IsPlain = not s.WantsSession
            Holds =
                (if s.Expires > 0 && (hasDocument || not state.Confirms) then
                     ValueSome s.Expires
                 else
                     ValueNone)
            Fetches = memory.Fetches || (s.Expires = 0 && hasDocument) || (s.Expires > 0 && not hasDocument) }

    /// Whether a subscription may report more than this fetch, which reported no dialogs. That there are none is believed only if the
    /// gateway has answered a fetch with dialogs before, or has said the same in a subscription.
    let private mayTell (s: Subscription) (state: State) : bool =
        s.Expires = 0
        && Notifiers.isEmpty state.Notifiers
        && (not state.Memory.Fetches || state.Notifiers |> List.exists (fun told -> not told.Faults.IsEmpty))

    let private conclude (now: Instant) (state: State) : State =
        match state.Winner with
        | ValueNone -> giveUp now [] state
        | ValueSome s when mayTell s state -> confirm now s state
        | ValueSome s ->
            let reasons = Notifiers.shortfalls s state.Memory.Notifiers state.Notifiers
            let struct (snapshot, memory) = snapshot now reasons { state with Memory = learn s state }
            let state = { state with Memory = { memory with IsFresh = false } }
            let left = if s.Expires > 0 then Notifiers.subscriptions s state.Notifiers else []

            if left.IsEmpty then
                over snapshot state
            else
                let until = now + min state.Gateway.Timeout (TimeSpan.FromSeconds 1.0)
                let state = { state with Phase = SipPhase.Parting until; Learnt = ValueSome snapshot }

                (state, left)
                ||> List.fold (fun state s ->
                    let struct (leaving, octets, rng) =
                        Leaving.add state.Gateway now state.Rng s state.Leaving

                    request s.IsStream octets { state with Leaving = leaving; Rng = rng })

    let private response
        (now: Instant)
        (attempt: Try)
        (s: Subscription)
        status
        reason
        message
        (state: State)
        : State =
        let struct (verdict, rng) = Subscription.response state.Gateway now state.Rng status reason message s
        let state = { state with Rng = rng }

        let ours s =
            { keep (Try.withSubscription s attempt) state with
                LastReply = ValueSome now
                Winner =
                    (match state.Winner with
                     | ValueSome winner when winner.CallId = s.CallId -> ValueSome s
                     | other -> other) }

        match verdict with
        | NotOurs -> stray state
        | Waiting s
        | Accepted(s, _) -> ours s
        | Again s -> sendNew s (ours s)
        | Rejected(_, TooLarge words) ->
            failed now attempt (TooLarge words) { state with LastReply = ValueSome now }
        | Rejected(_, why) -> giveUp now [ why ] { state with LastReply = ValueSome now }

    /// How long to wait for further notifiers. The first audit waits longer, to find out how many there are.
    let private gathering (state: State) : TimeSpan =
        if state.Memory.IsFresh then SipTimers.t1 else SipTimers.forks

    let private notified
        (now: Instant)
        (attempt: Try)
        (s: Subscription)
        (notice: Notification)
        message
        state
        : State =
        let s = Subscription.enterByNotify notice.From message s
        let within = Interval.create (Instant.min s.Began now) now
        let notifiers = Notifiers.take within notice s state.Notifiers

        let state =
            keep (Try.withSubscription s attempt) state |> send s.IsStream (Notice.reply 200 "OK" message)

        if obj.ReferenceEquals(notifiers, state.Notifiers) then
            state
        else
            { state with
                Notifiers = notifiers
                // That there are this many notifiers stays true whatever becomes of this audit.
                Memory = { state.Memory with Notifiers = max state.Memory.Notifiers notifiers.Length }
                Winner = ValueSome s
                LastReply = ValueSome now
                Phase = SipPhase.Gathering(now + gathering state)
                Ways = SipWays.settle s state.Ways }

    let private turnAway (words: string) (state: State) : State =
        let struct (count, _) = state.TurnedAway
        stray { state with TurnedAway = struct (count + 1, words) }

    /// Takes in a message while subscriptions are being ended.
    let private parting (now: Instant) (isStream: bool) (message: SipMessage) (state: State) : State =
        match Leaving.take state.Gateway now state.Rng message state.Leaving with
        | ValueNone -> stray state
        | ValueSome(struct (leaving, sent, rng)) ->
            let state = { state with Leaving = leaving; Rng = rng }
            let state = (state, sent) ||> List.fold (fun state octets -> send isStream octets state)

            match state.Learnt with
            | ValueSome snapshot when Leaving.isOver leaving -> over snapshot state
            | ValueSome _
            | ValueNone -> state

    let private message
        (now: Instant)
        (attempt: Try)
        (s: Subscription)
        (message: SipMessage)
        (state: State)
        : State =
        match state.Phase, message.Start with
        | SipPhase.Parting _, _ -> parting now s.IsStream message state
        | _, SipStart.Response(status, reason) -> response now attempt s status reason message state
        | _, SipStart.Request("ACK", _) -> stray state
        | _, SipStart.Request _ ->
            match Notice.read message s with
            | Foreign when s.IsStream ->
                send true (Notice.reply 481 "Subscription Does Not Exist" message) state
                |> turnAway "a notification of another Call-ID"
            | Foreign -> turnAway "a notification of another Call-ID" state
            | Wrong(status, reason, words) ->
                send s.IsStream (Notice.reply status reason message) state |> turnAway words
            | Notice notice -> notified now attempt s notice message state

    let private received (now: Instant) (octets: byte[]) (state: State) : State =
        match SipWays.tryDatagrams state.Ways, SipCodec.decode octets with
        | Some(OnDatagrams s as attempt), Ok decoded -> message now attempt s decoded state
        | _ -> stray state

    let private unreadable (wrong: SipError) : Shortfall =
        match wrong.Problem with
        | BodyTooLarge octets -> TooLarge $"the gateway announces a message of {octets} octets"
        | _ -> Unreadable(string wrong)

    let private arrived (now: Instant) (octets: byte[]) (state: State) : State =
        match SipWays.tryStream state.Ways with
        | Some(OnStream(s, stream)) ->
            let struct (messages, outcome) = SipStream.feed octets stream
            let rest = outcome |> Result.defaultValue SipStream.empty

            let state =
                (keep (OnStream(s, rest)) state, messages)
                ||> List.fold (fun state decoded ->
                    match SipWays.tryStream state.Ways with
                    | Some(OnStream(s, _) as attempt) when state.Phase <> SipPhase.Over ->
                        message now attempt s decoded state
                    | _ -> state)

            match outcome, SipWays.tryStream state.Ways with
            | Error wrong, Some attempt -> failed now attempt (unreadable wrong) state
            | _ -> state
        | Some _
        | None -> stray state

    let private connected (now: Instant) (local: string) (state: State) : State =
        match SipWays.tryStream state.Ways with
        | Some(Opening _) ->
            let struct (s, state) = create local true now state
            sendNew s (keep (OnStream(s, SipStream.empty)) state)
        | Some _
        | None -> state

    let private broken (now: Instant) (reason: string) (state: State) : State =
        match state.Learnt, SipWays.tryStream state.Ways with
        // The dialogs are known already, and the subscription ended with the stream.
        | ValueSome snapshot, _ -> over snapshot state
        | ValueNone, Some(OnStream({ AcceptedAt = ValueSome _ }, _) as attempt) ->
            failed
                now
                attempt
                (CutShort $"the gateway accepted the SUBSCRIBE, then the stream ended: {reason}")
                state
        | ValueNone, Some(OnStream _ as attempt) ->
            failed now attempt (Silent $"the stream ended without an answer: {reason}") state
        | ValueNone, Some attempt -> failed now attempt (Silent $"no TCP connection: {reason}") state
        | ValueNone, None -> state

    let private unanswered (now: Instant) (state: State) : string =
        Silence.asked state.Requests "requests" state.Began now

    /// Why a notification may have failed to come.
    let private hint (s: Subscription) (state: State) : string =
        match state.TurnedAway with
        | struct (0, _) when s.IsStream -> "; it may send it to a connection of its own, which is not taken"
        | struct (0, _) -> "; beyond 64 kB it fits no datagram: TCP takes it"
        | struct (1, words) -> $"; {words} was turned away"
        | struct (count, words) -> $"; {count} messages were turned away, the last one {words}"

    /// Why nothing came over this way; ValueNone while there is still time.
    let private lateness (now: Instant) (state: State) (attempt: Try) : Shortfall voption =
        match attempt with
        | Opening deadline when deadline <= now -> ValueSome(Silent "no TCP connection in time")
        | Opening _ -> ValueNone
        | OnStream(s, _)
        | OnDatagrams s ->
            match s.AcceptedAt with
            | ValueSome at when at + state.Gateway.Patience <= now ->
                ValueSome(
                    CutShort
                        $"the SUBSCRIBE was accepted, but no notification came in {Silence.seconds at now} s{hint s state}"
                )
            | ValueNone when Subscription.isUnanswered now s ->
                ValueSome(Silent $"{unanswered now state}: wrong address or port, or the gateway is down")
            | ValueSome _
            | ValueNone -> ValueNone

    let private repeat (now: Instant) (state: State) (attempt: Try) : State =
        match attempt with
        | OnDatagrams s ->
            match Subscription.repeat now s with
            | struct (s, ValueSome octets) -> request false octets (keep (OnDatagrams s) state)
            | struct (_, ValueNone) -> state
        | Opening _
        | OnStream _ -> state

    /// A notifier that this server does not know yet may be missing: the record holds connections that no notifier has reported.
    let private mayMissOne (state: State) : bool =
        state.Memory.IsFresh
        && state.Known.Value.Count > 0
        && (let struct (snapshot, _) = snapshot state.Began [] state
            let told = HashSet(snapshot.Observations |> Seq.map _.Id)
            not (state.Known.Value.IsSubsetOf told))

    /// When the gathering ends if no other notification comes: later if a notifier still owes one.
    let private gathered (until: Instant) (state: State) : Instant =
        match state.Winner with
        | ValueSome s when Notifiers.isAwaited s state.Memory.Notifiers state.Notifiers || mayMissOne state ->
            Instant.max until ((s.AcceptedAt |> ValueOption.defaultValue s.Asked) + state.Gateway.Patience)
        | ValueSome _
        | ValueNone -> until

    let private late (now: Instant) (state: State) (attempt: Try) : State =
        match lateness now state attempt with
        | ValueSome why when state.Phase = SipPhase.Fetching ->
            match attempt, why with
            // A gateway that does not answer a datagram is not tried over a stream either.
            | OnDatagrams _, Silent _ when state.Ways.Tries.Length = 1 ->
                failed now attempt why { state with Ways = { state.Ways with Left = [] } }
            | _ -> failed now attempt why state
        | ValueSome _
        | ValueNone -> state

    let private woke (now: Instant) (state: State) : State =
        match state.Phase, state.Learnt with
        | SipPhase.Parting until, ValueSome snapshot when until <= now -> over snapshot state
        | SipPhase.Parting _, _ ->
            let struct (leaving, repeated) = Leaving.woke now state.Leaving

            ({ state with Leaving = leaving }, repeated)
            ||> List.fold (fun state octets -> request false octets state)
        | SipPhase.Gathering until, _ -> if gathered until state <= now then conclude now state else state
        | SipPhase.Fetching, _ ->
            let state = (state, state.Ways.Tries) ||> List.fold (repeat now)

            let state =
                if SipWays.isOverdue state.Gateway now state.Ways then
                    openNext now state
                else
                    state

            (state, state.Ways.Tries) ||> List.fold (late now)
        | SipPhase.Over, _ -> state

    let private stopped (now: Instant) (state: State) : State =
        match state.Phase, state.Learnt, state.LastReply with
        | _, ValueSome snapshot, _ -> over snapshot state
        | SipPhase.Gathering _, _, _ ->
            let told =
                match state.Winner with
                | ValueSome s when mayTell s state -> [ Cancelled ]
                | ValueSome s -> Notifiers.shortfalls s state.Memory.Notifiers state.Notifiers
                | ValueNone -> []

            let struct (snapshot, memory) = snapshot now told state
            over snapshot { state with Memory = memory }
        | _, _, ValueSome _ -> giveUp now [ Cancelled ] state
        | _, _, ValueNone -> giveUp now [ Silent(unanswered now state); Cancelled ] state

    let private wakeAt (state: State) : Instant =
        match state.Phase with
        | SipPhase.Gathering until -> gathered until state
        | SipPhase.Parting until -> Instant.min until (Leaving.wakeAt state.Leaving)
        | SipPhase.Fetching -> SipWays.wakeAt state.Gateway state.Ways
        | SipPhase.Over -> Instant.distantFuture

    /// How much memory the audit holds.
    let internal load (state: State) : Load =
        { Load.ofDatagrams with Unread = state.Ways.Tries |> List.sumBy Try.unread }

    let private commit (state: State) : State * Command list =
        let wake =
            match state.Phase with
            | SipPhase.Over -> ValueNone
            | SipPhase.Fetching
            | SipPhase.Gathering _
            | SipPhase.Parting _ -> ValueSome(wakeAt state)

        { state with Outbox = [] }, Command.inOrder state.Outbox wake

    /// Takes in one event. All of the commands are to be carried out before the next event. After the end nothing changes.
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

    /// Starts an audit with what an earlier exchange left (`SipMemory.none` if there was none), and gives its first commands.
    let start (gateway: SipGateway) (memory: SipMemory) (given: AuditStart) : State * Command list =
        let state: State =
            { Gateway = gateway
              Rng = given.Rng
              Local = given.Local
              Began = given.At.Steady
              Known = lazy (HashSet(given.Known |> Seq.map _.Id))
              Phase = SipPhase.Fetching
              Ways = SipWays.start gateway.Transport memory.NeedsTcp
              Winner = ValueNone
              Notifiers = Notifiers.none
              Confirms = false
              Leaving = Leaving.none
              Learnt = ValueNone
              LastReply = ValueNone
              TurnedAway = struct (0, "")
              Requests = 0
              Strays = 0
              Memory = memory
              Outbox = [] }

        commit (openNext given.At.Steady state)

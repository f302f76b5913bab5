namespace CallServer.Audit

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire

/// A standing subscription to a gateway's dialogs (RFC 6665 §4.1.2, RFC 4235 §4.3).
///
///   phase        event                                   next
///   Subscribing  the stream opens                        a SUBSCRIBE over it
///                401, 407, 423, a first 489              the SUBSCRIBE again as it is wanted
///                481 to a renewal                        a new subscription
///                another final response that is no 2xx   Over: refused
///                2xx                                     waits for the notification
///                no final response in time               Over
///                2xx, and no notification in time        over a stream, where allowed and not tried; else Over
///   Standing     its time to be renewed comes            SUBSCRIBE within the dialog; Subscribing
///   both         NOTIFY, next version or whole           told; Standing
///                NOTIFY, a version is missing            told as partial; SUBSCRIBE; Subscribing
///                NOTIFY, old version or a repeat         answered, nothing else
///                NOTIFY terminated: deactivated, timeout a new subscription
///                NOTIFY terminated: probation, giveup    Resting
///                NOTIFY terminated: another reason       Over
///                NOTIFY of a second notifier             Over: a fetch puts several together, this does not
///                the stream breaks                       Over
///   Resting      its time comes                          a new subscription
///   Over         every event changes nothing
///
/// More than five new subscriptions in a minute end it: the gateway does not keep them. Stopped ends it.
module SipWatch =
    open SipState
    open SipWatching

    type State = SipWatchState

    let strays (state: State) : int = state.Strays

    let isOver (state: State) : bool = state.Phase = SipWatchPhase.Over

    let private response (now: Instant) (s: Subscription) status reason message (state: State) : State =
        let struct (verdict, rng) = Subscription.response state.Gateway now state.Rng status reason message s
        let state = { state with Rng = rng }

        match verdict with
        | NotOurs -> { state with Strays = state.Strays + 1 }
        | Waiting s -> keep s { state with LastReply = ValueSome now }
        | Again s -> sendNew s (keep s { state with LastReply = ValueSome now })
        | Accepted(_, ValueSome 0) -> giveUp now (CutShort "the gateway keeps no subscriptions") state
        | Accepted(s, expires) ->
            // A notification that came before its 2xx is not owed any more.
            let owed = if state.Phase = SipWatchPhase.Standing then ValueNone else ValueSome now

            keep
                s
                { state with
                    LastReply = ValueSome now
                    Owed = owed
                    RefreshAt = refreshAt s.Asked (expires |> ValueOption.defaultValue s.Expires) }
        | Rejected(481, _) when s.RemoteTag.IsSome -> renew now { state with LastReply = ValueSome now }
        | Rejected(_, TooLarge _) when state.StreamLeft -> openStream now (afresh state)
        | Rejected(_, why) -> giveUp now why { state with LastReply = ValueSome now }

    /// The subscription's own state, after its document was taken in.
    let private continueBy (now: Instant) (s: Subscription) (told: SubscriptionState) (state: State) : State =
        match told with
        | SubscriptionState.Active(ValueSome 0) -> renew now state
        | SubscriptionState.Active(ValueSome seconds) when s.Request.IsNone ->
            { state with RefreshAt = Instant.min state.RefreshAt (refreshAt now seconds) }
        | SubscriptionState.Active _
        | SubscriptionState.Pending -> state
        | SubscriptionState.Terminated(("deactivated" | "timeout"), _) -> renew now state
        | SubscriptionState.Terminated(("probation" | "giveup"), retryAfter) ->
            let wait = retryAfter |> ValueOption.defaultValue 60 |> max 1 |> min 3600
            { state with Phase = SipWatchPhase.Resting(now + TimeSpan.FromSeconds(float wait)) }
        | SubscriptionState.Terminated(("rejected" | "noresource") as reason, _) ->
            giveUp now (Refused $"the gateway ended the subscription: {reason}") state
        | SubscriptionState.Terminated(reason, _) ->
            giveUp now (CutShort $"the gateway ended the subscription: {Sip.textOf reason}") state

    let private told (now: Instant) (reasons: Shortfall list) (view: DialogView) (state: State) : State =
        let state = { state with View = view; Phase = SipWatchPhase.Standing; Owed = ValueNone }
        let snapshot = snapshot now reasons state
        put (Told snapshot) { state with LastAsked = snapshot.Asked; LastAnswered = snapshot.Answered }

    let private documented (now: Instant) (s: Subscription) (notice: Notification) (state: State) : State =
        match notice.State, notice.Document with
        // What is told before anybody allowed it is not the state.
        | SubscriptionState.Pending, _ -> state
        | _, Error why -> giveUp now why state
        // The end of a subscription need not repeat the state.
        | SubscriptionState.Terminated _, Ok ValueNone -> state
        | SubscriptionState.Active _, Ok ValueNone -> told now [] (DialogView.nothing state.View) state
        | (SubscriptionState.Active _ | SubscriptionState.Terminated _), Ok(ValueSome info) ->
            match DialogView.apply (Interval.create (asked now s state) now) info state.View with
            | Applied view ->
                told now (if view.IsWhole then [] else [ SipSnapshot.partialDocument ]) view state
            | Gap view -> told now [ CutShort "a notification is missing" ] view state |> refresh now s
            | OldVersion -> { state with Phase = SipWatchPhase.Standing; Owed = ValueNone }

    let private notified
        (now: Instant)
        (s: Subscription)
        (notice: Notification)
        message
        (state: State)
        : State =
        let state = send s (Notice.reply 200 "OK" message) { state with LastReply = ValueSome now }

        match state.Notifier with
        | ValueSome tag when tag <> notice.From ->
            giveUp
                now
                (CutShort "several notifiers answer one subscription: polling puts them together")
                state
        | ValueSome _ when notice.CSeq <= state.LastCSeq -> state
        | ValueSome _
        | ValueNone ->
            let s = Subscription.enterByNotify notice.From message s

            let state =
                keep s { state with Notifier = ValueSome notice.From; LastCSeq = notice.CSeq }
                |> documented now s notice

            match state.Phase, current state with
            | SipWatchPhase.Over, _
            | _, ValueNone -> state
            | _, ValueSome s -> continueBy now s notice.State state

    let private message (now: Instant) (s: Subscription) (message: SipMessage) (state: State) : State =
        let stray (state: State) : State = { state with Strays = state.Strays + 1 }

        match message.Start with
        | SipStart.Response(status, reason) -> response now s status reason message state
        | SipStart.Request("ACK", _) -> stray state
        | SipStart.Request _ ->
            match Notice.read message s with
            | Foreign when s.IsStream ->
                stray (send s (Notice.reply 481 "Subscription Does Not Exist" message) state)
            | Foreign -> stray state
            | Wrong(status, reason) -> stray (send s (Notice.reply status reason message) state)
            | Notice notice -> notified now s notice message state

    let private received (now: Instant) (octets: byte[]) (state: State) : State =
        match state.Way, SipCodec.decode octets with
        | ValueSome(OnDatagrams s), Ok decoded -> message now s decoded state
        | _ -> { state with Strays = state.Strays + 1 }

    let private arrived (now: Instant) (octets: byte[]) (state: State) : State =
        match state.Way with
        | ValueSome(OnStream(s, stream)) ->
            let struct (messages, outcome) = SipStream.feed octets stream
            let rest = outcome |> Result.defaultValue SipStream.empty

            let state =
                ({ state with Way = ValueSome(OnStream(s, rest)) }, messages)
                ||> List.fold (fun state decoded ->
                    match state.Way with
                    | ValueSome(OnStream(s, _)) -> message now s decoded state
                    | ValueSome _
                    | ValueNone -> state)

            match outcome with
            | Error wrong when not (isOver state) -> giveUp now (Unreadable(string wrong)) state
            | Error _
            | Ok _ -> state
        | ValueSome _
        | ValueNone -> { state with Strays = state.Strays + 1 }

    let private connected (now: Instant) (local: string) (state: State) : State =
        match state.Way with
        | ValueSome(Opening _) ->
            let struct (s, rng) = create local true now state
            sendNew s { state with Rng = rng; Way = ValueSome(OnStream(s, SipStream.empty)) }
        | ValueSome _
        | ValueNone -> state

    let private broken (now: Instant) (reason: string) (state: State) : State =
        match state.Way with
        | ValueSome(Opening _) -> giveUp now (Silent $"no TCP connection: {reason}") state
        | ValueSome(OnStream _) -> giveUp now (CutShort $"the stream ended: {reason}") state
        | ValueSome(OnDatagrams _)
        | ValueNone -> state

    let private overdue (now: Instant) (state: State) : Shortfall voption =
        match state.Way, state.Owed with
        | ValueSome(Opening deadline), _ when deadline <= now -> ValueSome(Silent "no TCP connection in time")
        | ValueSome(Opening _), _ -> ValueNone
        | _, ValueSome at when at + state.Gateway.Patience <= now ->
            ValueSome(
                CutShort $"the SUBSCRIBE was accepted, but no notification came in {Silence.seconds at now} s"
            )
        | _ ->
            match current state with
            | ValueSome s when Subscription.isUnanswered now s ->
                ValueSome(Silent $"no answer to SUBSCRIBE in {Silence.seconds s.Asked now} s")
            | ValueSome _
            | ValueNone -> ValueNone

    let private woke (now: Instant) (state: State) : State =
        match state.Phase with
        | SipWatchPhase.Resting until -> if until <= now then renew now state else state
        | SipWatchPhase.Subscribing
        | SipWatchPhase.Standing ->
            match overdue now state, state.Way with
            | ValueSome(CutShort _), ValueSome(OnDatagrams _) when state.StreamLeft ->
                // Perhaps it fits no datagram.
                openStream now (afresh state)
            | ValueSome why, _ -> giveUp now why state
            | ValueNone, ValueSome(OnDatagrams s) ->
                match Subscription.repeat now s with
                | struct (s, ValueSome octets) ->
                    send s octets (keep s { state with Requests = state.Requests + 1 })
                | struct (s, ValueNone) -> if state.RefreshAt <= now then refresh now s state else state
            | ValueNone, ValueSome(OnStream(s, _)) ->
                if state.RefreshAt <= now then refresh now s state else state
            | ValueNone, (ValueSome(Opening _) | ValueNone) -> state
        | SipWatchPhase.Over -> state

    let private wakeAt (state: State) : Instant =
        let owed =
            match state.Owed with
            | ValueSome at -> at + state.Gateway.Patience
            | ValueNone -> Instant.distantFuture

        let way =
            match state.Way with
            | ValueSome(Opening deadline) -> deadline
            | ValueSome(OnStream(s, _))
            | ValueSome(OnDatagrams s) -> Subscription.wakeAt s
            | ValueNone -> Instant.distantFuture

        match state.Phase with
        | SipWatchPhase.Resting until -> until
        | SipWatchPhase.Subscribing
        | SipWatchPhase.Standing -> Instant.min owed (Instant.min way state.RefreshAt)
        | SipWatchPhase.Over -> Instant.distantFuture

    let private commit (state: State) : State * Command list =
        let commands = List.rev state.Outbox
        let wake = wakeAt state

        { state with Outbox = [] },
        (if isOver state || wake = Instant.distantFuture then
             commands
         else
             commands @ [ WakeAt wake ])

    /// One event in; all of its commands are to be carried out before the next.
    let advance (event: Event) (state: State) : State * Command list =
        let now = event.At.Steady

        match state.Phase, event with
        | SipWatchPhase.Over, _ -> state, []
        | _, Received(_, octets) -> commit (received now octets state)
        | _, Connected(_, local) -> commit (connected now local state)
        | _, Arrived(_, octets) -> commit (arrived now octets state)
        | _, Broken(_, reason) -> commit (broken now reason state)
        | _, Woke _ -> commit (woke now state)
        | _, Stopped _ -> commit (unsubscribe now state |> giveUp now Cancelled)

    let start (gateway: SipGateway) (given: AuditStart) : State * Command list =
        let now = given.At.Steady

        let state: State =
            afresh
                { Gateway = gateway
                  Rng = given.Rng
                  Local = given.Local
                  Began = now
                  Phase = SipWatchPhase.Subscribing
                  Way = ValueNone
                  StreamLeft = (gateway.Transport = UdpThenTcp)
                  View = DialogView.none
                  Notifier = ValueNone
                  LastCSeq = -1L
                  LastAsked = Instant.distantPast
                  LastAnswered = Instant.distantPast
                  Owed = ValueNone
                  RefreshAt = Instant.distantFuture
                  Renewals = []
                  LastReply = ValueNone
                  Requests = 0
                  Strays = 0
                  Outbox = [] }

        commit (
            match gateway.Transport with
            | OverTcp -> openStream now state
            | OverUdp
            | UdpThenTcp -> openDatagrams now state
        )

namespace CallServer.Protocols.Sip

open System
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// How far a watch has come.
type SipWatchPhase =
    /// A subscription is being made or renewed, and its full state has not come yet.
    | Subscribing
    /// The full state is known, and the notifier reports changes.
    | Standing
    /// The gateway accepts no subscription before then.
    | Resting of until: Instant
    | Over

/// The state of one watch, which `SipWatch` advances.
[<NoComparison; NoEquality>]
type SipWatchState =
    internal
        {
            Gateway: SipGateway
            /// How often the gateway is asked for its full state: as often as it would be polled.
            Every: TimeSpan
            Rng: Rng
            Local: string
            Began: Instant
            Phase: SipWatchPhase
            Way: Try voption
            /// A stream may still be tried.
            StreamLeft: bool
            View: Coherence
            Notifier: string voption
            LastCSeq: int64
            /// When the window of the last snapshot began: a later document was written later.
            LastAsked: Instant
            /// When that window ended.
            LastAnswered: Instant
            /// When the newest SUBSCRIBE was accepted; ValueNone once its notification has come.
            Owed: Instant voption
            RefreshAt: Instant
            /// When new subscriptions were made because the gateway ended the old ones, newest first, within the last minute.
            Renewals: Instant list
            /// Subscriptions that have been replaced and are being ended.
            Leaving: Leaving
            LastReply: Instant voption
            Requests: int
            Strays: int
            Memory: SipMemory
            /// Commands of the present event, newest first.
            Outbox: Command list
        }

/// A standing subscription to a gateway's dialogs (RFC 6665 §4.1.2, RFC 4235 §4.3).
///
///   phase        event                                   next
///   Subscribing  the stream opens                        a SUBSCRIBE over it
///                401, 407, 423, a first 400 or 489       the SUBSCRIBE again as the gateway wants it
///                481 to a renewal                        a new subscription
///                513, where a stream may be tried        a new subscription over a stream
///                another final response that is no 2xx   Over: refused
///                2xx                                     nothing: the notification has to come
///                2xx that grants 0 s                     Over
///                no final response in time               Over
///                2xx, and no notification in time        over a stream, where allowed and not tried; else Over
///   Standing     the time to renew comes                 SUBSCRIBE within the dialog; if nothing would show which NOTIFY
///                                                        answers it, a new subscription in place of the old one;
///                                                        Subscribing
///   Subscribing  2xx to a renewal, no notification in     a new subscription in place of the old one
///                time, but one before the 2xx
///   both         NOTIFY that was asked for, full         reported; Standing
///                NOTIFY that was asked for, partial, and Over: polling is as good
///                its version does not follow
///                NOTIFY of a change                      reported
///                NOTIFY that leaves out known dialogs    reported as partial; renewed soon
///                NOTIFY with a version gap               reported as partial; renewed soon
///                NOTIFY, a repeat or an earlier CSeq     answered, nothing else
///                NOTIFY terminated: deactivated, timeout a new subscription
///                NOTIFY terminated: probation, giveup    Resting
///                NOTIFY terminated: another reason       Over
///                NOTIFY of a second notifier             Over: a fetch combines several notifiers, a watch does not
///                the stream breaks                       Over
///   Resting      the time is up                          a new subscription
///   Over         every event changes nothing
///
/// More than five new subscriptions in a minute end the watch: the gateway does not keep them. Stopped ends it too.
module SipWatch =
    type State = SipWatchState

    /// The number of messages so far that answered nothing we asked.
    let strays (state: State) : int = state.Strays

    /// What this watch leaves to the next exchange with the gateway.
    let memory (state: State) : SipMemory = state.Memory

    /// Whether the watch has ended.
    let isOver (state: State) : bool = state.Phase = SipWatchPhase.Over

    /// Roughly how much memory a dialog takes, in octets.
    [<Literal>]
    let private DialogCost = 2048

    /// How much memory the watch holds.
    let internal load (state: State) : Load =
        let view = state.View
        let dialogs = view.Reports.Length + view.Doubted.Length + view.Earlier.Length
        let unread = state.Way |> ValueOption.map Try.unread |> ValueOption.defaultValue 0L
        { Unread = unread; Kept = ValueSome(unread + int64 DialogCost * int64 dialogs) }

    /// The shortest subscription that is asked for, in seconds; the gateway may grant less. If the watcher disappears, the gateway
    /// forgets the subscription after that time.
    [<Literal>]
    let private Expires = 300

    /// A notifier should notify no more often than this (RFC 4235 §3.10), and is asked no more often.
    let private pace = TimeSpan.FromSeconds 1.0

    [<Literal>]
    let private MaxRenewals = 5

    let private several = CutShort "several notifiers answer one subscription: polling puts them together"
    let private put command (state: State) : State = { state with Outbox = command :: state.Outbox }
    let private stray (state: State) : State = { state with Strays = state.Strays + 1 }

    let private send (s: Subscription) (octets: byte[]) (state: State) : State =
        put (if s.IsStream then Write octets else Send octets) state

    let private request (s: Subscription) (octets: byte[]) (state: State) : State =
        send s octets { state with Requests = state.Requests + 1 }

    let private sendNew (s: Subscription) (state: State) : State =
        match s.Request with
        | ValueSome waiting -> request s waiting.Octets state
        | ValueNone -> state

    let private current (state: State) : Subscription voption = state.Way |> ValueOption.bind Try.subscription

    let private keep (s: Subscription) (state: State) : State =
        { state with Way = state.Way |> ValueOption.map (Try.withSubscription s) }

    /// Whether the notification was written after the newest SUBSCRIBE: it came to the address that only this SUBSCRIBE gave, or it
    /// followed the 2xx on a stream, where nothing is overtaken.
    let private followsRequest (s: Subscription) (notice: Notification) : bool =
        notice.Round = s.Round || (s.IsStream && s.AcceptedAt.IsSome && s.Request.IsNone)

    /// When the window of a document begins. The notifier read the document after its subscription was first asked for, and not
    /// before a sender may have begun to send it: at most 32 s before it came, for then the notifier gives up (RFC 3261 §17.1.2.2,
    /// timer F). If the document provably follows the newest SUBSCRIBE, it was read after that. The latest of these moments counts.
    /// Windows of one watch overlap, and yet each snapshot says what was true after the one before, because CSeq only grows.
    let private asked (now: Instant) (s: Subscription) (notice: Notification) (state: State) : Instant =
        let proven = if followsRequest s notice then s.Asked else s.Began
        let proven = Instant.max proven state.LastAsked
        Instant.min now (Instant.max proven (now - SipTimers.giveUp))

    let private make (asked: Instant) (answered: Instant) reasons reports (state: State) =
        SipSnapshot.make
            state.Gateway
            state.Memory
            (fun _ -> false)
            asked
            answered
            state.Requests
            reasons
            reports

    /// Ends the watch. What was reported stays valid; this only says why nothing more comes.
    let private giveUp (now: Instant) (why: Shortfall) (state: State) : State =
        let why =
            match why with
            | Silent words when state.LastReply.IsSome -> CutShort words
            | other -> other

        let struct (last, _) = make state.Began now [ why ] [||] state

        let memory =
            match why with
            | Cancelled -> state.Memory
            | _ -> { state.Memory with FollowsContact = ValueNone }

        put (Finished last) { state with Phase = SipWatchPhase.Over; Way = ValueNone; Memory = memory }

    /// Ends the subscription without waiting for an answer.
    let private unsubscribe (now: Instant) (state: State) : State =
        match current state with
        | ValueSome s when s.RemoteTag.IsSome ->
            let struct (s, rng) = Subscription.ask state.Gateway now state.Rng { s with Expires = 0 }
            sendNew s { state with Rng = rng }
        | ValueSome _
        | ValueNone -> state

    /// A new subscription like the last one: what the gateway did not accept is not tried again.
    let private create local isStream (now: Instant) (state: State) : struct (Subscription * State) =
        let wantsSession =
            match current state with
            | ValueSome s -> s.WantsSession
            | ValueNone -> not state.Memory.IsPlain

        let expires = int (min 3600.0 (3.0 * state.Every.TotalSeconds)) |> max Expires

        let struct (s, rng) =
            Subscription.create state.Gateway local isStream wantsSession expires now state.Rng

        struct (s, { state with Rng = rng })

    let private openDatagrams (now: Instant) (state: State) : State =
        let struct (s, state) = create state.Local false now state
        sendNew s { state with Way = ValueSome(OnDatagrams s) }

    let private openStream (now: Instant) (state: State) : State =
        let way = ValueSome(Opening(now + state.Gateway.Patience))
        put Connect { state with Way = way; StreamLeft = false }

    /// Prepares for a new subscription, in which the notifier sends its full state with versions of its own.
    let private afresh (state: State) : State =
        { state with
            Phase = SipWatchPhase.Subscribing
            View = Coherence.anew state.View
            Notifier = ValueNone
            LastCSeq = -1L
            Owed = ValueNone
            RefreshAt = Instant.distantFuture }

    /// Makes a new subscription over the same way as the old one.
    let private replace (now: Instant) (state: State) : State =
        let state = afresh state

        match state.Way with
        | ValueSome(OnStream(old, stream)) ->
            let struct (s, state) = create old.Local true now state
            sendNew s { state with Way = ValueSome(OnStream(s, stream)) }
        | ValueSome(OnDatagrams _) -> openDatagrams now state
        | ValueSome(Opening _)
        | ValueNone -> state

    /// Makes a new subscription because the gateway ended the old one; gives up after too many.
    let private renew (now: Instant) (state: State) : State =
        let recent = state.Renewals |> List.filter (fun at -> now - at < TimeSpan.FromMinutes 1.0)

        if recent.Length >= MaxRenewals then
            giveUp now (CutShort "the gateway ends every subscription") state
        else
            replace now { state with Renewals = now :: recent }

    /// Nothing shows which notification answers a renewal: over datagrams, if the notifier keeps our first Contact; over a stream, if
    /// it notifies before the 2xx and is not known to use the newest Contact.
    let private hidesAnswers (s: Subscription) (memory: SipMemory) : bool =
        if s.IsStream then
            memory.NotifiesFirst && memory.FollowsContact <> ValueSome true
        else
            memory.FollowsContact = ValueSome false

    /// Over datagrams, a notification that came between a renewal and its 2xx may have been the answer, as long as nobody knows
    /// whether the notifier uses the newest Contact. No other may follow.
    let private mayHaveAnswered (s: Subscription) (state: State) : bool =
        not s.IsStream && state.Memory.FollowsContact.IsNone && state.LastAnswered >= s.Asked

    /// Ends this subscription and makes a new one.
    let private anew (now: Instant) (s: Subscription) (state: State) : State =
        let struct (leaving, octets, rng) = Leaving.add state.Gateway now state.Rng s state.Leaving
        request s octets { state with Leaving = leaving; Rng = rng } |> replace now

    /// Asks for the full state again: by a renewal, or by a new subscription if a renewal would not show what was written after it.
    let private refresh (now: Instant) (s: Subscription) (state: State) : State =
        if s.Request.IsSome then
            state
        elif hidesAnswers s state.Memory then
            anew now s state
        else
            let struct (s, rng) = Subscription.renew state.Gateway now state.Rng s

            sendNew
                s
                (keep
                    s
                    { state with
                        Rng = rng
                        Phase = SipWatchPhase.Subscribing
                        RefreshAt = Instant.distantFuture })

    /// When to renew: at the gateway's interval, but in time before the subscription ends.
    let private refreshAt (from: Instant) (seconds: int) (state: State) : Instant =
        let half = TimeSpan.FromSeconds(float seconds / 2.0)
        from + min half (max pace state.Every)

    /// Renews sooner than planned, but no sooner than a notifier should be asked.
    let private hasten (now: Instant) (state: State) : State =
        match current state with
        | ValueSome s ->
            { state with RefreshAt = Instant.min state.RefreshAt (Instant.max now (s.Asked + pace)) }
        | ValueNone -> state

    /// If nothing shows which notification answers a renewal, a new subscription is made at once.
    let private orAnew (now: Instant) (state: State) : State =
        match state.Phase, current state with
        | SipWatchPhase.Subscribing, ValueSome s when s.Round > 0 && hidesAnswers s state.Memory ->
            refresh now s state
        | _ -> state

    let private response (now: Instant) (s: Subscription) status reason message (state: State) : State =
        let struct (verdict, rng) = Subscription.response state.Gateway now state.Rng status reason message s
        let state = { state with Rng = rng }

        match verdict with
        | NotOurs -> stray state
        | Waiting s -> keep s { state with LastReply = ValueSome now }
        | Again s -> sendNew s (keep s { state with LastReply = ValueSome now })
        | Accepted(_, ValueSome 0) -> giveUp now (CutShort "the gateway keeps no subscriptions") state
        | Accepted(s, expires) ->
            // If the notification came before its 2xx, it is no longer owed.
            let owed = if state.Phase = SipWatchPhase.Standing then ValueNone else ValueSome now

            keep
                s
                { state with
                    LastReply = ValueSome now
                    Owed = owed
                    RefreshAt =
                        refreshAt s.Asked (expires |> ValueOption.defaultValue s.Expires) state
                        |> Instant.min state.RefreshAt }
            |> orAnew now
        | Rejected(481, _) when s.RemoteTag.IsSome -> renew now { state with LastReply = ValueSome now }
        | Rejected(_, TooLarge _) when state.StreamLeft -> openStream now (afresh state)
        | Rejected(_, why) -> giveUp now why { state with LastReply = ValueSome now }

    /// Acts on the state of the subscription itself, after its document was taken in.
    let private continueBy (now: Instant) (s: Subscription) (told: SubscriptionState) (state: State) : State =
        match told with
        | SubscriptionState.Active(ValueSome 0) -> renew now state
        | SubscriptionState.Active(ValueSome seconds) when s.Request.IsNone ->
            { state with RefreshAt = Instant.min state.RefreshAt (refreshAt now seconds state) }
        | SubscriptionState.Active _
        | SubscriptionState.Pending -> state
        | SubscriptionState.Terminated(("deactivated" | "timeout"), _) -> renew now state
        | SubscriptionState.Terminated(("probation" | "giveup"), retryAfter) ->
            let wait = retryAfter |> ValueOption.defaultValue 60 |> max 1 |> min 3600
            { state with Phase = SipWatchPhase.Resting(now + TimeSpan.FromSeconds(float wait)) }
        | SubscriptionState.Terminated(("rejected" | "noresource") as reason, _) ->
            giveUp now (Refused(RefusalCause.Unsaid, $"the gateway ended the subscription: {reason}")) state
        | SubscriptionState.Terminated(reason, _) ->
            giveUp now (CutShort $"the gateway ended the subscription: {Sip.textOf reason}") state

    /// Whether a document is what we asked for, or an update.
    let private placeOf (s: Subscription) (notice: Notification) (state: State) : DocumentPlace =
        let isAnswer =
            notice.Round = s.Round || (followsRequest s notice && not (hidesAnswers s state.Memory))

        if state.Phase = SipWatchPhase.Subscribing && isAnswer then
            DocumentPlace.Answer
        else
            DocumentPlace.Update

    /// Learns from a notification whether the notifier uses our newest Contact.
    let private followed (s: Subscription) (notice: Notification) (memory: SipMemory) : SipMemory =
        if s.Round = 0 then
            memory
        elif notice.Round = s.Round then
            { memory with FollowsContact = ValueSome true }
        elif s.IsStream then
            { memory with NotifiesFirst = memory.NotifiesFirst || s.Request.IsSome }
        elif s.Request.IsNone && memory.FollowsContact.IsNone then
            { memory with FollowsContact = ValueSome false }
        else
            memory

    /// Reports a snapshot of the view, and notes its window.
    let private told
        (now: Instant)
        (asked: Instant)
        (place: DocumentPlace)
        reasons
        view
        (state: State)
        : State =
        // Two notifications can come in one piece of a stream; each is newer than the one before.
        let answered = Instant.max now (Instant.ofMicros (state.LastAnswered.Micros + 1L))

        // A partial state says nothing about the dialogs that it leaves out: they have not been heard of since.
        let reports =
            if List.isEmpty reasons then
                view.Reports
            else
                view.Reports |> Array.filter (fun report -> report.Within.Earliest >= asked)

        let struct (snapshot, memory) = make asked answered reasons (Array.append reports view.Over) state

        let isAnswer = place = DocumentPlace.Answer

        put
            (Told { snapshot with Standing = ValueSome state.Began })
            { state with
                View = view
                Memory = memory
                Phase = (if isAnswer then SipWatchPhase.Standing else state.Phase)
                Owed = (if isAnswer then ValueNone else state.Owed)
                LastAsked = asked
                LastAnswered = answered }

    let private doubt (view: Coherence) : Shortfall list =
        match view.Doubted.Length with
        | 0 -> []
        | count -> [ CutShort $"a notification leaves out {count} dialogs without saying that they ended" ]

    let private documented (now: Instant) (s: Subscription) (notice: Notification) (state: State) : State =
        let state = { state with Memory = followed s notice state.Memory }
        let place = placeOf s notice state
        let asked = asked now s notice state
        let tell reasons view state = told now asked place reasons view state

        let apply (info: DialogInfo) =
            match
                Coherence.apply place state.Memory.LeavesOut (Interval.create asked now) info state.View
            with
            | Stuck ->
                giveUp now (CutShort "asked for its whole state, the gateway tells an old part of it") state
            | Gap view -> tell [ CutShort "a notification is missing" ] view state |> hasten now
            | Applied view ->
                let leavesOut = state.Memory.LeavesOut || Coherence.hasLeftOut state.View view
                let state = { state with Memory = { state.Memory with LeavesOut = leavesOut } }
                let whole = if view.IsWhole then [] else [ SipSnapshot.partialDocument ]
                let state = tell (whole @ doubt view) view state
                if view.Doubted.Length > 0 then hasten now state else state

        match notice.State, notice.Document with
        // Before the subscription is authorized, a document is not the state.
        | SubscriptionState.Pending, _ -> state
        | _, Error why -> giveUp now why state
        // The notification that ends a subscription need not repeat the state.
        | SubscriptionState.Terminated _, Ok ValueNone -> state
        | SubscriptionState.Active _, Ok ValueNone -> apply Coherence.nothing
        | (SubscriptionState.Active _ | SubscriptionState.Terminated _), Ok(ValueSome info) -> apply info

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
                several
                { state with Memory = { state.Memory with Notifiers = max 2 state.Memory.Notifiers } }
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
            | _, ValueSome s -> continueBy now s notice.State state |> orAnew now

    let private message (now: Instant) (s: Subscription) (message: SipMessage) (state: State) : State =
        match Leaving.take state.Gateway now state.Rng message state.Leaving with
        | ValueSome(struct (leaving, sent, rng)) ->
            let leaving = leaving |> List.filter (fun one -> not (one.IsAnswered && one.IsNotified))
            let state = { state with Leaving = leaving; Rng = rng }
            (state, sent) ||> List.fold (fun state octets -> send s octets state)
        | ValueNone ->
            match message.Start with
            | SipStart.Response(status, reason) -> response now s status reason message state
            | SipStart.Request("ACK", _) -> stray state
            | SipStart.Request _ ->
                match Notice.read message s with
                | Foreign when s.IsStream ->
                    stray (send s (Notice.reply 481 "Subscription Does Not Exist" message) state)
                | Foreign -> stray state
                | Wrong(status, reason, _) -> stray (send s (Notice.reply status reason message) state)
                | Notice notice -> notified now s notice message state

    let private received (now: Instant) (octets: byte[]) (state: State) : State =
        match state.Way, SipCodec.decode octets with
        | ValueSome(OnDatagrams s), Ok decoded -> message now s decoded state
        | _ -> stray state

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
        | ValueNone -> stray state

    let private connected (now: Instant) (local: string) (state: State) : State =
        match state.Way with
        | ValueSome(Opening _) ->
            let struct (s, state) = create local true now state
            sendNew s { state with Way = ValueSome(OnStream(s, SipStream.empty)) }
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

    let private endOthers (now: Instant) (state: State) : State =
        let struct (leaving, repeated) = Leaving.woke now state.Leaving

        match current state with
        | ValueSome s ->
            ({ state with Leaving = leaving }, repeated)
            ||> List.fold (fun state octets -> request s octets state)
        | ValueNone -> { state with Leaving = leaving }

    /// When to renew; never while an answer is awaited.
    let private renewsAt (state: State) : Instant =
        match state.Phase, current state with
        | SipWatchPhase.Standing, ValueSome { Request = ValueNone } -> state.RefreshAt
        | _ -> Instant.distantFuture

    let private woke (now: Instant) (state: State) : State =
        let state = endOthers now state

        match state.Phase with
        | SipWatchPhase.Resting until -> if until <= now then renew now state else state
        | SipWatchPhase.Subscribing
        | SipWatchPhase.Standing ->
            match overdue now state, state.Way with
            | ValueSome(CutShort _), ValueSome(OnDatagrams s) when s.Round > 0 && mayHaveAnswered s state ->
                anew now s state
            | ValueSome(CutShort _), ValueSome(OnDatagrams _) when state.StreamLeft ->
                // The notification may be too large for a datagram.
                openStream now (afresh state)
            | ValueSome why, _ -> giveUp now why state
            | ValueNone, ValueSome(OnDatagrams s) ->
                match Subscription.repeat now s with
                | struct (s, ValueSome octets) -> request s octets (keep s state)
                | struct (s, ValueNone) -> if renewsAt state <= now then refresh now s state else state
            | ValueNone, ValueSome(OnStream(s, _)) ->
                if renewsAt state <= now then refresh now s state else state
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
        | SipWatchPhase.Standing ->
            [ owed; way; renewsAt state; Leaving.wakeAt state.Leaving ] |> List.reduce Instant.min
        | SipWatchPhase.Over -> Instant.distantFuture

    let private commit (state: State) : State * Command list =
        let wake =
            match wakeAt state with
            | at when isOver state || at = Instant.distantFuture -> ValueNone
            | at -> ValueSome at

        { state with Outbox = [] }, Command.inOrder state.Outbox wake

    /// Takes in one event. All of the commands are to be carried out before the next event. After the end nothing changes.
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

    /// Starts a watch with what an earlier exchange left (`SipMemory.none` if there was none), and gives its first commands. The gateway
    /// is asked for its full state once in every interval.
    let start
        (gateway: SipGateway)
        (memory: SipMemory)
        (every: TimeSpan)
        (given: AuditStart)
        : State * Command list =
        let now = given.At.Steady

        let state: State =
            afresh
                { Gateway = gateway
                  Every = every
                  Rng = given.Rng
                  Local = given.Local
                  Began = now
                  Phase = SipWatchPhase.Subscribing
                  Way = ValueNone
                  StreamLeft = (gateway.Transport = UdpThenTcp)
                  View = Coherence.none
                  Notifier = ValueNone
                  LastCSeq = -1L
                  LastAsked = Instant.distantPast
                  LastAnswered = Instant.distantPast
                  Owed = ValueNone
                  RefreshAt = Instant.distantFuture
                  Renewals = []
                  Leaving = Leaving.none
                  LastReply = ValueNone
                  Requests = 0
                  Strays = 0
                  Memory = memory
                  Outbox = [] }

        commit (
            match gateway.Transport with
            | _ when memory.Notifiers > 1 -> giveUp now several state
            | OverTcp -> openStream now state
            | UdpThenTcp when memory.NeedsTcp -> openStream now state
            | OverUdp
            | UdpThenTcp -> openDatagrams now state
        )

namespace CallServer.Audit

open System
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire

type SipWatchPhase =
    /// A subscription is being made or renewed, and its notification has not come.
    | Subscribing
    /// The state is known, and is told anew when it changes.
    | Standing
    /// The gateway wants no subscription before then.
    | Resting of until: Instant
    | Over

[<NoComparison; NoEquality>]
type SipWatchState =
    internal
        {
            Gateway: SipGateway
            Rng: Rng
            Local: string
            Began: Instant
            Phase: SipWatchPhase
            Way: Try voption
            /// Another way is left: over a stream.
            StreamLeft: bool
            View: DialogView
            Notifier: string voption
            LastCSeq: int64
            /// Where the last window began that was told: a later document was read later.
            LastAsked: Instant
            /// Where it ended.
            LastAnswered: Instant
            /// When the newest SUBSCRIBE was accepted, until its notification came.
            Owed: Instant voption
            RefreshAt: Instant
            /// When subscriptions were made anew, newest first, of the last minute.
            Renewals: Instant list
            LastReply: Instant voption
            Requests: int
            Strays: int
            Outbox: Command list
        }

/// What a watch does, whatever happened; the table of transitions is at the top of SipWatch.
module internal SipWatching =
    open SipState

    /// Seconds asked for; the gateway may grant fewer. One that loses its watcher forgets it after that long.
    [<Literal>]
    let private Expires = 300

    /// A subscription is renewed this often, which has the gateway tell its whole state again (RFC 6665 §4.2.1.2):
    /// in place of polling, and slower.
    let private refreshEvery = TimeSpan.FromSeconds 60.0

    [<Literal>]
    let private MaxRenewals = 5

    let put command (state: SipWatchState) : SipWatchState = { state with Outbox = command :: state.Outbox }

    let send (s: Subscription) (octets: byte[]) (state: SipWatchState) : SipWatchState =
        put (if s.IsStream then Write octets else Send octets) state

    let sendNew (s: Subscription) (state: SipWatchState) : SipWatchState =
        match s.Request with
        | ValueSome request -> send s request.Octets { state with Requests = state.Requests + 1 }
        | ValueNone -> state

    let keep (s: Subscription) (state: SipWatchState) : SipWatchState =
        { state with
            Way =
                (match state.Way with
                 | ValueSome(OnStream(_, stream)) -> ValueSome(OnStream(s, stream))
                 | ValueSome(OnDatagrams _) -> ValueSome(OnDatagrams s)
                 | ValueSome(Opening _)
                 | ValueNone -> state.Way) }

    let current (state: SipWatchState) : Subscription voption = state.Way |> ValueOption.bind subscriptionOf

    /// What a document tells was read after its subscription was first asked for, and no earlier than a sender may
    /// have begun to send it: 32 s before it came, for then the notifier gives up (RFC 3261 §17.1.2.2, timer F).
    /// A later SUBSCRIBE of the same dialog bounds it only over a stream, where nothing is overtaken: what follows
    /// the 2xx there was written after it. The latest of these is the beginning of the snapshot's window. Windows of
    /// one watch overlap, and yet each tells what was true after the one before: versions and CSeq only grow.
    let asked (now: Instant) (s: Subscription) (state: SipWatchState) : Instant =
        let proven =
            if s.IsStream && s.AcceptedAt.IsSome && s.Request.IsNone then
                s.Asked
            else
                s.Began

        let proven = Instant.max proven state.LastAsked
        Instant.min now (Instant.max proven (now - SipTimers.giveUp))

    let snapshot (now: Instant) (reasons: Shortfall list) (state: SipWatchState) : Snapshot =
        let asked =
            match current state with
            | ValueSome s -> asked now s state
            | ValueNone -> state.Began

        // Two notifications can come in one piece of a stream, and each is newer than the one before.
        let answered = Instant.max now (Instant.ofMicros (state.LastAnswered.Micros + 1L))

        { SipSnapshot.make state.Gateway asked answered state.Requests reasons state.View.Reports with
            Standing = ValueSome state.Began }

    /// Over. What was told stays told; this says only why nothing more comes.
    let giveUp (now: Instant) (why: Shortfall) (state: SipWatchState) : SipWatchState =
        let why =
            match why with
            | Silent words when state.LastReply.IsSome -> CutShort words
            | other -> other

        let last = SipSnapshot.make state.Gateway state.Began now state.Requests [ why ] [||]
        put (Finished last) { state with Phase = SipWatchPhase.Over; Way = ValueNone }

    /// Whoever watches no longer says so, and waits for no answer.
    let unsubscribe (now: Instant) (state: SipWatchState) : SipWatchState =
        match current state with
        | ValueSome s when s.RemoteTag.IsSome ->
            let struct (s, rng) = Subscription.ask state.Gateway now state.Rng { s with Expires = 0 }
            sendNew s { state with Rng = rng }
        | ValueSome _
        | ValueNone -> state

    /// Like the last one: what the gateway would not take is not tried again.
    let create local isStream (now: Instant) (state: SipWatchState) =
        let wantsSession =
            match current state with
            | ValueSome s -> s.WantsSession
            | ValueNone -> true

        Subscription.create state.Gateway local isStream wantsSession Expires now state.Rng

    let openDatagrams (now: Instant) (state: SipWatchState) : SipWatchState =
        let struct (s, rng) = create state.Local false now state
        sendNew s { state with Rng = rng; Way = ValueSome(OnDatagrams s) }

    let openStream (now: Instant) (state: SipWatchState) : SipWatchState =
        let way = ValueSome(Opening(now + state.Gateway.Patience))
        put Connect { state with Way = way; StreamLeft = false }

    /// Nothing is known of the notifier any more.
    let afresh (state: SipWatchState) : SipWatchState =
        { state with
            Phase = SipWatchPhase.Subscribing
            View = DialogView.none
            Notifier = ValueNone
            LastCSeq = -1L
            Owed = ValueNone
            RefreshAt = Instant.distantFuture }

    /// A new subscription on the way of the old one.
    let renew (now: Instant) (state: SipWatchState) : SipWatchState =
        let recent = state.Renewals |> List.filter (fun at -> now - at < TimeSpan.FromMinutes 1.0)

        if recent.Length >= MaxRenewals then
            giveUp now (CutShort "the gateway ends every subscription") state
        else
            let state = afresh { state with Renewals = now :: recent }

            match state.Way with
            | ValueSome(OnStream(old, stream)) ->
                let struct (s, rng) = create old.Local true now state
                sendNew s { state with Rng = rng; Way = ValueSome(OnStream(s, stream)) }
            | ValueSome(OnDatagrams _) -> openDatagrams now state
            | ValueSome(Opening _)
            | ValueNone -> state

    /// A SUBSCRIBE within the dialog: the gateway tells its whole state again.
    let refresh (now: Instant) (s: Subscription) (state: SipWatchState) : SipWatchState =
        if s.Request.IsSome then
            state
        else
            let struct (s, rng) = Subscription.ask state.Gateway now state.Rng s

            let state =
                { state with
                    Rng = rng
                    Phase = SipWatchPhase.Subscribing
                    RefreshAt = Instant.distantFuture }

            sendNew s (keep s state)

    /// In time before the subscription ends.
    let refreshAt (from: Instant) (seconds: int) : Instant =
        let half = TimeSpan.FromSeconds(float seconds / 2.0)
        from + (if half < refreshEvery then half else refreshEvery)

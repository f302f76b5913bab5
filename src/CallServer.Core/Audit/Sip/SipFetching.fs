namespace CallServer.Audit

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire

/// What a fetch makes of the ways it takes and of what comes by them; the table of transitions is at the top of SipAudit.
module internal SipFetching =
    open SipState

    /// How long a notification is waited for after the 2xx. Where there is another way, it is tried sooner.
    let notifyWait (state: SipAuditState) : TimeSpan =
        if state.Left.IsEmpty then
            state.Gateway.Patience
        else
            min state.Gateway.Timeout state.Gateway.Patience

    let create local isStream (now: Instant) (state: SipAuditState) =
        Subscription.create state.Gateway local isStream (not state.Memory.IsPlain) 0 now state.Rng

    let openDatagrams (now: Instant) (state: SipAuditState) : SipAuditState =
        let struct (s, rng) = create state.Local false now state
        sendNew s { state with Rng = rng; Tries = OnDatagrams s :: state.Tries }

    let openStream (now: Instant) (state: SipAuditState) : SipAuditState =
        let deadline = now + state.Gateway.Patience
        put Connect { state with Tries = Opening deadline :: state.Tries }

    /// The next way, where one is left.
    let openNext (now: Instant) (state: SipAuditState) : SipAuditState =
        match state.Left with
        | [] -> state
        | true :: rest -> openStream now { state with Left = rest }
        | false :: rest -> openDatagrams now { state with Left = rest }

    /// A try is over, and did not tell.
    let failed (now: Instant) (attempt: Try) (why: Shortfall) (state: SipAuditState) : SipAuditState =
        let state =
            { state with
                Tries = state.Tries |> List.filter (fun one -> isStream one <> isStream attempt)
                Failures = why :: state.Failures }
            |> openNext now

        match state.Phase with
        | SipPhase.Fetching when state.Tries.IsEmpty -> giveUp now (List.rev state.Failures) state
        | SipPhase.Fetching
        | SipPhase.Gathering _
        | SipPhase.Over -> state

    let response
        (now: Instant)
        (attempt: Try)
        (s: Subscription)
        status
        reason
        message
        (state: SipAuditState)
        : SipAuditState =
        let struct (verdict, rng) = Subscription.response state.Gateway now state.Rng status reason message s
        let state = { state with Rng = rng }

        let keep s =
            match attempt with
            | OnStream(_, stream) -> replace attempt (OnStream(s, stream)) state
            | OnDatagrams _ -> replace attempt (OnDatagrams s) state
            | Opening _ -> state

        let ours s =
            { keep s with
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

    /// What a notification tells, taken into what its sender told before.
    let take (now: Instant) (s: Subscription) (notice: Notification) (known: Told) : Told =
        let known = { known with Seen = known.Seen.Add notice.CSeq }
        let within = Interval.create (Instant.min s.Began now) now

        let view, faults =
            match notice.State, notice.Document with
            | SubscriptionState.Pending, _ ->
                known.View, [ Refused "nobody at the gateway has allowed this subscription yet" ]
            | SubscriptionState.Terminated("rejected", _), _ ->
                known.View, [ Refused "the gateway rejected the subscription" ]
            | _, Error why -> known.View, [ why ]
            | _, Ok(ValueSome info) ->
                match DialogView.apply within info known.View with
                | Applied view
                | Gap view -> view, []
                | OldVersion -> known.View, known.Faults
            | SubscriptionState.Terminated(("noresource" as reason), _), Ok ValueNone ->
                known.View, [ Refused $"the gateway ended the subscription: {reason}" ]
            | SubscriptionState.Terminated(reason, _), Ok ValueNone when
                reason <> "" && reason <> "timeout" && not known.View.IsWhole
                ->
                known.View, [ CutShort $"the gateway ended the subscription: {Sip.textOf reason}" ]
            | (SubscriptionState.Active _ | SubscriptionState.Terminated _), Ok ValueNone ->
                // After a document, the notification that ends the subscription need not repeat it.
                (if known.View.IsWhole then known.View else DialogView.nothing known.View), known.Faults

        { known with View = view; Faults = faults }

    let notified
        (now: Instant)
        (s: Subscription)
        (notice: Notification)
        message
        (state: SipAuditState)
        : SipAuditState =
        let known =
            state.Told
            |> List.tryFind (fun told -> told.Tag = notice.From)
            |> Option.defaultValue
                { Tag = notice.From; View = DialogView.none; Faults = []; Seen = Set.empty }

        let state = send s.IsStream (Notice.reply 200 "OK" message) state

        if known.Seen.Contains notice.CSeq then
            state
        else
            let told = take now s notice known
            let others = state.Told |> List.filter (fun told -> told.Tag <> notice.From)

            { state with
                Told = told :: others
                Winner = ValueSome s
                LastReply = ValueSome now
                Phase = SipPhase.Gathering(now + SipTimers.forks)
                // The other ways are not needed any more.
                Tries =
                    state.Tries
                    |> List.filter (fun attempt ->
                        match subscriptionOf attempt with
                        | ValueSome other -> other.CallId = s.CallId
                        | ValueNone -> false)
                Left = []
                Memory =
                    { NeedsTcp = s.IsStream && state.Gateway.Transport = UdpThenTcp
                      IsPlain = not s.WantsSession } }

    let message
        (now: Instant)
        (attempt: Try)
        (s: Subscription)
        (message: SipMessage)
        (state: SipAuditState)
        : SipAuditState =
        match message.Start with
        | SipStart.Response(status, reason) -> response now attempt s status reason message state
        | SipStart.Request("ACK", _) -> stray state
        | SipStart.Request _ ->
            match Notice.read message s with
            | Foreign when s.IsStream ->
                stray (send true (Notice.reply 481 "Subscription Does Not Exist" message) state)
            | Foreign -> stray state
            | Wrong(status, reason) -> stray (send s.IsStream (Notice.reply status reason message) state)
            | Notice notice ->
                let s = Subscription.enterByNotify notice.From message s

                let state =
                    match attempt with
                    | OnStream(_, stream) -> replace attempt (OnStream(s, stream)) state
                    | OnDatagrams _ -> replace attempt (OnDatagrams s) state
                    | Opening _ -> state

                notified now s notice message state

namespace CallServer.Protocols.Sip

open CallServer.Prelude
open CallServer.Model
open CallServer.Wire

/// One subscription that is being ended, with one notifier.
type internal Parting =
    {
        Subscription: Subscription
        /// The SUBSCRIBE with Expires 0 has its final response.
        IsAnswered: bool
        /// The notification that ends the subscription came (RFC 6665 §4.1.2.3).
        IsNotified: bool
    }

/// Subscriptions that have served their purpose. Each is ended at its notifier. The notifier's last notification has to be
/// answered, or the notifier repeats it for half a minute.
type internal Leaving = Parting list

module internal Leaving =
    let none: Leaving = []

    /// Notifiers that never say that their subscription is over must not pile up: at most this many others are kept.
    [<Literal>]
    let private MostOthers = 15

    let isOver (leaving: Leaving) : bool =
        leaving |> List.forall (fun one -> one.IsAnswered && one.IsNotified)

    /// Starts to end a subscription, and gives the SUBSCRIBE to send.
    let add gateway now rng (s: Subscription) (leaving: Leaving) : struct (Leaving * byte[] * Rng) =
        let struct (s, rng) = Subscription.ask gateway now rng { s with Expires = 0; Proofs = [] }

        let octets =
            match s.Request with
            | ValueSome request -> request.Octets
            | ValueNone -> [||]

        let others = List.truncate MostOthers leaving
        struct ({ Subscription = s; IsAnswered = false; IsNotified = false } :: others, octets, rng)

    let wakeAt (leaving: Leaving) : Instant =
        (Instant.distantFuture, leaving)
        ||> List.fold (fun at one -> Instant.min at (Subscription.wakeAt one.Subscription))

    /// Drops the subscriptions whose SUBSCRIBE was not answered in time, and gives the requests to send again.
    let woke (now: Instant) (leaving: Leaving) : struct (Leaving * byte[] list) =
        let kept = leaving |> List.filter (fun one -> not (Subscription.isUnanswered now one.Subscription))

        let repeated =
            kept
            |> List.map (fun one ->
                let struct (s, octets) = Subscription.repeat now one.Subscription
                struct ({ one with Subscription = s }, octets))

        struct (repeated |> List.map (fun struct (one, _) -> one),
                [ for struct (_, octets) in repeated do
                      yield! ValueOption.toList octets ])

    let private isTerminated (notice: Notification) =
        match notice.State with
        | SubscriptionState.Terminated _ -> true
        | SubscriptionState.Active _
        | SubscriptionState.Pending -> false

    /// Takes in a message, and gives what to send because of it; ValueNone if the message belongs to none of these subscriptions.
    let take
        (gateway: SipGateway)
        (now: Instant)
        (rng: Rng)
        (message: SipMessage)
        (leaving: Leaving)
        : struct (Leaving * byte[] list * Rng) voption =
        let replace (was: Parting) (next: Parting) =
            leaving |> List.map (fun one -> if obj.ReferenceEquals(one, was) then next else one)

        let answered (one: Parting) status reason : struct (Leaving * byte[] list * Rng) voption =
            let struct (verdict, rng) =
                Subscription.response gateway now rng status reason message one.Subscription

            let sent s =
                [ for request in ValueOption.toList s.Request do
                      request.Octets ]

            match verdict with
            | NotOurs -> ValueNone
            | Waiting s -> ValueSome(struct (replace one { one with Subscription = s }, [], rng))
            | Again s -> ValueSome(struct (replace one { one with Subscription = s }, sent s, rng))
            | Accepted(s, _) ->
                ValueSome(struct (replace one { one with Subscription = s; IsAnswered = true }, [], rng))
            // Whatever the reason, the subscription counts as gone: nothing more will come.
            | Rejected _ -> ValueSome(struct (List.except [ one ] leaving, [], rng))

        let notified (one: Parting) : struct (Leaving * byte[] list * Rng) voption =
            match Notice.read message one.Subscription with
            | Notice notice when one.Subscription.RemoteTag = ValueSome notice.From ->
                let next = { one with IsNotified = one.IsNotified || isTerminated notice }
                ValueSome(struct (replace one next, [ Notice.reply 200 "OK" message ], rng))
            | Notice _
            | Wrong _
            | Foreign -> ValueNone

        leaving
        |> List.tryPick (fun one ->
            match message.Start with
            | SipStart.Response(status, reason) -> answered one status reason |> ValueOption.toOption
            | SipStart.Request _ -> notified one |> ValueOption.toOption)
        |> ValueOption.ofOption

namespace CallServer.Protocols.Sip

open System
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire

/// One way of asking the gateway; its subscription has a Call-ID of its own.
[<NoComparison>]
type internal Try =
    /// A stream is being opened.
    | Opening of deadline: Instant
    /// The stream carries SIP. SipStream holds what is not yet a message.
    | OnStream of Subscription * SipStream
    | OnDatagrams of Subscription

module internal Try =
    let subscription (attempt: Try) : Subscription voption =
        match attempt with
        | Opening _ -> ValueNone
        | OnStream(s, _)
        | OnDatagrams s -> ValueSome s

    let isStream (attempt: Try) : bool =
        match attempt with
        | Opening _
        | OnStream _ -> true
        | OnDatagrams _ -> false

    /// Octets held of messages that are not complete.
    let unread (attempt: Try) : int64 =
        match attempt with
        | OnStream(_, stream) -> SipStream.unread stream
        | Opening _
        | OnDatagrams _ -> 0L

    /// The same way with another subscription, or with a later state of the same one.
    let withSubscription (s: Subscription) (attempt: Try) : Try =
        match attempt with
        | Opening _ -> attempt
        | OnStream(_, stream) -> OnStream(s, stream)
        | OnDatagrams _ -> OnDatagrams s

/// The ways of one fetch: those in use, and those not yet tried.
[<NoComparison>]
type internal SipWays =
    {
        /// In use, newest first: at most one of each kind.
        Tries: Try list
        /// Not yet tried: true for a stream, false for datagrams.
        Left: bool list
        /// Why tries failed, newest first.
        Failures: Shortfall list
    }

module internal SipWays =
    let start (transport: SipTransport) (needsTcp: bool) : SipWays =
        let left =
            match transport with
            | OverUdp -> [ false ]
            | OverTcp -> [ true ]
            | UdpThenTcp when needsTcp -> [ true; false ]
            | UdpThenTcp -> [ false; true ]

        { Tries = []; Left = left; Failures = [] }

    let private isLike (attempt: Try) (other: Try) = Try.isStream attempt = Try.isStream other

    /// Puts the present state of a try in the place of the try of its kind.
    let replace (attempt: Try) (ways: SipWays) : SipWays =
        { ways with
            Tries = ways.Tries |> List.map (fun one -> if isLike attempt one then attempt else one) }

    let failed (attempt: Try) (why: Shortfall) (ways: SipWays) : SipWays =
        { ways with
            Tries = ways.Tries |> List.filter (isLike attempt >> not)
            Failures = why :: ways.Failures }

    /// Drops all ways but that of this subscription.
    let settle (s: Subscription) (ways: SipWays) : SipWays =
        { ways with
            Left = []
            Tries =
                ways.Tries
                |> List.filter (fun attempt ->
                    Try.subscription attempt |> ValueOption.exists (fun other -> other.CallId = s.CallId)) }

    let tryStream (ways: SipWays) : Try option = List.tryFind Try.isStream ways.Tries
    let tryDatagrams (ways: SipWays) : Try option = List.tryFind (Try.isStream >> not) ways.Tries

    /// How long to wait for a notification after the 2xx, until the next way is tried; longer if there is none.
    let notifyWait (gateway: SipGateway) (ways: SipWays) : TimeSpan =
        if ways.Left.IsEmpty then
            gateway.Patience
        else
            min gateway.Timeout gateway.Patience

    /// A notification is overdue over one way, and another way is left. The first way is still waited for.
    let isOverdue (gateway: SipGateway) (now: Instant) (ways: SipWays) : bool =
        not ways.Left.IsEmpty
        && ways.Tries
           |> List.exists (fun attempt ->
               match Try.subscription attempt with
               | ValueSome { AcceptedAt = ValueSome at } -> at + notifyWait gateway ways <= now
               | ValueSome _
               | ValueNone -> false)

    let wakeAt (gateway: SipGateway) (ways: SipWays) : Instant =
        let ofTry attempt =
            match attempt with
            | Opening deadline -> deadline
            | OnStream(s, _)
            | OnDatagrams s ->
                match s.AcceptedAt with
                | ValueSome at -> at + notifyWait gateway ways
                | ValueNone -> Subscription.wakeAt s

        (Instant.distantFuture, ways.Tries) ||> List.fold (fun at one -> Instant.min at (ofTry one))

namespace CallServer.Protocols.Sip

open System
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// What a notification says about its subscription (RFC 6665 §8.2.3).
[<RequireQualifiedAccess>]
type internal SubscriptionState =
    | Active of expires: int voption
    /// Nobody has authorized the subscription yet: what the notification contains is not the state.
    | Pending
    /// The reason is empty if none is given; retryAfter is in seconds.
    | Terminated of reason: string * retryAfter: int voption

/// What a request from the gateway means to one subscription.
type internal SipNotice =
    /// It has another Call-ID.
    | Foreign
    /// It has our Call-ID but is wrong: it gets this answer, and its contents are ignored. The words say what is wrong.
    | Wrong of status: int * reason: string * words: string
    /// A notification of this subscription.
    | Notice of Notification

and internal Notification =
    {
        /// The notifier's tag: a SUBSCRIBE that forks has several notifiers.
        From: string
        /// Where requests to the notifier go (RFC 3261 §12.1.2), and through which proxies; ValueNone if it names no Contact.
        Target: string voption
        Routes: string list
        CSeq: int64
        /// It was written after the SUBSCRIBE of this round at the earliest: that one gave the address that it came to.
        Round: int
        State: SubscriptionState
        /// The document in the body; ValueNone if there is no body.
        Document: Result<DialogInfo voption, Shortfall>
    }

module internal Notice =
    let private state (message: SipMessage) : SubscriptionState =
        match Sip.tryHeader "Subscription-State" message with
        // RFC 6665 requires the header. A notification without it counts as active.
        | ValueNone -> SubscriptionState.Active ValueNone
        | ValueSome text ->
            let told = SipFields.value text
            let seconds name = SipFields.tryParam name told.Params |> ValueOption.bind SipFields.seconds

            match told.Value.ToLowerInvariant() with
            | "pending" -> SubscriptionState.Pending
            | "terminated" ->
                let reason = SipFields.tryParam "reason" told.Params |> ValueOption.defaultValue ""
                SubscriptionState.Terminated(reason.ToLowerInvariant(), seconds "retry-after")
            // A state that an extension defines counts as active (RFC 6665 §8.2.3).
            | _ -> SubscriptionState.Active(seconds "expires")

    let private document (message: SipMessage) : Result<DialogInfo voption, Shortfall> =
        let kind, charset =
            match Sip.tryHeader "Content-Type" message with
            | ValueSome text ->
                let told = SipFields.value text
                told.Value, SipFields.tryParam "charset" told.Params
            | ValueNone -> DialogInfo.MediaType, ValueNone

        if DialogInfoText.isEmpty message.Body then
            Ok ValueNone
        elif not (kind.Equals(DialogInfo.MediaType, StringComparison.OrdinalIgnoreCase)) then
            Error(Unreadable $"the notification brings {Sip.textOf kind} instead of {DialogInfo.MediaType}")
        else
            match DialogInfoCodec.decodeAs charset message.Body with
            | Ok info -> Ok(ValueSome info)
            | Error wrong -> Error(Unreadable(string wrong))

    /// Says what a request means to one subscription (RFC 6665 §4.1.3).
    let read (message: SipMessage) (s: Subscription) : SipNotice =
        match message.Start, Sip.tryHeader "Call-ID" message with
        | SipStart.Response _, _
        | _, ValueNone -> Foreign
        | _, ValueSome callId when callId <> s.CallId -> Foreign
        | SipStart.Request("NOTIFY", uri), ValueSome _ ->
            let event = Sip.tryHeader "Event" message |> ValueOption.map SipFields.value

            match SipFields.tag "To" message, SipFields.tag "From" message, event, SipFields.cseq message with
            | ValueSome toTag, ValueSome fromTag, ValueSome event, ValueSome(struct (cseq, _)) when
                toTag = s.Tag && fromTag <> ""
                ->
                if
                    not (event.Value.Equals("dialog", StringComparison.OrdinalIgnoreCase))
                    || (SipFields.tryParam "id" event.Params).IsSome
                then
                    Wrong(489, "Bad Event", $"a notification of the event {Sip.textOf event.Value}")
                else
                    Notice
                        { From = fromTag
                          Target = Subscription.contact message
                          Routes = SipFields.values "Record-Route" message
                          CSeq = cseq
                          Round = Subscription.roundOf uri
                          State = state message
                          Document = document message }
            | ValueSome toTag, ValueSome fromTag, ValueNone, _ when toTag = s.Tag && fromTag <> "" ->
                Wrong(400, "Bad Request", "a notification without the header Event")
            | ValueSome toTag, ValueSome fromTag, _, _ when toTag = s.Tag && fromTag <> "" ->
                Wrong(400, "Bad Request", "a notification without a CSeq that can be read")
            | _ ->
                Wrong(
                    481,
                    "Subscription Does Not Exist",
                    "a notification to another tag than the SUBSCRIBE's"
                )
        | SipStart.Request(method, _), ValueSome _ ->
            Wrong(405, "Method Not Allowed", $"a {Sip.textOf method}")

    /// The answer to a request, with the headers that identify the transaction (RFC 3261 §8.2.6.2).
    let reply (status: int) (reason: string) (message: SipMessage) : byte[] =
        let copied (header: SipHeader) =
            match header.Name with
            | "Via"
            | "From"
            | "To"
            | "Call-ID"
            | "CSeq"
            | "Record-Route" -> true
            | _ -> false

        SipCodec.encode
            { Start = SipStart.Response(status, reason)
              Headers =
                [| yield! message.Headers |> Array.filter copied
                   if status = 405 then
                       Sip.header "Allow" "NOTIFY"
                   if status = 489 then
                       Sip.header "Allow-Events" "dialog" |]
              Body = [||] }

namespace CallServer.Protocols.Sip

open System
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// One SUBSCRIBE until its final response (RFC 3261 §17.1.2).
type internal SipRequest =
    {
        Branch: string
        /// The request as it is sent, and as it is repeated.
        Octets: byte[]
        Sent: Instant
        /// When it is sent again; the distant future over a stream.
        RepeatAt: Instant
        Interval: TimeSpan
        Deadline: Instant
    }

/// A subscription to a gateway's dialogs as the subscriber keeps it (RFC 6665 §4.1), over one way.
type internal Subscription =
    {
        /// HOST:PORT of our end, where notifications are to come.
        Local: string
        IsStream: bool
        CallId: string
        Tag: string
        /// The duration that is asked for, in seconds; 0 for a fetch.
        Expires: int
        /// Session descriptions are asked for (RFC 4235 §3.2). Not every notifier accepts that parameter.
        WantsSession: bool
        CSeq: int64
        /// How often the subscription was renewed.
        Round: int
        /// The SUBSCRIBE that waits for its final response.
        Request: SipRequest voption
        /// When the first SUBSCRIBE was sent. The notifier read what it reports after that.
        Began: Instant
        /// When the newest SUBSCRIBE was sent first, and when one was last accepted.
        Asked: Instant
        AcceptedAt: Instant voption
        /// The tag of whoever sent the 2xx.
        AcceptedBy: string voption
        /// The tag of the dialog's other end: of the 2xx or of the first notification, whichever came first.
        RemoteTag: string voption
        /// Where requests of the dialog go: the notifier's Contact (RFC 3261 §12.2.1.1), and through which proxies.
        Target: string
        Routes: string list
        /// The credentials that the present request carries.
        Proofs: SipHeader list
        /// Nonces that we have answered, newest first.
        Nonces: string list
        /// Challenges that we have answered since the last 2xx.
        Retries: int
    }

/// What a response to our SUBSCRIBE means.
type internal SipVerdict =
    /// It belongs to no request that waits for a response.
    | NotOurs
    | Waiting of Subscription
    /// Accepted, for this many seconds if the response says so.
    | Accepted of Subscription * expires: int voption
    /// To be sent again as the gateway wants it: with credentials, for longer, or with a plainer header.
    | Again of Subscription
    | Rejected of status: int * Shortfall

/// The subscriber's side of RFC 6665, without a clock or a socket.
module internal Subscription =
    /// The most challenges that are answered in a row: enough for a proxy, a gateway, and an old nonce of each.
    [<Literal>]
    let private MaxRetries = 4

    let private hex (digits: int) (rng: Rng) : struct (string * Rng) =
        let struct (bits, rng) = Rng.next rng
        struct ((bits.ToString "x16").Substring(16 - digits), rng)

    let private none: SipRequest voption = ValueNone

    /// How many seconds are asked for if a gateway does not answer a fetch. If such a subscription cannot be ended, the gateway
    /// forgets it after that time.
    [<Literal>]
    let ShortSeconds = 60

    [<Literal>]
    let private User = "callserver"

    /// The user in our Contact. Each renewal gives the notifier another address of ours. SUBSCRIBE is a target refresh request
    /// (RFC 6665 §4.4.1), so what comes to that address was written after it, however long it was on its way.
    let private userOf (round: int) : string = if round = 0 then User else User + string round

    /// How often the subscription had been renewed when it gave this address; 0 if the address does not show that.
    let roundOf (uri: string) : int =
        let start = uri.IndexOf ':' + 1
        let stop = uri.IndexOf '@'

        if stop > start && uri.AsSpan(start, stop - start).StartsWith User then
            match Int32.TryParse(uri.AsSpan(start + User.Length, stop - start - User.Length)) with
            | true, round when round > 0 -> round
            | _ -> 0
        else
            0

    /// The URI in Contact, if it is a SIP URI.
    let contact (message: SipMessage) : string voption =
        match SipFields.values "Contact" message with
        | contact :: _ ->
            match SipFields.address contact with
            | ValueSome { Uri = uri } when uri.StartsWith("sip", StringComparison.OrdinalIgnoreCase) ->
                ValueSome uri
            | _ -> ValueNone
        | [] -> ValueNone

    let private requestOf (gateway: SipGateway) (branch: string) (s: Subscription) : SipMessage =
        let transport = if s.IsStream then "TCP" else "UDP"

        let contact =
            if s.IsStream then
                $"<sip:{userOf s.Round}@{s.Local};transport=tcp>"
            else
                $"<sip:{userOf s.Round}@{s.Local}>"

        let remote =
            match s.RemoteTag with
            | ValueSome tag -> $"<{gateway.Uri}>;tag={tag}"
            | ValueNone -> $"<{gateway.Uri}>"

        { Start = SipStart.Request("SUBSCRIBE", s.Target)
          Headers =
            [| Sip.header "Via" $"SIP/2.0/{transport} {s.Local};branch={branch};rport"
               Sip.header "Max-Forwards" "70"
               for route in s.Routes do
                   Sip.header "Route" route
               Sip.header "From" $"<{gateway.From}>;tag={s.Tag}"
               Sip.header "To" remote
               Sip.header "Call-ID" s.CallId
               Sip.header "CSeq" $"{s.CSeq} SUBSCRIBE"
               Sip.header "Contact" contact
               Sip.header "Event" (if s.WantsSession then "dialog;include-session-description" else "dialog")
               Sip.header "Accept" DialogInfo.MediaType
               Sip.header "Expires" (string s.Expires)
               yield! s.Proofs |]
          Body = [||] }

    /// Makes the next SUBSCRIBE of this subscription, to be sent now.
    let ask (gateway: SipGateway) (now: Instant) (rng: Rng) (s: Subscription) : struct (Subscription * Rng) =
        let struct (branch, rng) = hex 16 rng
        let branch = "z9hG4bK" + branch
        let s = { s with CSeq = s.CSeq + 1L; Asked = now }

        let request =
            { Branch = branch
              Octets = SipCodec.encode (requestOf gateway branch s)
              Sent = now
              RepeatAt = (if s.IsStream then Instant.distantFuture else now + SipTimers.t1)
              Interval = SipTimers.t1
              Deadline = now + gateway.Patience }

        struct ({ s with Request = ValueSome request }, rng)

    /// Makes the SUBSCRIBE that renews the subscription: the notifier sends its full state again (RFC 6665 §4.2.1.2).
    let renew
        (gateway: SipGateway)
        (now: Instant)
        (rng: Rng)
        (s: Subscription)
        : struct (Subscription * Rng) =
        ask gateway now rng { s with Round = s.Round + 1 }

    /// Makes a new subscription and its first SUBSCRIBE. expires is in seconds; 0 for a fetch.
    let create
        (gateway: SipGateway)
        (local: string)
        (isStream: bool)
        (wantsSession: bool)
        (expires: int)
        now
        rng
        : struct (Subscription * Rng) =
        // Without an address of ours nothing can come back, but the headers need one all the same.
        let local = if local = "" then "callserver.invalid" else local
        let struct (callId, rng) = hex 16 rng
        let struct (more, rng) = hex 8 rng
        let struct (tag, rng) = hex 12 rng

        let s =
            { Local = local
              IsStream = isStream
              CallId = $"{callId}{more}@callserver"
              Tag = tag
              Expires = expires
              WantsSession = wantsSession
              CSeq = 0L
              Round = 0
              Request = none
              Began = now
              Asked = now
              AcceptedAt = ValueNone
              AcceptedBy = ValueNone
              RemoteTag = ValueNone
              Target = gateway.Uri
              Routes = []
              Proofs = []
              Nonces = []
              Retries = 0 }

        ask gateway now rng s

    /// The request to send again, if its time has come.
    let repeat (now: Instant) (s: Subscription) : struct (Subscription * byte[] voption) =
        match s.Request with
        | ValueSome request when request.RepeatAt <= now && now < request.Deadline ->
            let interval = min SipTimers.t2 (request.Interval * 2.0)
            let next = { request with Interval = interval; RepeatAt = now + interval }
            struct ({ s with Request = ValueSome next }, ValueSome request.Octets)
        | ValueSome _
        | ValueNone -> struct (s, ValueNone)

    /// No final response came in time.
    let isUnanswered (now: Instant) (s: Subscription) : bool =
        match s.Request with
        | ValueSome request -> request.Deadline <= now
        | ValueNone -> false

    let wakeAt (s: Subscription) : Instant =
        match s.Request with
        | ValueSome request -> Instant.min request.RepeatAt request.Deadline
        | ValueNone -> Instant.distantFuture

    /// Answers a 401 or 407: gives the credentials for the next request, or says why there are none.
    let private prove
        (gateway: SipGateway)
        (status: int)
        (reason: string)
        (rng: Rng)
        (message: SipMessage)
        (s: Subscription)
        =
        let asked = if status = 407 then "Proxy-Authenticate" else "WWW-Authenticate"
        let answered = if status = 407 then "Proxy-Authorization" else "Authorization"

        let challenges = Sip.headers asked message
        let code, said = RefusalCause.Code status, SipRefusal.words status reason message

        match SipDigest.choose challenges, gateway.Login with
        | ValueNone, _ when challenges.Length = 0 -> Error(Refused(code, $"{said}, without a challenge"))
        | ValueNone, _ -> Error(Refused(code, $"{said}: {SipDigest.whyNone challenges}"))
        | ValueSome challenge, ValueNone ->
            Error(Refused(code, $"{said}: it asks for a password (realm {Sip.textOf challenge.Realm})"))
        | ValueSome challenge, ValueSome(struct (user, _)) when
            // A nonce that we have answered already comes again, or a new one comes without saying that the old one
            // was stale: our answer itself was wrong.
            (s.Proofs |> List.exists (fun header -> header.Name = answered) && not challenge.Stale)
            || List.contains challenge.Nonce s.Nonces
            ->
            Error(
                Refused(
                    code,
                    $"{said}: wrong user or password? (user {user}, realm {Sip.textOf challenge.Realm})"
                )
            )
        | ValueSome _, ValueSome _ when s.Retries >= MaxRetries ->
            Error(Refused(code, $"{said}: its nonces are too old as soon as they are used"))
        | ValueSome challenge, ValueSome(struct (user, password)) ->
            let struct (cnonce, rng) = hex 16 rng
            let answer = SipDigest.answer user password "SUBSCRIBE" s.Target cnonce 1 challenge
            let proof = Sip.header answered (SipDigest.answerText answer)
            let others = s.Proofs |> List.filter (fun header -> header.Name <> answered)

            Ok(
                struct ({ s with
                            Proofs = proof :: others
                            Nonces = challenge.Nonce :: s.Nonces
                            Retries = s.Retries + 1 },
                        rng)
            )

    /// Contact and Record-Route of a 2xx or of a first notification set up the dialog (RFC 3261 §12.1). A response lists the routes
    /// in reverse.
    let private enter (tag: string) (reversed: bool) (message: SipMessage) (s: Subscription) : Subscription =
        if s.RemoteTag.IsSome then
            s
        else
            let routes = SipFields.values "Record-Route" message

            { s with
                RemoteTag = ValueSome tag
                Target = contact message |> ValueOption.defaultValue s.Target
                Routes = (if reversed then List.rev routes else routes) }

    /// Takes in a response that came over this subscription's way.
    let response
        (gateway: SipGateway)
        (now: Instant)
        (rng: Rng)
        (status: int)
        (reason: string)
        (message: SipMessage)
        (s: Subscription)
        : struct (SipVerdict * Rng) =
        let isOurs =
            match s.Request, SipFields.branch message, SipFields.cseq message with
            | ValueSome request, ValueSome branch, ValueSome(struct (_, "SUBSCRIBE")) ->
                request.Branch = branch
            | _ -> false

        let isOurs = isOurs && Sip.tryHeader "Call-ID" message = ValueSome s.CallId

        match s.Request with
        | ValueSome request when isOurs ->
            if status < 200 then
                // The gateway has the request: from now on it is repeated only every T2 (RFC 3261 §17.1.2.2).
                let at = if s.IsStream then Instant.distantFuture else now + SipTimers.t2

                struct (Waiting
                            { s with
                                Request = ValueSome { request with Interval = SipTimers.t2; RepeatAt = at } },
                        rng)
            elif status < 300 then
                let s =
                    match SipFields.tag "To" message with
                    | ValueSome tag -> { enter tag true message s with AcceptedBy = ValueSome tag }
                    | ValueNone -> s

                let expires = Sip.tryHeader "Expires" message |> ValueOption.bind SipFields.seconds

                // A later request is challenged again: by then the nonce may be too old, and the gateway need not say so.
                let s =
                    { s with
                        Request = ValueNone
                        AcceptedAt = ValueSome now
                        Proofs = []
                        Nonces = []
                        Retries = 0 }

                struct (Accepted(s, expires), rng)
            elif status = 401 || status = 407 then
                match prove gateway status reason rng message s with
                | Ok(struct (s, rng)) ->
                    let struct (s, rng) = ask gateway now rng s
                    struct (Again s, rng)
                | Error refusal -> struct (Rejected(status, refusal), rng)
            else
                let least = Sip.tryHeader "Min-Expires" message |> ValueOption.bind SipFields.seconds

                let again s =
                    let struct (s, rng) = ask gateway now rng s
                    struct (Again s, rng)

                match status, least with
                | 423, ValueSome least when least > s.Expires && least <= 86400 ->
                    again { s with Expires = least }
                | 423, ValueNone when s.Expires < ShortSeconds -> again { s with Expires = ShortSeconds }
                // No notifier may find an hour too brief (RFC 6665 §4.2.1.1).
                | 423, ValueNone when s.Expires < 3600 -> again { s with Expires = 3600 }
                // Asterisk's res_pjsip_pubsub does not accept a first SUBSCRIBE with Expires 0.
                | 400, _ when s.Expires = 0 && s.AcceptedAt.IsNone -> again { s with Expires = ShortSeconds }
                // Kamailio looks the package up by the whole header, parameters included.
                | (400 | 489), _ when s.WantsSession && s.AcceptedAt.IsNone ->
                    again { s with WantsSession = false }
                | _ -> struct (Rejected(status, SipRefusal.shortfall status reason message), rng)
        | ValueSome _
        | ValueNone -> struct (NotOurs, rng)

    /// Makes the sender of a notification the dialog's other end, unless a 2xx has done so already.
    let enterByNotify (tag: string) (message: SipMessage) (s: Subscription) : Subscription =
        enter tag false message s

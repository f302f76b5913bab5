namespace CallServer.Gateway

open System
open CallServer.Model
open CallServer.Wire

/// Handles SUBSCRIBE as a notifier (RFC 6665 §4.2.1).
module internal SipSubscribing =
    open SipNotifier

    let private realm = "gateway.example.net"

    let private reason (status: int) : string =
        match status with
        | 200 -> "OK"
        | 301 -> "Moved Permanently"
        | 302 -> "Moved Temporarily"
        | 400 -> "Bad Request"
        | 401 -> "Unauthorized"
        | 403 -> "Forbidden"
        | 404 -> "Not Found"
        | 423 -> "Interval Too Brief"
        | 405 -> "Method Not Allowed"
        | 481 -> "Subscription Does Not Exist"
        | 489 -> "Bad Event"
        | 503 -> "Service Unavailable"
        | 603 -> "Decline"
        | _ -> "No"

    let private answer (status: int) (toTag: string) (extra: SipHeader list) (request: SipMessage) : byte[] =
        let copied =
            request.Headers
            |> Array.choose (fun header ->
                match header.Name with
                | "Via"
                | "From"
                | "Call-ID"
                | "CSeq"
                | "Record-Route" -> Some header
                | "To" when toTag <> "" && (SipFields.tag "To" request).IsNone ->
                    Some(Sip.header "To" $"{header.Value};tag={toTag}")
                | "To" -> Some header
                | _ -> None)

        SipCodec.encode
            { Start = SipStart.Response(status, reason status)
              Headers = Array.append copied (List.toArray extra)
              Body = [||] }

    /// Sends a final response, and keeps it in case the request is repeated.
    let private respond
        now
        peer
        status
        toTag
        extra
        (request: SipMessage)
        (state: SipNotifierState)
        : SipNotifierState =
        let octets = answer status toTag extra request

        let state =
            match SipFields.branch request with
            | ValueSome branch -> { state with Answered = state.Answered.Add(branch, struct (now, octets)) }
            | ValueNone -> state

        send peer octets state

    let refuse now peer status request state : SipNotifierState =
        let struct (tag, state) = hex 8 state

        let extra =
            match status with
            | 301
            | 302 -> [ Sip.header "Contact" "<sip:other@198.51.100.7>" ]
            | 423 ->
                match state.Options.Vices.Fetch with
                | SipFetch.TooBrief least -> [ Sip.header "Min-Expires" (string least) ]
                | SipFetch.Told
                | SipFetch.NoResource
                | SipFetch.BadRequest -> []
            | _ -> []

        respond now peer status tag extra request state

    /// Answers 401, with stale=true if the last nonce was too old.
    let private challenge now peer isStale request (state: SipNotifierState) : SipNotifierState =
        let struct (nonce, state) = hex 16 state
        let struct (tag, state) = hex 8 state

        let challenges =
            state.Options.Algorithms
            |> List.map (fun algorithm ->
                Sip.header
                    "WWW-Authenticate"
                    (SipDigest.challengeText
                        { Realm = realm
                          Nonce = nonce
                          Opaque = ValueSome "b3BhcXVl"
                          Algorithm = algorithm
                          Session = false
                          Named = true
                          Qop = true
                          Stale = isStale }))

        respond now peer 401 tag challenges request { state with Nonces = state.Nonces.Add(nonce, now) }

    /// Lets the request pass, or challenges it and returns the state after that.
    let private authenticate
        now
        peer
        (request: SipMessage)
        (state: SipNotifierState)
        : Result<SipNotifierState, SipNotifierState> =
        match state.Options.Login with
        | ValueNone when state.Options.Vices.RefusesPasswords || state.Options.Vices.StaleNonces ->
            Error(challenge now peer state.Options.Vices.StaleNonces request state)
        | ValueNone -> Ok state
        | ValueSome(struct (user, password)) ->
            let proof = Sip.tryHeader "Authorization" request |> ValueOption.bind SipDigest.tryAnswer

            match proof with
            | ValueSome proof when
                proof.User = user
                && proof.Realm = realm
                && SipDigest.verify (Secret.ofBytes password) "SUBSCRIBE" proof
                && not state.Options.Vices.RefusesPasswords
                ->
                match state.Nonces.TryFind proof.Nonce with
                | Some given when given + state.Options.NonceLife > now && not state.Options.Vices.StaleNonces ->
                    Ok state
                | Some _
                | None -> Error(challenge now peer true request state)
            | ValueSome _
            | ValueNone -> Error(challenge now peer false request state)

    let private accept expires =
        [ Sip.header "Expires" (string expires); Sip.header "Contact" "<sip:notifier@192.0.2.1:5060>" ]

    /// Answers and then notifies, or the other way round. These watchers have had no notification yet.
    let private begin'
        now
        peer
        table
        request
        expires
        (tag: string)
        (watchers: Watcher list)
        (state: SipNotifierState)
        =
        let respond state = respond now peer 200 tag (accept expires) request state

        let notify state =
            (state, watchers)
            ||> List.fold (fun state w ->
                let struct (w, state) = notify now table w state
                { state with Watchers = w :: state.Watchers })

        if state.Options.Vices.NotifyFirst then
            respond (notify state)
        else
            notify (respond state)

    let private contact (request: SipMessage) : string voption =
        match SipFields.values "Contact" request with
        | first :: _ -> SipFields.address first |> ValueOption.map _.Uri
        | [] -> ValueNone

    let private uriOf (name: string) (request: SipMessage) : string =
        match Sip.tryHeader name request |> ValueOption.bind SipFields.address with
        | ValueSome address -> address.Uri
        | ValueNone -> ""

    let private subscribe
        now
        peer
        (table: Table)
        (request: SipMessage)
        expires
        (state: SipNotifierState)
        : SipNotifierState =
        let callId = Sip.tryHeader "Call-ID" request

        match callId, SipFields.tag "From" request, SipFields.tag "To" request, contact request with
        | ValueSome callId, ValueSome remoteTag, ValueNone, ValueSome target ->
            let event = Sip.tryHeader "Event" request |> ValueOption.defaultValue ""
            let event = SipFields.value event
            let struct (tag, state) = hex 8 state

            let watcher share : Watcher =
                { Peer = peer
                  CallId = callId
                  LocalTag = (if share = 0 then tag else $"{tag}-{share}")
                  RemoteTag = remoteTag
                  LocalUri = uriOf "To" request
                  RemoteUri = uriOf "From" request
                  Target = target
                  WithSession = (SipFields.tryParam "include-session-description" event.Params).IsSome
                  Share = share
                  CSeq = 0L
                  Version = -1L
                  Ends = now + TimeSpan.FromSeconds(float expires)
                  IsOver = (expires = 0)
                  IsDirty = false
                  Notified = now
                  Count = 0
                  Last = [||]
                  Waiting = ValueNone }

            let vices = state.Options.Vices
            let answer = if vices.LosesForks && state.MetForks.Contains target then 1 else vices.Forks
            let watchers = List.init answer watcher
            begin' now peer table request expires tag watchers state
        | ValueSome callId, ValueSome remoteTag, ValueSome localTag, ValueSome target ->
            let isIt (w: Watcher) =
                w.CallId = callId && w.LocalTag = localTag && w.RemoteTag = remoteTag && not w.IsOver

            match List.tryFind isIt state.Watchers with
            | Some w ->
                let others = state.Watchers |> List.filter (isIt >> not)

                let w =
                    { w with
                        Peer = peer
                        Target = (if state.Options.Vices.KeepsContact then w.Target else target)
                        Ends = now + TimeSpan.FromSeconds(float expires)
                        // After a renewal, everything is sent again.
                        Count = 0
                        IsOver = (expires = 0) }

                begin' now peer table request expires "" [ w ] { state with Watchers = others }
            | None -> refuse now peer 481 request state
        | _ -> refuse now peer 400 request state

    /// Takes in a SUBSCRIBE that is not a repeat.
    let take
        (now: Instant)
        (peer: SipPeer)
        (table: Table)
        (request: SipMessage)
        (state: SipNotifierState)
        : SipNotifierState =
        let vices = state.Options.Vices

        let package =
            match Sip.tryHeader "Event" request with
            | ValueSome text when vices.PlainOnly -> text
            | ValueSome text -> (SipFields.value text).Value
            | ValueNone -> ""

        let expires =
            Sip.tryHeader "Expires" request
            |> ValueOption.bind SipFields.seconds
            |> ValueOption.defaultValue 3600
            |> min state.Options.LongestSubscription

        match vices.Answers with
        | ValueSome status -> refuse now peer status request state
        | ValueNone when not (package.Equals("dialog", StringComparison.OrdinalIgnoreCase)) ->
            refuse now peer 489 request state
        | ValueNone ->
            let isFirst = (SipFields.tag "To" request).IsNone

            match authenticate now peer request state, vices.Fetch with
            | Error challenged, _ -> challenged
            | Ok state, SipFetch.BadRequest when expires = 0 && isFirst -> refuse now peer 400 request state
            | Ok state, SipFetch.TooBrief least when expires < least && (expires > 0 || isFirst) ->
                refuse now peer 423 request state
            | Ok state, _ -> subscribe now peer table request expires state

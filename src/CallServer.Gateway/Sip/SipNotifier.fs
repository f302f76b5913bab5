namespace CallServer.Gateway

open System
open CallServer.Model
open CallServer.Prelude
open CallServer.Wire

/// What kind of notifier to simulate.
[<NoComparison; NoEquality>]
type SipOptions =
    {
        /// Who may subscribe, and the password; `ValueNone` admits everybody.
        Login: struct (string * byte[]) voption
        /// The digest algorithms that challenges offer, the preferred one first.
        Algorithms: DigestAlgorithm list
        /// How long a nonce is valid.
        NonceLife: TimeSpan
        /// The largest datagram that arrives. UDP over IPv4 carries up to 65,507 octets.
        LargestDatagram: int
        /// Whether standing subscriptions get only what changed, instead of everything again.
        Partials: bool
        /// The longest subscription, in seconds.
        LongestSubscription: int
        Vices: SipVices
        Seed: uint64
    }

module SipOptions =
    let standard: SipOptions =
        { Login = ValueNone
          Algorithms = [ DigestAlgorithm.Sha256; DigestAlgorithm.Md5 ]
          NonceLife = TimeSpan.FromMinutes 5.0
          LargestDatagram = 65507
          Partials = false
          LongestSubscription = 3600
          Vices = SipVices.none
          Seed = 1UL }

/// Where a subscriber is reached.
type internal SipPeer =
    | ByDatagram of peer: string
    | ByStream of stream: int

/// A notification that has not been answered yet.
type internal Notifying =
    { Branch: string; Octets: byte[]; Sent: Instant; RepeatAt: Instant; Interval: TimeSpan }

/// One subscription, as the notifier sees it.
type internal Watcher =
    {
        Peer: SipPeer
        CallId: string
        /// The notifier's tag. `RemoteTag` is the subscriber's.
        LocalTag: string
        RemoteTag: string
        /// From and To of notifications, without their tags.
        LocalUri: string
        RemoteUri: string
        /// The subscriber's Contact.
        Target: string
        WithSession: bool
        /// The part of the dialogs that it reports, if several notifiers share them.
        Share: int
        CSeq: int64
        Version: int64
        Ends: Instant
        /// The last notification ended the subscription.
        IsOver: bool
        IsDirty: bool
        Notified: Instant
        Count: int
        /// The dialogs in the last document.
        Last: Dialog[]
        Waiting: Notifying voption
    }

[<NoComparison; NoEquality>]
type internal SipNotifierState =
    {
        Options: SipOptions
        Rng: Rng
        Heard: int
        /// Nonces, and when they were issued.
        Nonces: Map<string, Instant>
        /// Final responses by the branch of their request, for repeats.
        Answered: Map<string, struct (Instant * byte[])>
        Streams: Map<int, SipStream>
        Watchers: Watcher list
        /// The Contacts of subscribers that have answered any notifier but the first.
        MetForks: Set<string>
        /// Newest first.
        Outbox: ResponderCommand list
    }

module internal SipNotifier =
    /// RFC 3261 §17.1.1.1, §17.1.2.2.
    let t1 = TimeSpan.FromMilliseconds 500.0

    let t2 = TimeSpan.FromSeconds 4.0
    let giveUp = TimeSpan.FromSeconds 32.0

    /// At most one notification per second (RFC 4235 §3.10).
    let pace = TimeSpan.FromSeconds 1.0

    let hex (digits: int) (state: SipNotifierState) : struct (string * SipNotifierState) =
        let struct (bits, rng) = Rng.next state.Rng
        struct ((bits.ToString "x16").Substring(16 - digits), { state with Rng = rng })

    let put (command: ResponderCommand) (state: SipNotifierState) : SipNotifierState =
        { state with Outbox = command :: state.Outbox }

    /// Sends after a delay. Drops datagrams that are too large for the path.
    let private sendAfter
        delay
        (peer: SipPeer)
        (octets: byte[])
        (state: SipNotifierState)
        : SipNotifierState =
        match peer with
        | ByDatagram _ when octets.Length > state.Options.LargestDatagram -> state
        | ByDatagram peer -> put (SendTo(peer, delay, octets)) state
        | ByStream stream -> put (WriteTo(stream, delay, octets)) state

    let send (peer: SipPeer) (octets: byte[]) (state: SipNotifierState) : SipNotifierState =
        sendAfter state.Options.Vices.Delay peer octets state

    /// Sends from one of several notifiers. All but the first may be late.
    let private sendFrom (w: Watcher) (octets: byte[]) (state: SipNotifierState) : SipNotifierState =
        let vices = state.Options.Vices
        sendAfter (if w.Share = 0 then vices.Delay else vices.Delay + vices.LateForks) w.Peer octets state

    /// Dialogs that changed; empty if none did.
    let private changes (was: Dialog[]) (now: Dialog[]) : Dialog[] =
        let bare (dialog: Dialog) = { dialog with Duration = ValueNone }

        // If a dialog is listed more than once, its last entry counts.
        let last (dialogs: Dialog[]) =
            dialogs
            |> Array.rev
            |> Array.distinctBy (fun dialog -> struct (dialog.Id, dialog.CallId))
            |> Array.rev

        let was, now = last was, last now
        let known = was |> Array.map (fun dialog -> dialog.Id, bare dialog) |> Map.ofArray
        let present = now |> Array.map (fun dialog -> dialog.Id) |> Set.ofArray

        [| for dialog in now do
               match Map.tryFind dialog.Id known with
               | Some before when before = bare dialog -> ()
               | Some _
               | None -> dialog

           for dialog in was do
               if dialog.State <> DialogState.Terminated && not (present.Contains dialog.Id) then
                   { dialog with State = DialogState.Terminated; Event = "remote-bye" } |]

    let private message
        (vices: SipVices)
        (w: Watcher)
        (branch: string)
        (stateWords: string)
        (body: byte[])
        : SipMessage =
        let transport =
            match w.Peer with
            | ByDatagram _ -> "UDP"
            | ByStream _ -> "TCP"

        let tag = if vices.WrongTags then w.RemoteTag + "x" else w.RemoteTag

        { Start = SipStart.Request("NOTIFY", w.Target)
          Headers =
            [| Sip.header "Via" $"SIP/2.0/{transport} 192.0.2.1:5060;branch={branch}"
               Sip.header "Max-Forwards" "70"
               Sip.header "From" $"<{w.LocalUri}>;tag={w.LocalTag}"
               Sip.header "To" $"<{w.RemoteUri}>;tag={tag}"
               Sip.header "Call-ID" w.CallId
               Sip.header "CSeq" $"{w.CSeq} NOTIFY"
               Sip.header "Contact" "<sip:notifier@192.0.2.1:5060>"
               Sip.header "Event" (if vices.WrongEvent then "presence" else "dialog")
               Sip.header "Subscription-State" stateWords
               if body.Length > 0 then
                   Sip.header "Content-Type" (if vices.Foreign then "text/plain" else DialogInfo.MediaType) |]
          Body = body }

    /// States a wrong length, to test receivers that trust it.
    let private lie (length: int64) (octets: byte[]) : byte[] =
        let text = Text.Encoding.Latin1.GetString octets
        let at = text.IndexOf("Content-Length: ", StringComparison.Ordinal)
        let line = text.IndexOf("\r\n", at, StringComparison.Ordinal)

        Text.Encoding.Latin1.GetBytes(
            text.Substring(0, at) + $"Content-Length: {length}" + text.Substring line
        )

    /// Sends one subscriber the state of the table. Returns the watcher after that.
    let notify
        (now: Instant)
        (table: Table)
        (w: Watcher)
        (state: SipNotifierState)
        : struct (Watcher * SipNotifierState) =
        let vices = state.Options.Vices
        let struct (branch, state) = hex 16 state
        let branch = "z9hG4bK" + branch
        let dialogs = SipDocuments.dialogs w.WithSession vices w.Share vices.Forks table
        let isUpdate = w.Count > 0 && not w.IsOver
        let isFull = not (state.Options.Partials && isUpdate)

        let told =
            if isUpdate && vices.SingleUpdates then
                changes w.Last dialogs |> Array.map SipDocuments.brief
            elif isFull then
                dialogs
            else
                changes w.Last dialogs

        let isHidden = w.IsOver && vices.Fetch = SipFetch.NoResource

        let isEnding =
            match vices.Deactivates with
            | ValueSome most -> not w.IsOver && w.Count + 1 >= most
            | ValueNone -> false

        let words =
            if isHidden then
                "terminated;reason=noresource"
            elif w.IsOver then
                "terminated;reason=timeout"
            elif isEnding then
                "terminated;reason=deactivated"
            else
                let left = max 0 (int (w.Ends - now).TotalSeconds)
                $"active;expires={left}"

        let w =
            { w with
                CSeq = w.CSeq + 1L
                Version = w.Version + (if vices.SkipsVersions then 2L else 1L)
                IsOver = w.IsOver || isEnding
                IsDirty = false
                Notified = now
                Count = w.Count + 1
                Last = dialogs }

        let body =
            if isHidden then
                [||]
            else
                SipDocuments.body vices w.Version isFull w.LocalUri told

        let octets = SipCodec.encode (message vices w branch words body)

        let octets =
            match vices.Huge with
            | ValueSome length -> lie length octets
            | ValueNone -> octets

        let waiting =
            { Branch = branch
              Octets = octets
              Sent = now
              RepeatAt =
                (match w.Peer with
                 | ByDatagram _ -> now + t1
                 | ByStream _ -> Instant.distantFuture)
              Interval = t1 }

        let w = { w with Waiting = ValueSome waiting }

        if vices.NoNotify then
            struct (w, state)
        else
            struct (w, sendFrom w octets state)

    /// Does whatever is due for one watcher; `ValueNone` if its subscription is gone.
    let tick
        (now: Instant)
        (table: Table)
        (w: Watcher)
        (state: SipNotifierState)
        : struct (Watcher voption * SipNotifierState) =
        match w.Waiting with
        | ValueSome waiting when waiting.Sent + giveUp <= now -> struct (ValueNone, state)
        | ValueSome waiting when waiting.RepeatAt <= now ->
            let interval = min t2 (waiting.Interval * 2.0)
            let waiting = { waiting with RepeatAt = now + interval; Interval = interval }
            let state = if state.Options.Vices.NoNotify then state else sendFrom w waiting.Octets state
            struct (ValueSome { w with Waiting = ValueSome waiting }, state)
        | ValueSome _ -> struct (ValueSome w, state)
        | ValueNone when w.IsOver -> struct (ValueNone, state)
        | ValueNone when w.Ends <= now ->
            let struct (w, state) = notify now table { w with IsOver = true } state
            struct (ValueSome w, state)
        | ValueNone when w.IsDirty && w.Notified + pace <= now ->
            let struct (w, state) = notify now table w state
            struct (ValueSome w, state)
        | ValueNone -> struct (ValueSome w, state)

    let wakeAt (w: Watcher) : Instant =
        match w.Waiting with
        | ValueSome waiting -> Instant.min waiting.RepeatAt (waiting.Sent + giveUp)
        | ValueNone when w.IsDirty -> Instant.min w.Ends (w.Notified + pace)
        | ValueNone -> w.Ends

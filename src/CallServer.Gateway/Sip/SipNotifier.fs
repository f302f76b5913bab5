namespace CallServer.Gateway

open System
open CallServer.Model
open CallServer.Prelude
open CallServer.Wire

/// A simulated gateway's notifier.
[<NoComparison; NoEquality>]
type SipOptions =
    {
        /// Who may subscribe, and with what password; nothing: everybody.
        Login: struct (string * byte[]) voption
        /// What challenges offer, the preferred one first.
        Algorithms: DigestAlgorithm list
        /// How long a nonce may be used.
        NonceLife: TimeSpan
        /// Longer datagrams never arrive: 65,507 octets are what UDP over IPv4 takes.
        LargestDatagram: int
        /// Standing subscriptions are told what changed, and not everything again.
        Partials: bool
        /// Seconds that a subscription lasts at most.
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

/// Where a subscriber is heard and answered.
type internal SipPeer =
    | ByDatagram of peer: string
    | ByStream of stream: int

/// A notification until its answer.
type internal Notifying =
    { Branch: string; Octets: byte[]; Sent: Instant; RepeatAt: Instant; Interval: TimeSpan }

/// One subscription, seen from the notifier.
type internal Watcher =
    {
        Peer: SipPeer
        CallId: string
        /// Ours and the subscriber's.
        LocalTag: string
        RemoteTag: string
        /// From and To of notifications, without their tags.
        LocalUri: string
        RemoteUri: string
        /// The subscriber's Contact.
        Target: string
        WithSession: bool
        /// Which part of the dialogs it tells, where notifiers share them.
        Share: int
        CSeq: int64
        Version: int64
        Ends: Instant
        /// The last notification says that it is over.
        IsOver: bool
        IsDirty: bool
        Notified: Instant
        Count: int
        /// What the last document told.
        Last: Dialog[]
        Waiting: Notifying voption
    }

[<NoComparison; NoEquality>]
type internal SipNotifierState =
    {
        Options: SipOptions
        Rng: Rng
        Heard: int
        /// Nonces and when they were given out.
        Nonces: Map<string, Instant>
        /// Final responses by the branch of their request, to be sent again.
        Answered: Map<string, struct (Instant * byte[])>
        Streams: Map<int, SipStream>
        Watchers: Watcher list
        /// The Contacts of subscribers that answered a notifier after the first.
        MetForks: Set<string>
        /// Newest first.
        Outbox: ResponderCommand list
    }

module internal SipNotifier =
    /// RFC 3261 §17.1.1.1, §17.1.2.2.
    let t1 = TimeSpan.FromMilliseconds 500.0

    let t2 = TimeSpan.FromSeconds 4.0
    let giveUp = TimeSpan.FromSeconds 32.0

    /// RFC 4235 §3.8: no more than one notification a second.
    let pace = TimeSpan.FromSeconds 1.0

    let hex (digits: int) (state: SipNotifierState) : struct (string * SipNotifierState) =
        let struct (bits, rng) = Rng.next state.Rng
        struct ((bits.ToString "x16").Substring(16 - digits), { state with Rng = rng })

    let put (command: ResponderCommand) (state: SipNotifierState) : SipNotifierState =
        { state with Outbox = command :: state.Outbox }

    /// What no path takes is never seen again.
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

    /// From one of several notifiers: those after the first may be late.
    let private sendFrom (w: Watcher) (octets: byte[]) (state: SipNotifierState) : SipNotifierState =
        let vices = state.Options.Vices
        sendAfter (if w.Share = 0 then vices.Delay else vices.Delay + vices.LateForks) w.Peer octets state

    /// Nothing where the connections are as they were.
    let private changes (was: Dialog[]) (now: Dialog[]) : Dialog[] =
        let bare (dialog: Dialog) = { dialog with Duration = ValueNone }

        // Of what is listed more than once the last one holds.
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

    /// A length that is not true, for receivers that believe it.
    let private lie (length: int64) (octets: byte[]) : byte[] =
        let text = Text.Encoding.Latin1.GetString octets
        let at = text.IndexOf("Content-Length: ", StringComparison.Ordinal)
        let line = text.IndexOf("\r\n", at, StringComparison.Ordinal)

        Text.Encoding.Latin1.GetBytes(
            text.Substring(0, at) + $"Content-Length: {length}" + text.Substring line
        )

    /// Tells one subscriber the state of the table; the watcher after it.
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

    /// What is due for one watcher; nothing: it is gone.
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

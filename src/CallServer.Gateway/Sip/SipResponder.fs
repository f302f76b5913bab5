namespace CallServer.Gateway

open CallServer.Model
open CallServer.Prelude
open CallServer.Wire

/// A gateway's notifier for the dialog event package (RFC 4235), over UDP and streams.
///
///   event                          what it does
///   SUBSCRIBE, a repeat            sends the same response again
///   SUBSCRIBE                      401, 481, 489 or 400; otherwise 200 and NOTIFY at once, which is the last one if Expires is 0
///   2xx to a NOTIFY                stops repeating it
///   another final response to it   ends the subscription (RFC 6665 §4.2.2)
///   Happened                       notifies every standing subscription, at most once a second
///   Tick                           repeats over UDP, ends unanswered and expired subscriptions, notifies what is due
///   StreamClosed                   ends its subscriptions
///   Restarted                      loses all subscriptions and nonces
module SipResponder =
    open SipNotifier

    /// Takes in a response to a notification of one of the subscriptions.
    let private answered (status: int) (message: SipMessage) (state: SipNotifierState) : SipNotifierState =
        let branch = SipFields.branch message

        let isIt (w: Watcher) =
            match w.Waiting, branch with
            | ValueSome waiting, ValueSome branch -> waiting.Branch = branch
            | _ -> false

        let met = state.Watchers |> List.filter (fun w -> isIt w && w.Share > 0 && status / 100 = 2)

        { state with
            MetForks = (state.MetForks, met) ||> List.fold (fun known w -> known.Add w.Target)
            Watchers =
                state.Watchers
                |> List.collect (fun w ->
                    if not (isIt w) || status < 200 then [ w ]
                    elif status >= 300 || w.IsOver then []
                    else [ { w with Waiting = ValueNone } ]) }

    let private request
        now
        (peer: SipPeer)
        (table: Table)
        (message: SipMessage)
        (state: SipNotifierState)
        : SipNotifierState =
        let known =
            match SipFields.branch message with
            | ValueSome branch -> state.Answered.TryFind branch
            | ValueNone -> None

        match message.Start, known with
        | SipStart.Request("ACK", _), _ -> state
        | _, Some(struct (_, octets)) -> send peer octets state
        | SipStart.Request("SUBSCRIBE", _), None ->
            SipSubscribing.take now peer table message { state with Heard = state.Heard + 1 }
        | SipStart.Request("OPTIONS", _), None ->
            SipSubscribing.refuse now peer 200 message { state with Heard = state.Heard + 1 }
        | SipStart.Request _, None -> SipSubscribing.refuse now peer 405 message state
        | SipStart.Response _, None -> state

    let private message now peer table (state: SipNotifierState) (message: SipMessage) : SipNotifierState =
        match message.Start with
        | SipStart.Response(status, _) -> answered status message state
        | SipStart.Request _ -> request now peer table message state

    let private octets
        now
        (table: Table)
        (stream: int)
        (octets: byte[])
        (state: SipNotifierState)
        : SipNotifierState =
        let known = state.Streams.TryFind stream |> Option.defaultValue SipStream.empty
        let struct (messages, outcome) = SipStream.feed octets known

        if state.Options.Vices.HangsUp then
            put (HangUp stream) { state with Streams = state.Streams.Remove stream }
        else
            let state = List.fold (message now (ByStream stream) table) state messages

            match outcome with
            | Ok rest -> { state with Streams = state.Streams.Add(stream, rest) }
            | Error _ -> put (HangUp stream) { state with Streams = state.Streams.Remove stream }

    let private forget (stream: int) (state: SipNotifierState) : SipNotifierState =
        { state with
            Streams = state.Streams.Remove stream
            Watchers = state.Watchers |> List.filter (fun w -> w.Peer <> ByStream stream) }

    let private tick now (table: Table) (state: SipNotifierState) : SipNotifierState =
        let watchers = state.Watchers

        let state =
            ({ state with Watchers = [] }, List.rev watchers)
            ||> List.fold (fun state w ->
                let struct (w, state) = SipNotifier.tick now table w state

                match w with
                | ValueSome w -> { state with Watchers = w :: state.Watchers }
                | ValueNone -> state)

        // A peer that has not repeated a request by then will not repeat it later.
        { state with
            Answered = state.Answered |> Map.filter (fun _ (struct (at, _)) -> at + giveUp > now) }

    /// When the next ringing call is answered. It then becomes a confirmed dialog, without an event from the table.
    let private nextAnswer (now: Instant) (table: Table) : Instant =
        (Instant.distantFuture, table.Connections)
        ||> Array.fold (fun first c -> if c.Start > now then Instant.min first c.Start else first)

    let private changed (state: SipNotifierState) : SipNotifierState =
        { state with
            Watchers = state.Watchers |> List.map (fun w -> if w.IsOver then w else { w with IsDirty = true }) }

    let private advance
        now
        (table: Table)
        (event: ResponderEvent)
        (state: SipNotifierState)
        : SipNotifierState =
        match event with
        | Datagram _
        | Octets _ when state.Options.Vices.Silent -> state
        | Datagram(peer, octets) ->
            match SipCodec.decode octets with
            | Ok decoded -> message now (ByDatagram peer) table state decoded
            | Error _ -> state
        | StreamCame _ -> state
        | Octets(stream, taken) -> octets now table stream taken state
        | StreamClosed stream -> forget stream state
        | Happened events -> tick now table (if events.IsEmpty then state else changed state)
        | Tick -> tick now table state
        | Restarted ->
            { state with
                Nonces = Map.empty
                Answered = Map.empty
                Streams = Map.empty
                Watchers = [] }

    let rec private responder (answers: Instant) (state: SipNotifierState) : Responder =
        { Protocol = "sip"
          Advance =
            fun now table event ->
                // A call was answered since the last event.
                let state = if answers <= now then changed state else state
                let state = advance now table event state

                let standing = state.Watchers |> List.exists (fun w -> not w.IsOver)
                let answers = if standing then nextAnswer now table else Instant.distantFuture

                let wake = (answers, state.Watchers) ||> List.fold (fun at w -> Instant.min at (wakeAt w))

                let commands = List.rev state.Outbox

                let commands =
                    if wake = Instant.distantFuture then
                        commands
                    else
                        // A time in the past would be requested again without end.
                        commands @ [ TickAt(Instant.max wake (Instant.ofMicros (now.Micros + 1L))) ]

                struct (responder answers { state with Outbox = [] }, commands)
          Identify = fun connection -> [ SipDocuments.identity connection ]
          Heard = state.Heard }

    let create (options: SipOptions) : Responder =
        responder
            Instant.distantFuture
            { Options = options
              Rng = Rng.create options.Seed
              Heard = 0
              Nonces = Map.empty
              Answered = Map.empty
              Streams = Map.empty
              Watchers = []
              MetForks = Set.empty
              Outbox = [] }

namespace CallServer.Gateway

open System
open System.Collections.Generic
open System.Text
open CallServer.Model
open CallServer.Wire

/// What kind of rtpengine to simulate.
type NgOptions =
    {
        /// How long it has been up when the simulation begins.
        UpTime: TimeSpan
        /// How many calls of the table had ended when it was started.
        EndedBefore: int64
        Vices: NgVices
    }

module NgOptions =
    let standard: NgOptions = { UpTime = TimeSpan.FromDays 3.0; EndedBefore = 0L; Vices = NgVices.none }

[<NoComparison; ReferenceEquality>]
type private NgState =
    {
        Options: NgOptions
        Started: Instant
        /// How many calls of the table had ended when it started.
        EndedBefore: int64
        Heard: int
        Answered: int
        /// Replies by cookie, whoever sent the request: those of the current half minute, and of the one before.
        Recent: Map<string, byte[]>
        Older: Map<string, byte[]>
        TurnsAt: Instant
        Streams: Map<int, NgFraming>
        /// The calls of the table by their ids.
        Listed: SimConnection[]
        Index: Dictionary<string, SimConnection>
    }

/// A simulated rtpengine: the ng protocol over a connection table. A peer whose name begins with `http` uses HTTP, where replies
/// may have any size.
module NgResponder =
    let private generation = TimeSpan.FromSeconds 30.0

    let private text (words: string) = Bencode.ofString words

    let private number (value: int64) = Bencode.Number value

    let private ok rest = Bencode.Members(rest @ [ "result", text "ok" ])

    let private error (reason: string) =
        Bencode.Members [ "result", text "error"; "error-reason", text reason ]

    /// When a call was offered; if the table lists no ringing calls, when it was answered.
    let private offered (table: Table) (connection: SimConnection) : Instant =
        if Table.listsRinging table then connection.Setup else connection.Start

    let private going (now: Instant) (table: Table) =
        table.Connections |> Array.filter (fun connection -> offered table connection <= now)

    let private statistics now (table: Table) (state: NgState) : Bencode =
        let vices = state.Options.Vices
        let sessions = int64 ((going now table).Length + vices.CountOffBy)
        let second instant = NgCalls.clock vices instant / 1_000_000L

        ok
            [ "statistics",
              Bencode.Members
                  [ "currentstatistics",
                    Bencode.Members
                        [ "sessionsown", number sessions
                          "sessionsforeign", number 0L
                          "sessionstotal", number sessions ]
                    "totalstatistics",
                    Bencode.Members
                        [ "uptime", text (string (second now - second state.Started))
                          "managedsessions", number (table.EndedTotal - state.EndedBefore)
                          "rejectedsessions", number 0L ] ] ]

    /// The sort key that gives calls the order of a hash table.
    let private hashed (connection: SimConnection) = BitConverter.ToUInt64(connection.Guid, 0)

    let private list now (limit: int) (table: Table) (state: NgState) : Bencode =
        let vices = state.Options.Vices
        let calls = going now table |> Array.sortBy hashed
        let shown = calls |> Array.truncate (max 0 (calls.Length - vices.ListShortBy))

        let ids =
            [ for call in shown do
                  for _ in 1 .. (if vices.Repeats then 3 else 1) do
                      text call.CallId ]

        ok [ "calls", Bencode.Items(List.truncate limit ids) ]

    let private find now table (callId: byte[]) (state: NgState) : SimConnection voption =
        match state.Index.TryGetValue(Encoding.UTF8.GetString callId) with
        | true, call when offered table call <= now && not (NgCalls.isUnknown state.Options.Vices call) ->
            ValueSome call
        | _ -> ValueNone

    let private answer
        now
        table
        (request: NgRequest)
        (state: NgState)
        : struct (Bencode * ResponderCommand list) =
        let vices = state.Options.Vices

        match request with
        | NgRequest.Ping -> struct (Bencode.Members [ "result", text "pong" ], [])
        | NgRequest.Statistics when vices.NoStatistics -> struct (error "Unrecognized command", [])
        | NgRequest.Statistics -> struct (statistics now table state, [])
        | NgRequest.List limit -> struct (list now limit table state, [])
        | NgRequest.Query callId ->
            match find now table callId state with
            | ValueSome call -> struct (ok (NgCalls.describe vices (offered table call) now call), [])
            | ValueNone -> struct (error "Unknown call-id", [])
        | NgRequest.Delete(callId, fromTag) ->
            let tag = Encoding.UTF8.GetString fromTag

            match find now table callId state with
            | ValueSome call when tag = "" -> struct (ok [], [ EndConnection call.Serial ])
            | ValueSome call when tag = NgCalls.offeringTag call || tag = NgCalls.answeringTag call ->
                struct (ok (NgCalls.describe vices (offered table call) now call),
                        [ EndConnection call.Serial ])
            | ValueSome _
            | ValueNone ->
                let warning = "Call-ID not found or tags didn't match"
                struct (Bencode.Members [ "warning", text warning; "result", text "ok" ], [])

    // Vices that concern the reply as a whole.

    /// Changes the order of the keys in every dictionary, except for parties, whose order has a meaning.
    let rec private shuffle (name: string) (value: Bencode) : Bencode =
        match value with
        | Bencode.Number _
        | Bencode.Text _ -> value
        | Bencode.Items items -> Bencode.Items(List.map (shuffle "") items)
        | Bencode.Members members ->
            let inner = members |> List.map (fun (key, value) -> key, shuffle key value)
            Bencode.Members(if name = "tags" then inner else List.rev inner)

    let private deep: Bencode =
        Seq.init 100 id |> Seq.fold (fun inner _ -> Bencode.Items [ inner ]) (Bencode.Items [])

    let private spoil (vices: NgVices) (body: Bencode) : Bencode =
        let body = if vices.ShuffledKeys then shuffle "" body else body

        match body with
        | Bencode.Members members when vices.Deep || vices.Padding > 0 ->
            Bencode.Members
                [ if vices.Deep then
                      "deep", deep
                  if vices.Padding > 0 then
                      "padding", Bencode.Text(Array.create vices.Padding 'x'B)
                  yield! members ]
        | _ -> body

    let private write (vices: NgVices) (cookie: string) (format: NgFormat) (body: Bencode) : byte[] =
        let cookie =
            if vices.WrongCookies then
                String(Array.rev (cookie.ToCharArray())) + "0"
            else
                cookie

        let format = if vices.Json then AsJson else format

        if vices.Garbage then
            Encoding.ASCII.GetBytes(cookie + " " + "\u0001\u0002 this is nothing")
        else
            let octets = Ng.encode cookie format (spoil vices body)
            if vices.Truncates then Array.truncate (octets.Length / 2) octets else octets

    let private respond
        now
        table
        (message: NgMessage)
        (state: NgState)
        : struct (NgState * byte[] * ResponderCommand list) =
        let vices = state.Options.Vices
        let state = { state with Heard = state.Heard + 1 }
        let isFaulty = vices.ErrorEvery.IsSome && state.Heard % vices.ErrorEvery.Value = 0

        let struct (body, commands) =
            match Ng.readRequest message.Body with
            | _ when vices.Refuses || isFaulty -> struct (error "Load limit reached", [])
            | Ok request -> answer now table request state
            | Error reason -> struct (error reason, [])

        let octets = write vices message.Cookie message.Format body
        struct ({ state with Recent = Map.add message.Cookie octets state.Recent }, octets, commands)

    let private known (cookie: string) (state: NgState) : byte[] voption =
        match Map.tryFind cookie state.Recent with
        | Some octets -> ValueSome octets
        | None -> Map.tryFind cookie state.Older |> ValueOption.ofOption

    let private isMute (state: NgState) =
        match state.Options.Vices.AnswersOnly with
        | ValueSome answers -> state.Answered >= answers
        | ValueNone -> false

    /// Takes in a message. `reply` sends its reply back.
    let private received now table octets reply (state: NgState) : struct (NgState * ResponderCommand list) =
        match Ng.decode octets with
        | _ when isMute state -> struct (state, [])
        | Error { Problem = NgProblem.NoCookie } -> struct (state, [])
        | Error problem ->
            match Ng.peek octets with
            | ValueSome cookie ->
                let octets = Ng.encode cookie AsBencode (error $"Could not decode dictionary: {problem}")
                struct (state, [ reply octets ])
            | ValueNone -> struct (state, [])
        | Ok message ->
            let state = { state with Answered = state.Answered + 1 }

            match known message.Cookie state with
            | ValueSome octets -> struct (state, [ reply octets ])
            | ValueNone ->
                let struct (state, octets, commands) = respond now table message state
                struct (state, reply octets :: commands)

    let private datagram now table (peer: string) octets (state: NgState) =
        let vices = state.Options.Vices

        let struct (state, commands) =
            received now table octets (fun octets -> SendTo(peer, vices.DelayPerRequest, octets)) state

        let isHttp = peer.StartsWith("http", StringComparison.Ordinal)

        let arrives command =
            match command with
            | SendTo(_, _, octets) -> isHttp || octets.Length <= vices.SilentAbove
            | WriteTo _
            | HangUp _
            | TickAt _
            | EndConnection _ -> true

        struct (state, List.filter arrives commands)

    let private ofStream now table (stream: int) octets (state: NgState) =
        let framing = Map.tryFind stream state.Streams |> Option.defaultValue NgFraming.empty
        let delay = state.Options.Vices.DelayPerRequest

        match NgFraming.feed octets framing with
        | Error _ -> struct ({ state with Streams = Map.remove stream state.Streams }, [ HangUp stream ])
        | Ok(struct (framing, messages)) ->
            let take (struct (state, commands)) message =
                let struct (state, more) =
                    received now table message (fun octets -> WriteTo(stream, delay, octets)) state

                struct (state, commands @ more)

            messages
            |> List.fold take (struct ({ state with Streams = Map.add stream framing state.Streams }, []))

    let private turn (now: Instant) (state: NgState) : NgState =
        if now < state.TurnsAt then
            state
        else
            { state with
                Older = (if now < state.TurnsAt + generation then state.Recent else Map.empty)
                Recent = Map.empty
                TurnsAt = now + generation }

    let private index (table: Table) (state: NgState) : NgState =
        if Object.ReferenceEquals(table.Connections, state.Listed) then
            state
        else
            let index = Dictionary<string, SimConnection>(table.Count)

            for connection in table.Connections do
                index[connection.CallId] <- connection

            { state with Listed = table.Connections; Index = index }

    let rec private wrap (state: NgState) : Responder =
        { Protocol = "ng"
          Advance =
            fun now table event ->
                let state = state |> turn now |> index table

                let struct (state, commands) =
                    match event with
                    | Datagram(peer, octets) -> datagram now table peer octets state
                    | Octets(stream, octets) -> ofStream now table stream octets state
                    | StreamClosed stream ->
                        struct ({ state with Streams = Map.remove stream state.Streams }, [])
                    | StreamCame _
                    | Tick
                    | Happened _ -> struct (state, [])
                    | Restarted ->
                        struct ({ state with
                                    Started = now
                                    EndedBefore = table.EndedTotal
                                    Recent = Map.empty
                                    Older = Map.empty
                                    Streams = Map.empty },
                                [ for KeyValue(stream, _) in state.Streams -> HangUp stream ])

                struct (wrap state, commands)
          Identify = NgCalls.identify state.Options.Vices
          Heard = state.Heard }

    /// Makes an rtpengine over this table.
    let create (options: NgOptions) (table: Table) : Responder =
        wrap
            { Options = options
              Started = table.Now - options.UpTime
              EndedBefore = options.EndedBefore
              Heard = 0
              Answered = 0
              Recent = Map.empty
              Older = Map.empty
              TurnsAt = table.Now + generation
              Streams = Map.empty
              Listed = [||]
              Index = Dictionary() }

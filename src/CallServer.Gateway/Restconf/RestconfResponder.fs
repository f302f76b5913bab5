namespace CallServer.Gateway

open System
open System.Text
open System.Text.Json.Nodes
open CallServer.Model
open CallServer.Wire

/// What kind of IOS-XE to simulate.
type RestconfOptions =
    {
        /// How long it has been up when the simulation begins.
        UpTime: TimeSpan
        /// The call-id of the first connection of the table.
        FirstId: int64
        /// The user and the password that it wants; nobody is refused without it.
        Login: struct (string * string) voption
        Vices: RestconfVices
    }

module RestconfOptions =
    let standard: RestconfOptions =
        { UpTime = TimeSpan.FromDays 3.0
          FirstId = 1L
          Login = ValueNone
          Vices = RestconfVices.none }

[<NoComparison; ReferenceEquality>]
type private RestconfState = { Options: RestconfOptions; Clock: RestconfClock; Started: Instant; Heard: int }

/// A simulated Cisco IOS-XE: its call legs over RESTCONF, from a connection table. A peer whose name begins with `http` uses a stream.
module RestconfResponder =
    [<Literal>]
    let private Json = "application/yang-data+json"

    [<Literal>]
    let private Times =
        "/restconf/data/Cisco-IOS-XE-device-hardware-oper:device-hardware-data/device-hardware/device-system-data"

    [<Literal>]
    let private Legs = "/restconf/data/Cisco-IOS-XE-voice-oper:voice-oper-data/active-voip-call-summary"

    /// When the leg was made; if the table lists no ringing calls, when it was answered.
    let private begun (table: Table) (connection: SimConnection) : Instant =
        if Table.listsRinging table then connection.Setup else connection.Start

    /// The number of legs at a moment that is not long past.
    let private countAt (moment: Instant) (table: Table) : int =
        let there = table.Connections |> Array.filter (fun one -> begun table one <= moment)

        let ended =
            table.Ended
            |> Array.filter (fun (struct (one, over)) -> over > moment && begun table one <= moment)

        there.Length + ended.Length

    let private total (now: Instant) (table: Table) (vices: RestconfVices) : int =
        max 0 (countAt (now - vices.TotalLate) table + vices.TotalOff)

    let private list (now: Instant) (table: Table) (state: RestconfState) : JsonArray =
        let vices = state.Options.Vices
        let there = table.Connections |> Array.filter (fun one -> begun table one <= now)
        let all = JsonArray()

        for one in Array.truncate (max 0 (there.Length - vices.ListShortBy)) there do
            for _ in 1 .. (if vices.Doubles then 2 else 1) do
                let isNameless = Words.isNth vices.NamelessEvery (int (one.Serial % 1000L))
                all.Add(RestconfLegs.describe state.Clock state.Options.FirstId isNameless now one)

        all

    let private times (now: Instant) (state: RestconfState) : JsonNode =
        let vices = state.Options.Vices

        let started =
            match vices.RestartsAfter with
            | ValueSome answers when state.Heard > answers -> now
            | ValueSome _
            | ValueNone -> state.Started

        let jitter = TimeSpan.FromSeconds(if vices.Jitters && state.Heard % 2 = 0 then 1.0 else 0.0)
        let booted = RestconfLegs.stamp state.Clock now started + jitter

        JsonNodes.object
            [ "Cisco-IOS-XE-device-hardware-oper:device-system-data",
              JsonNodes.object
                  [ "current-time",
                    JsonNodes.text (RestconfLegs.seconds state.Clock (RestconfLegs.shown state.Clock now))
                    "boot-time", JsonNodes.text (RestconfLegs.seconds state.Clock booted)
                    "software-version", JsonNodes.text "Cisco IOS Software [Bengaluru], Version 17.6.1a" ] ]

    /// The answer to a path: status, further headers, and a body where there is one.
    let private answer (now: Instant) (table: Table) (target: string) (state: RestconfState) =
        let vices = state.Options.Vices
        let ok (node: JsonNode) = struct (200, [], ValueSome node)
        let refuse status tag words = struct (status, [], ValueSome(RestconfLegs.error tag words))
        let missing = refuse 404 "invalid-value" "uri keypath not found"
        let counted = total now table vices

        match target with
        | Times -> if vices.NoTimes then missing else ok (times now state)
        | _ when vices.NoModule -> missing
        | _ when vices.NoContent -> struct (204, [], ValueNone)
        | _ when vices.IdleIsAbsent && countAt now table = 0 -> missing
        | Legs -> ok (RestconfLegs.summary counted (ValueSome(list now table state)))
        | _ when target = Legs + "?fields=total-call-legs" ->
            if vices.NoFields then
                refuse 400 "malformed-message" "unknown query parameter"
            else
                ok (RestconfLegs.summary counted ValueNone)
        | _ -> missing

    let private respond now (table: Table) (request: HttpRequest) (state: RestconfState) : byte[] =
        let vices = state.Options.Vices
        let isNth every = Words.isNth every state.Heard

        let struct (status, headers, body) =
            if vices.Unauthorized || not (HttpAnswers.isWelcome state.Options.Login request) then
                struct (401, [], ValueSome(RestconfLegs.error "access-denied" "access denied"))
            elif vices.Forbidden then
                struct (403, [], ValueSome(RestconfLegs.error "access-denied" "Access denied"))
            elif state.Heard <= vices.BusyFor then
                struct (503, [], ValueNone)
            elif isNth vices.BusyEvery then
                struct (503, [ "Retry-After", "2" ], ValueNone)
            elif isNth vices.LockedEvery then
                struct (409, [], ValueSome(RestconfLegs.error "in-use" "the configuration database is locked"))
            elif isNth vices.TooManyEvery then
                struct (429, [], ValueNone)
            elif isNth vices.ErrorEvery then
                struct (500, [], ValueSome(RestconfLegs.error "operation-failed" "internal error"))
            else
                answer now table request.Target state

        let id =
            if vices.WrongIds then
                "another"
            else
                HttpMessage.tryHeader HttpMessage.Id request.Headers |> ValueOption.defaultValue ""

        let write status kind headers body =
            HttpAnswers.write
                id
                "nginx"
                (RestconfLegs.shown state.Clock now)
                status
                (("Content-Type", kind) :: headers)
                body

        if vices.Garbage then
            HttpAnswers.garbage
        elif vices.Html then
            write 200 "text/html" [] (HttpAnswers.page "It works!")
        elif vices.NoRestconf then
            write 404 "text/html" [] (HttpAnswers.page "404 Not Found")
        else
            match body with
            | ValueSome node ->
                Encoding.UTF8.GetBytes(node.ToJsonString())
                |> HttpAnswers.damaged vices.Truncates vices.Padding
                |> write status Json headers
            | ValueNone when status = 204 -> write status Json headers [||]
            | ValueNone -> write status "text/html" headers (HttpAnswers.page "nginx")

    let private datagram now table (peer: string) (octets: byte[]) (state: RestconfState) =
        let vices = state.Options.Vices
        let isMute = vices.AnswersOnly |> ValueOption.exists (fun answers -> state.Heard >= answers)

        match HttpMessage.decodeRequest octets with
        | Ok request when not isMute ->
            let state = { state with Heard = state.Heard + 1 }
            struct (state, [ SendTo(peer, vices.DelayPerRequest, respond now table request state) ])
        | Ok _
        | Error _ -> struct (state, [])

    let rec private wrap (state: RestconfState) : Responder =
        { Protocol = "restconf"
          Advance =
            fun now table event ->
                let struct (state, commands) =
                    match event with
                    | Datagram(peer, octets) -> datagram now table peer octets state
                    // Nothing but HTTP comes over streams, and HttpBodies carries that.
                    | Octets(stream, _) -> struct (state, [ HangUp stream ])
                    | StreamCame _
                    | StreamClosed _
                    | Tick
                    | Happened _ -> struct (state, [])
                    | Restarted -> struct ({ state with Started = now }, [])

                struct (wrap state, commands)
          Identify = fun connection -> [ RestconfLegs.identify state.Options.FirstId connection ]
          Heard = state.Heard }

    /// Makes an IOS-XE over this table.
    let create (options: RestconfOptions) (table: Table) : Responder =
        wrap
            { Options = options
              Clock = { Vices = options.Vices; SetAt = table.Now }
              Started = table.Now - options.UpTime
              Heard = 0 }

    /// Makes the responder reachable over HTTP.
    let serve (responder: Responder) : Responder = HttpBodies.serve (Whole "GET") responder

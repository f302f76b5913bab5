namespace CallServer.Gateway

open System
open System.Text
open System.Text.Json.Nodes
open CallServer.Model
open CallServer.Wire

/// What kind of Asterisk to simulate.
type AriOptions =
    {
        /// How long it has been up when the simulation begins.
        UpTime: TimeSpan
        /// The user and the password that it wants; nobody is refused without it.
        Login: struct (string * string) voption
        Vices: AriVices
    }

module AriOptions =
    let standard: AriOptions = { UpTime = TimeSpan.FromDays 3.0; Login = ValueNone; Vices = AriVices.none }

[<NoComparison; ReferenceEquality>]
type private AriState =
    {
        Options: AriOptions
        Started: Instant
        /// When somebody set its clock, if anybody did.
        SetAt: Instant
        Heard: int
    }

/// A simulated Asterisk: its REST Interface over a connection table. A peer whose name begins with `http` uses a stream.
module AriResponder =
    [<Literal>]
    let private Json = "application/json"

    /// When the channel was made; if the table lists no ringing calls, when it was answered.
    let private begun (table: Table) (connection: SimConnection) : Instant =
        if Table.listsRinging table then connection.Setup else connection.Start

    /// The channels at a moment that is not long past.
    let private at (moment: Instant) (table: Table) : SimConnection[] =
        let ended =
            table.Ended
            |> Array.filter (fun (struct (_, over)) -> over > moment)
            |> Array.map (fun (struct (one, _)) -> one)

        Array.append ended table.Connections |> Array.filter (fun one -> begun table one <= moment)

    let private listed (now: Instant) (table: Table) (vices: AriVices) : SimConnection[] =
        let there = at (now - vices.Stale) table
        let ghosts = table.Ended |> Array.truncate vices.Ghosts |> Array.map (fun (struct (one, _)) -> one)
        Array.append (Array.truncate (max 0 (there.Length - vices.ListShortBy)) there) ghosts

    let private list (now: Instant) (table: Table) (vices: AriVices) (setAt: Instant) : JsonNode =
        let all = JsonArray()

        for one in listed now table vices do
            for _ in 1 .. (if vices.Doubles then 2 else 1) do
                let isNameless = Words.isNth vices.NamelessEvery (int (one.Serial % 1000L))
                all.Add(AriChannels.describe vices setAt isNameless (now - vices.Stale) one)

        all

    let private message (words: string) : JsonNode = JsonNodes.object [ "message", JsonNodes.text words ]

    let private status (now: Instant) (state: AriState) : JsonNode =
        let vices = state.Options.Vices

        let started =
            match vices.RestartsAfter with
            | ValueSome answers when state.Heard > answers -> now - TimeSpan.FromSeconds 1.0
            | ValueSome _
            | ValueNone -> state.Started

        let shown = AriChannels.text vices (AriChannels.clock vices state.SetAt started)
        JsonNodes.object [ "status", JsonNodes.object [ "startup_time", JsonNodes.text shown ] ]

    /// The answer of a path below `/ari`: status and body; nothing where it stalls.
    let private answer (now: Instant) (table: Table) (target: string) (state: AriState) =
        let vices = state.Options.Vices
        let ok (node: JsonNode) = ValueSome(struct (200, node))
        let refuse status words = ValueSome(struct (status, message words))
        let parts = target.Split '/' |> Array.map Uri.UnescapeDataString

        let has (id: string) =
            if vices.DeniesChannels then
                None
            else
                at now table |> Array.tryFind (fun one -> AriChannels.id one = id)

        match parts with
        | [| ""; "asterisk"; "info?only=status" |] -> ok (status now state)
        | [| ""; "channels" |] -> ok (list now table vices state.SetAt)
        | [| ""; "channels"; id |] ->
            // It shows what the list shows, and what the list should.
            match
                Array.append (at now table) (listed now table { vices with Stale = TimeSpan.Zero })
                |> Array.tryFind (fun one -> AriChannels.id one = id)
            with
            | Some one -> ok (AriChannels.describe vices state.SetAt false now one)
            | None -> refuse 404 "Channel not found"
        | [| ""; "channels"; _; "rtp_statistics" |] when vices.StatisticsStall -> ValueNone
        | [| ""; "channels"; id; "rtp_statistics" |] ->
            match has id with
            | None -> refuse 404 "Channel not found"
            | Some _ when vices.NoRtp -> refuse 404 "RTP info not found"
            | Some one -> ok (AriChannels.statistics now one)
        | [| ""; "channels"; _; _ |] when vices.VariablesStall -> ValueNone
        | [| ""; "channels"; id; variable |] when
            variable.StartsWith("variable?variable=", StringComparison.Ordinal)
            ->
            match has id, variable.Substring "variable?variable=".Length with
            | None, _ -> refuse 404 "Provided channel was not found"
            | Some one, "CHANNEL(audionativeformat)" ->
                ok (JsonNodes.object [ "value", JsonNodes.text (AriChannels.format one) ])
            | Some one, "CDR(answer,u)" ->
                ok (
                    JsonNodes.object
                        [ "value", JsonNodes.text (AriChannels.answered vices state.SetAt now one) ]
                )
            | Some _, name when name.EndsWith ')' -> refuse 500 "Unable to read provided function"
            | Some _, _ -> refuse 404 "Provided variable was not found"
        | _ -> refuse 404 "Resource not found"

    let private octetsOf (vices: AriVices) (node: JsonNode) : byte[] =
        Encoding.UTF8.GetBytes(node.ToJsonString()) |> HttpAnswers.damaged vices.Truncates vices.Padding

    /// A whole response. Asterisk's clock is in its Date, if no proxy writes its own.
    let private write
        (vices: AriVices)
        (setAt: Instant)
        (now: Instant)
        (id: string)
        (status: int)
        (kind: string)
        (isProxy: bool)
        (body: byte[])
        =
        let server, shown =
            if isProxy || vices.Proxied then
                "nginx", now
            else
                "Asterisk/22.5.2", AriChannels.clock vices setAt now

        if vices.Garbage then
            HttpAnswers.garbage
        else
            let id = if vices.WrongIds then "another" else id
            HttpAnswers.write id server shown status [ "Content-Type", kind ] body

    /// The response to a request; nothing where it stalls.
    let private respond now (table: Table) (request: HttpRequest) (state: AriState) : byte[] voption =
        let vices = state.Options.Vices
        let id = HttpMessage.tryHeader HttpMessage.Id request.Headers |> ValueOption.defaultValue ""

        let html status isProxy words =
            ValueSome(write vices state.SetAt now id status "text/html" isProxy (HttpAnswers.page words))

        let json status node =
            ValueSome(write vices state.SetAt now id status Json false (octetsOf vices node))

        if vices.Html then
            html 200 true "It works!"
        elif Words.isNth vices.BadGatewayEvery state.Heard then
            html 502 true "502 Bad Gateway"
        elif vices.NoAri || not (request.Target.StartsWith("/ari/", StringComparison.Ordinal)) then
            html 404 false "Not Found"
        elif vices.Unauthorized || not (HttpAnswers.isWelcome state.Options.Login request) then
            json 401 (message "Authentication required")
        elif vices.Forbidden then
            json 403 (message "Access denied by ACL")
        elif state.Heard <= vices.BootsFor then
            json 503 (message "Asterisk not booted")
        elif Words.isNth vices.ErrorEvery state.Heard then
            json 500 (message "Allocation failed")
        else
            answer now table (request.Target.Substring "/ari".Length) state
            |> ValueOption.bind (fun (struct (status, node)) -> json status node)

    let private datagram now table (peer: string) (octets: byte[]) (state: AriState) =
        let vices = state.Options.Vices
        let isMute = vices.AnswersOnly |> ValueOption.exists (fun answers -> state.Heard >= answers)

        match HttpMessage.decodeRequest octets with
        | Ok request when not isMute ->
            let state = { state with Heard = state.Heard + 1 }

            struct (state,
                    [ match respond now table request state with
                      | ValueSome response -> SendTo(peer, vices.DelayPerRequest, response)
                      | ValueNone -> () ])
        | Ok _
        | Error _ -> struct (state, [])

    let rec private wrap (state: AriState) : Responder =
        { Protocol = "ari"
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
          Identify = fun connection -> [ AriChannels.identify connection ]
          Heard = state.Heard }

    /// Makes an Asterisk over this table.
    let create (options: AriOptions) (table: Table) : Responder =
        wrap { Options = options; Started = table.Now - options.UpTime; SetAt = table.Now; Heard = 0 }

    /// Makes the responder reachable over HTTP.
    let serve (responder: Responder) : Responder = HttpBodies.serve (Whole "GET") responder

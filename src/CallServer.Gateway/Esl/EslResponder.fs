namespace CallServer.Gateway

open System
open System.Text
open System.Text.Encodings.Web
open System.Text.Json
open System.Text.Json.Nodes
open CallServer.Model
open CallServer.Prelude
open CallServer.Wire

/// What kind of FreeSWITCH to simulate.
[<NoComparison>]
type EslOptions =
    {
        /// How long it has been up when the simulation begins.
        UpTime: TimeSpan
        /// How many calls of the table had ended when it was started.
        EndedBefore: int64
        Password: byte[]
        /// For the names of its runs.
        Seed: uint64
        Vices: EslVices
    }

module EslOptions =
    /// With the password that FreeSWITCH comes with.
    let standard: EslOptions =
        { UpTime = TimeSpan.FromDays 3.0
          EndedBefore = 0L
          Password = "ClueCon"B
          Seed = 1UL
          Vices = EslVices.none }

/// One open stream.
[<NoComparison>]
type private EslPeer = { Stream: EslStream; IsIn: bool }

[<NoComparison; ReferenceEquality>]
type private EslState =
    {
        Options: EslOptions
        Started: Instant
        /// How many calls of the table had ended by then.
        EndedBefore: int64
        Peers: Map<int, EslPeer>
        /// Commands answered.
        Heard: int
        /// Questions about single channels.
        Asked: int
    }

/// A simulated FreeSWITCH's event socket over a connection table.
module EslResponder =
    let private begun (table: Table) (connection: SimConnection) : Instant =
        if Table.listsRinging table then connection.Setup else connection.Start

    /// What its database shows: the channels of some moment ago, in the order in which they were created, and those that stayed behind.
    let private shown (now: Instant) (table: Table) (state: EslState) : SimConnection[] =
        let vices = state.Options.Vices
        let at = now - vices.ListLag
        let ended = table.Ended |> Array.filter (fun (struct (_, over)) -> over >= state.Started)
        let late = ended |> Array.filter (fun (struct (one, over)) -> over > at && begun table one <= at)
        let ghosts = ended |> Array.skip (max 0 (ended.Length - vices.Ghosts))
        let going = table.Connections |> Array.filter (fun one -> begun table one <= at)

        Array.concat [ going; Array.map (fun (struct (one, _)) -> one) (Array.append late ghosts) ]
        |> Array.distinctBy _.Serial
        |> Array.sortBy _.Serial

    let private json (node: JsonNode) : string =
        node.ToJsonString(JsonSerializerOptions(Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping))

    let private list (now: Instant) (table: Table) (state: EslState) : string =
        let vices = state.Options.Vices
        let shown = shown now table state
        let shown = Array.truncate (max 0 (shown.Length - vices.ListShortBy)) shown
        let rows = JsonArray()

        for one in shown do
            for _ in 1 .. (if vices.Doubles then 2 else 1) do
                let isNameless = Words.isNth vices.NamelessEvery (int (one.Serial % 1000L))
                rows.Add(EslChannels.row vices (now - vices.ListLag) isNameless one)

        if vices.SqlDisabled then
            "-ERR SQL disabled, no data available!\n"
        elif vices.SqlError then
            "-ERR SQL Error [database is locked]\n{\"row_count\": 0}\n"
        elif rows.Count = 0 then
            "{\"row_count\": 0}\n"
        else
            let count = int64 (rows.Count + vices.RowCountOffBy)
            json (JsonNodes.object [ "row_count", JsonNodes.number count; "rows", rows ])

    let private restarted (now: Instant) (state: EslState) : Instant =
        match state.Options.Vices.RestartsAfter with
        | ValueSome answers when state.Heard > answers -> now - TimeSpan.FromSeconds 1.0
        | ValueSome _
        | ValueNone -> state.Started

    let private coreUuid (now: Instant) (state: EslState) : string =
        let seed = state.Options.Seed ^^^ uint64 (restarted now state).Micros
        let struct (high, rng) = Rng.next (Rng.create seed)
        let struct (low, _) = Rng.next rng
        Guid(Array.append (BitConverter.GetBytes high) (BitConverter.GetBytes low)).ToString()

    let private upTime (now: Instant) (state: EslState) : JsonNode =
        let up: TimeSpan = now - restarted now state

        JsonNodes.object
            [ "years", JsonNodes.number (int64 (up.Days / 365))
              "days", JsonNodes.number (int64 (up.Days % 365))
              "hours", JsonNodes.number (int64 up.Hours)
              "minutes", JsonNodes.number (int64 up.Minutes)
              "seconds", JsonNodes.number (int64 up.Seconds)
              "milliseconds", JsonNodes.number (int64 up.Milliseconds)
              "microseconds", JsonNodes.number (int64 up.Microseconds) ]

    let private status (now: Instant) (table: Table) (state: EslState) : JsonNode =
        let vices = state.Options.Vices
        let going = table.Connections |> Array.filter (fun one -> begun table one <= now)
        let total = table.ListedTotal - state.EndedBefore + vices.TotalBase

        let count =
            JsonNodes.object
                [ "total", JsonNodes.number total
                  "active", JsonNodes.number (int64 (max 0 (going.Length + vices.CountOffBy))) ]

        JsonNodes.object
            [ "systemStatus", JsonNodes.text "ready"
              "uptime", upTime now state
              "version", JsonNodes.text "1.10.12 (simulated)"
              "sessions", JsonNodes.object [ "count", count ] ]

    let private tryFind (now: Instant) (table: Table) (uuid: string) : SimConnection voption =
        table.Connections
        |> Array.tryFind (fun one -> begun table one <= now && EslChannels.uuid one = uuid)
        |> ValueOption.ofOption

    /// What a question in JSON is answered: the question itself, and the answer in it.
    let private answered (question: string) (isDone: bool) (response: JsonNode) : string =
        match JsonNode.Parse question with
        | :? JsonObject as all ->
            all["status"] <- JsonValue.Create(if isDone then "success" else "error")
            all["response"] <- response
            json all + "\n"
        | _ -> "-ERR Parse error.\n"

    let private askedFor (question: string) : struct (string * string) =
        let octets = Encoding.UTF8.GetBytes question
        let view: JsonView = { Octets = octets; Start = 0; Length = octets.Length }
        let command = JsonView.tryText "command" view |> ValueOption.defaultValue ""

        let uuid =
            JsonView.tryMember "data" view
            |> ValueOption.bind (JsonView.tryText "uuid")
            |> ValueOption.defaultValue ""

        struct (command, uuid)

    let private refusal (words: string) : JsonNode = JsonNodes.object [ "response", JsonNodes.text words ]

    /// What it prints, and the connection that ended just before.
    let private questioned now table (question: string) (state: EslState) =
        let vices = state.Options.Vices
        let isOver = Words.isNth vices.EndsWhenAsked state.Asked

        match askedFor question with
        | struct ("status", _) -> struct (state, answered question true (status now table state), ValueNone)
        | struct ("channelData", uuid) ->
            let found = tryFind now table uuid

            let isDone, response =
                match found with
                | ValueSome _ when Words.isNth vices.UntoldEvery state.Asked -> false, refusal "INVALID INPUT"
                | ValueSome one when not isOver ->
                    true, JsonNodes.object [ "channelData", EslChannels.data vices now one ]
                | ValueSome _
                | ValueNone -> false, refusal "Session does not exist"

            struct ({ state with Asked = state.Asked + 1 },
                    answered question isDone response,
                    (if isOver then found else ValueNone))
        | _ -> struct (state, answered question false null, ValueNone)

    let private execute now table (command: string) (state: EslState) =
        let vices = state.Options.Vices
        let isFaulty = vices.ErrorEvery.IsSome && state.Heard % vices.ErrorEvery.Value = 0
        let say (words: string) = struct (state, words, ValueNone)
        let parts = command.Split(' ', 2)
        let name = parts[0]

        match name, (if parts.Length = 2 then parts[1].Trim() else "") with
        | _ when isFaulty -> say "-ERR Memory Error!\n"
        | "global_getvar", "core_uuid" -> say (coreUuid now state)
        | "strmicroepoch", _ when not vices.NoClock -> say (string (EslChannels.clock vices now))
        | "show", "channels as json" -> say (list now table state)
        | "uuid_exists", uuid -> say (if (tryFind now table uuid).IsSome then "true" else "false")
        | "json", question when question.StartsWith '{' -> questioned now table question state
        | _ -> say $"-ERR {name} Command not found!\n"

    let private reply (text: string) : byte[] =
        Esl.encode [ "Content-Type", "command/reply"; "Reply-Text", text ] [||]

    let private notice: byte[] =
        Esl.encode [ "Content-Type", "text/disconnect-notice" ] "Disconnected, goodbye.\n"B

    let private event: byte[] =
        let body = "Event-Name: HEARTBEAT\nContent-Type: api/response\n\n"B
        Esl.encode [ "Content-Length", string body.Length; "Content-Type", "text/event-plain" ] body

    /// The answer to an API command, with the vices that concern answers as a whole.
    let private response (vices: EslVices) (printed: string) : byte[] =
        let body = Encoding.UTF8.GetBytes(if printed = "" then "-ERR no reply\n" else printed)
        let body = if vices.Truncates then Array.truncate (body.Length / 2) body else body
        let answer = Esl.encode [ "Content-Type", "api/response" ] body

        if vices.Garbage then "\u0001\u0002 this is nothing\n\n"B
        elif vices.Events then Array.append event answer
        else answer

    let private isMute (state: EslState) : bool =
        state.Options.Vices.AnswersOnly |> ValueOption.exists (fun answers -> state.Heard >= answers)

    /// Takes in one command.
    let private told now table (stream: int) (command: string) (state: EslState) =
        let vices = state.Options.Vices
        let write octets = WriteTo(stream, vices.DelayPerRequest, octets)
        let peer = state.Peers[stream]
        let password = Encoding.UTF8.GetString state.Options.Password

        if isMute state then
            struct (state, [])
        elif not peer.IsIn then
            if command = $"auth {password}" && not vices.OtherPassword then
                struct ({ state with Peers = Map.add stream { peer with IsIn = true } state.Peers },
                        [ write (reply "+OK accepted") ])
            else
                struct ({ state with Peers = Map.remove stream state.Peers },
                        [ write (reply "-ERR invalid"); write notice; HangUp stream ])
        elif vices.HangsUpAfter |> ValueOption.exists (fun answers -> state.Heard >= answers) then
            struct ({ state with Peers = Map.remove stream state.Peers }, [ write notice; HangUp stream ])
        else
            let state = { state with Heard = state.Heard + 1 }

            if vices.Refuses then
                struct (state, [ write (reply "-ERR permission denied") ])
            elif command.StartsWith("api ", StringComparison.Ordinal) then
                let struct (state, printed, ended) = execute now table (command.Substring 4) state

                struct (state,
                        [ match ended with
                          | ValueSome one -> EndConnection one.Serial
                          | ValueNone -> ()
                          write (response vices printed) ])
            elif command = "exit" then
                struct ({ state with Peers = Map.remove stream state.Peers },
                        [ write (reply "+OK bye"); write notice; HangUp stream ])
            else
                struct (state, [ write (reply "-ERR command not found") ])

    let private opened (stream: int) (state: EslState) =
        let vices = state.Options.Vices
        let write octets = WriteTo(stream, vices.DelayPerRequest, octets)

        if isMute state then
            struct (state, [])
        elif vices.Rejects then
            struct (state,
                    [ write (
                          Esl.encode [ "Content-Type", "text/rude-rejection" ] "Access Denied, go away.\n"B
                      )
                      HangUp stream ])
        else
            struct ({ state with Peers = Map.add stream { Stream = Esl.empty; IsIn = false } state.Peers },
                    [ write (Esl.encode [ "Content-Type", "auth/request" ] [||]) ])

    let private arrived now table (stream: int) (octets: byte[]) (state: EslState) =
        match Map.tryFind stream state.Peers with
        | None -> struct (state, [])
        | Some peer ->
            let struct (commands, outcome) = Esl.feedCommands octets peer.Stream

            let take (struct (state: EslState, asked)) command =
                if state.Peers.ContainsKey stream then
                    let struct (state, more) = told now table stream command state
                    struct (state, asked @ more)
                else
                    struct (state, asked)

            let rest = outcome |> Result.defaultValue Esl.empty
            let state = { state with Peers = Map.add stream { peer with Stream = rest } state.Peers }
            let struct (state, asked) = List.fold take (struct (state, [])) commands

            match outcome with
            | Ok _ -> struct (state, asked)
            | Error _ ->
                struct ({ state with Peers = Map.remove stream state.Peers }, asked @ [ HangUp stream ])

    let rec private wrap (state: EslState) : Responder =
        { Protocol = "esl"
          Advance =
            fun now table event ->
                let struct (state, commands) =
                    match event with
                    | StreamCame stream -> opened stream state
                    | Octets(stream, octets) -> arrived now table stream octets state
                    | StreamClosed stream -> struct ({ state with Peers = Map.remove stream state.Peers }, [])
                    | Datagram _
                    | Tick
                    | Happened _ -> struct (state, [])
                    | Restarted ->
                        struct ({ state with
                                    Started = now
                                    EndedBefore = table.EndedTotal
                                    Peers = Map.empty },
                                [ for KeyValue(stream, _) in state.Peers -> HangUp stream ])

                struct (wrap state, commands)
          Identify = fun connection -> [ EslChannels.identify connection ]
          Heard = state.Heard }

    /// Makes a FreeSWITCH over this table.
    let create (options: EslOptions) (table: Table) : Responder =
        wrap
            { Options = options
              Started = table.Now - options.UpTime
              EndedBefore = options.EndedBefore
              Peers = Map.empty
              Heard = 0
              Asked = 0 }

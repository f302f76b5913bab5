namespace CallServer.Gateway

open System
open System.Text
open System.Text.Json.Nodes
open CallServer.Model
open CallServer.Wire

/// What kind of Kamailio to simulate.
type KamailioOptions =
    {
        /// How long it has been up when the simulation begins.
        UpTime: TimeSpan
        /// How many calls of the table had ended when it was started.
        EndedBefore: int64
        Vices: KamailioVices
    }

module KamailioOptions =
    let standard: KamailioOptions =
        { UpTime = TimeSpan.FromDays 3.0; EndedBefore = 0L; Vices = KamailioVices.none }

[<NoComparison; ReferenceEquality>]
type private KamailioState =
    {
        Options: KamailioOptions
        Started: Instant
        /// How many calls of the table had ended by then.
        EndedBefore: int64
        Heard: int
        /// The count that was told last.
        Counted: int
    }

/// A simulated Kamailio: JSON-RPC over a connection table. A peer whose name begins with `http` uses HTTP, where replies may have any size.
module KamailioResponder =
    /// How long a dialog that is over is still listed: as long as its transaction lives (wt_timer).
    let lingering = TimeSpan.FromSeconds 5.0

    let private over (now: Instant) (table: Table) (state: KamailioState) =
        let vices = state.Options.Vices

        table.Ended
        |> Array.filter (fun (struct (_, at)) ->
            at >= state.Started && not vices.DropsEnded && (vices.KeepsEnded || now - at < lingering))

    let private briefing (now: Instant) (format: string) (table: Table) (state: KamailioState) : JsonNode =
        let vices = state.Options.Vices

        let going =
            ProxyDialogs.going now table |> Array.map (fun connection -> struct (connection, ValueNone))

        let going = Array.truncate (max 0 (going.Length - vices.ListShortBy)) going
        let over = over now table state |> Array.map (fun (struct (one, at)) -> struct (one, ValueSome at))

        let rows =
            Array.append going over
            |> Array.filter (fun (struct (one, _)) ->
                not (Words.isNth vices.MissesBucket (ProxyDialogs.bucket one)))
            |> Array.sortBy (fun (struct (one, _)) -> struct (ProxyDialogs.bucket one, one.Serial))

        let list = JsonArray()

        for struct (one, ended) in rows do
            for _ in 1 .. (if vices.Doubles then 2 else 1) do
                let isNameless = Words.isNth vices.NamelessEvery (int (one.Serial % 1000L))
                let format = if isNameless then format.Replace("c", "") else format
                list.Add(KamailioDialogs.brief vices format now ended one)

        list

    let private upTime now (state: KamailioState) : JsonNode =
        let vices = state.Options.Vices

        let started =
            match vices.RestartsAfter with
            | ValueSome answers when state.Heard > answers -> now - TimeSpan.FromSeconds 1.0
            | ValueSome _
            | ValueNone -> state.Started

        let now, since = KamailioDialogs.clock vices now, KamailioDialogs.firstClock vices started

        JsonNodes.object
            [ "now", JsonValue.Create(ProxyDialogs.text now)
              "up_since", JsonValue.Create(ProxyDialogs.text since)
              "uptime", JsonNodes.number (now - since) ]

    let private counts now (table: Table) (counted: int) : JsonNode =
        let active = ProxyDialogs.going now table |> Array.filter (SimConnection.isActive now)

        JsonNodes.object
            [ "starting", JsonNodes.number (int64 (counted - active.Length))
              "connecting", JsonNodes.number 0L
              "answering", JsonNodes.number 0L
              "ongoing", JsonNodes.number (int64 active.Length)
              "all", JsonNodes.number (int64 counted) ]

    /// The dialog of this bucket and number, of those that go on.
    let private named now (table: Table) (parameters: JsonView voption) : SimConnection voption =
        match parameters |> ValueOption.map (JsonView.items 2 >> Array.map JsonView.asNumber) with
        | ValueSome [| ValueSome entry; ValueSome number |] ->
            ProxyDialogs.going now table
            |> Array.tryFind (fun one -> KamailioDialogs.isNamed entry number one)
            |> ValueOption.ofOption
        | ValueSome _
        | ValueNone -> ValueNone

    let private firstText (parameters: JsonView voption) : string voption =
        match parameters |> ValueOption.map (JsonView.items 1) with
        | ValueSome [| first |] -> JsonView.asText first
        | ValueSome _
        | ValueNone -> ValueNone

    let private unknown = Error(struct (500, "Method Not Found"))

    let private answer
        now
        (table: Table)
        (name: string)
        (parameters: JsonView voption)
        (state: KamailioState)
        =
        let vices = state.Options.Vices
        let counted = (ProxyDialogs.going now table).Length

        match name with
        | "core.uptime" -> struct (state, Ok(upTime now state))
        | "core.version" -> struct (state, Ok(JsonValue.Create "kamailio 5.6.3 (simulated)" :> JsonNode))
        | "stats.fetch"
        | "stats.fetchn" when not vices.NoTotal ->
            let begun =
                (table.ListedTotal - state.EndedBefore + vices.TotalBase) &&& (KamailioVices.totalPeriod - 1L)

            struct (state, Ok(JsonNodes.object [ "dialog.processed_dialogs", JsonNodes.number begun ]))
        | "dlg.stats_active" when not vices.NoDialogs && not vices.NoCount ->
            let told = max 0 ((if vices.CountLags then state.Counted else counted) + vices.CountOffBy)
            struct ({ state with Counted = counted }, Ok(counts now table told))
        | "dlg.briefing" when not vices.NoDialogs ->
            let format = firstText parameters |> ValueOption.defaultValue "ftcFT"
            struct (state, Ok(briefing now format table state))
        | "dlg.dlg_list" when not vices.NoDialogs ->
            let callId = firstText parameters

            let found =
                ProxyDialogs.going now table
                |> Array.tryFind (fun one -> not vices.HidesDialog && callId = ValueSome one.CallId)

            struct (state,
                    Ok(
                        match found with
                        | Some one -> KamailioDialogs.describe vices now one
                        | None -> JsonObject()
                    ))
        | "dlg.end_dlg" when not vices.NoDialogs ->
            match named now table parameters with
            | ValueSome _ -> struct (state, Ok(JsonObject() :> JsonNode))
            | ValueNone -> struct (state, Error(struct (404, "Dialog not found")))
        | _ -> struct (state, unknown)

    let private deep: JsonNode =
        Seq.init 100 id |> Seq.fold (fun (inner: JsonNode) _ -> JsonArray [| inner |]) (JsonArray())

    // Vices that concern the reply as a whole.

    let private write
        (vices: KamailioVices)
        (id: string)
        (result: Result<JsonNode, struct (int * string)>)
        : byte[] =
        let id = if vices.WrongIds then "\"another\"" else id

        let octets =
            match result with
            | Ok _ when vices.Deep -> JsonRpc.encodeResult id (deep.DeepClone())
            | Ok node -> JsonRpc.encodeResult id node
            | Error(struct (code, message)) -> JsonRpc.encodeError id code message

        if vices.Garbage then Encoding.ASCII.GetBytes "\u0001\u0002 this is nothing"
        elif vices.Truncates then Array.truncate (octets.Length / 2) octets
        else Array.append octets (Array.create vices.Padding ' 'B)

    let private datagram now table (peer: string) (octets: byte[]) (state: KamailioState) =
        let vices = state.Options.Vices
        let isMute = vices.AnswersOnly |> ValueOption.exists (fun answers -> state.Heard >= answers)

        match JsonRpc.decode octets with
        | Ok { Id = id; Body = JsonRpcBody.Request(name, parameters) } when not isMute ->
            let state = { state with Heard = state.Heard + 1 }
            let isFaulty = vices.ErrorEvery.IsSome && state.Heard % vices.ErrorEvery.Value = 0

            let struct (state, result) =
                if vices.Refuses || isFaulty then
                    struct (state, Error(struct (500, "Server failure")))
                else
                    answer now table name parameters state

            let ended =
                match result, name with
                | Ok _, "dlg.end_dlg" when not vices.KeepsReleased -> named now table parameters
                | _ -> ValueNone

            let reply = write vices id result
            let isHttp = peer.StartsWith("http", StringComparison.Ordinal)

            struct (state,
                    [ if isHttp || reply.Length <= vices.SilentAbove then
                          SendTo(peer, vices.DelayPerRequest, reply)
                      match ended with
                      | ValueSome one -> EndConnection one.Serial
                      | ValueNone -> () ])
        | Ok _
        | Error _ -> struct (state, [])

    let rec private wrap (state: KamailioState) : Responder =
        { Protocol = "jsonrpc"
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
                    | Restarted ->
                        struct ({ state with Started = now; EndedBefore = table.EndedTotal; Counted = 0 }, [])

                struct (wrap state, commands)
          Identify = fun connection -> [ KamailioDialogs.identify connection ]
          Heard = state.Heard }

    /// Makes a Kamailio over this table.
    let create (options: KamailioOptions) (table: Table) : Responder =
        wrap
            { Options = options
              Started = table.Now - options.UpTime
              EndedBefore = options.EndedBefore
              Heard = 0
              Counted = table.Count }

    let private form: HttpBodies =
        Posted
            { Path = "/RPC"
              ContentType = "application/json"
              Status =
                fun reply ->
                    match JsonRpc.decode reply with
                    | Ok { Body = JsonRpcBody.Refused(code, message) } -> $"{code} {message}"
                    | Ok _
                    | Error _ -> "200 OK" }

    /// Makes the responder reachable over HTTP too, as the module xhttp does.
    let serve (responder: Responder) : Responder = HttpBodies.serve form responder

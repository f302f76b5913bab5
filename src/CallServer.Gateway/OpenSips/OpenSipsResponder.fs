namespace CallServer.Gateway

open System
open System.Globalization
open System.Text
open System.Text.Json.Nodes
open CallServer.Model
open CallServer.Wire

/// What kind of OpenSIPS to simulate.
type OpenSipsOptions =
    {
        /// How long it has been up when the simulation begins.
        UpTime: TimeSpan
        /// How many calls of the table had begun when it was started.
        BegunBefore: int64
        Vices: OpenSipsVices
    }

module OpenSipsOptions =
    let standard: OpenSipsOptions =
        { UpTime = TimeSpan.FromDays 3.0; BegunBefore = 0L; Vices = OpenSipsVices.none }

[<NoComparison; ReferenceEquality>]
type private OpenSipsState =
    {
        Options: OpenSipsOptions
        Started: Instant
        /// When somebody set its clock, if anybody did.
        SetAt: Instant
        /// How many calls of the table had begun when it started.
        BegunBefore: int64
        Heard: int
        /// The count of rows, and the total, that were true at the question before.
        Counted: int
        Begun: int64
    }

/// What it answers to a command.
[<NoComparison; NoEquality>]
type private OpenSipsOutcome =
    | Told of JsonNode
    /// The same, and these calls end meanwhile.
    | ToldWhileEnding of JsonNode * SimConnection[]
    | Failed of code: int * message: string
    /// No answer could be made.
    | NotMade

/// A simulated OpenSIPS: its Management Interface over a connection table, by HTTP. The table keeps its order by bucket, then by age.
module OpenSipsResponder =
    /// How long a dialog that is over is still listed: as long as its transaction lives (wt_timer).
    let lingering = TimeSpan.FromSeconds 5.0

    [<Literal>]
    let private Path = "/mi"

    let private over (now: Instant) (table: Table) (state: OpenSipsState) =
        let vices = state.Options.Vices

        table.Ended
        |> Array.filter (fun (struct (_, at)) ->
            at >= state.Started && not vices.DropsEnded && (vices.KeepsEnded || now - at < lingering))

    let private rows (now: Instant) (table: Table) (state: OpenSipsState) =
        let vices = state.Options.Vices
        let going = ProxyDialogs.going now table |> Array.map (fun one -> struct (one, ValueNone))
        let over = over now table state |> Array.map (fun (struct (one, at)) -> struct (one, ValueSome at))

        Array.append (Array.truncate (max 0 (going.Length - vices.ListShortBy)) going) over
        |> Array.sortBy (fun (struct (one, _)) -> struct (ProxyDialogs.bucket one, one.Serial))
        |> Array.collect (fun row -> Array.replicate (if vices.Doubles then 2 else 1) row)

    let private text (node: string) : JsonNode = JsonNodes.text node

    let private upTime (now: Instant) (state: OpenSipsState) : JsonNode =
        let vices = state.Options.Vices

        let started =
            match vices.RestartsAfter with
            | ValueSome answers when state.Heard > answers -> now - TimeSpan.FromSeconds 1.0
            | ValueSome _
            | ValueNone -> state.Started

        let shown instant = ProxyDialogs.seconds (OpenSipsDialogs.clock vices state.SetAt instant)
        let now, since = shown now, shown started

        JsonNodes.object
            [ "Now", text (ProxyDialogs.text now)
              "Up since", text (ProxyDialogs.text since)
              "Up time", text $"{now - since} [sec]" ]

    let private statistics (table: Table) (state: OpenSipsState) : OpenSipsOutcome =
        let vices = state.Options.Vices
        let begun = table.ListedTotal - state.BegunBefore + vices.TotalBase

        if vices.NoTotal then
            Failed(404, "Statistics Not Found")
        elif vices.TotalUntold then
            Told(JsonObject())
        else
            let told = if vices.TotalLags then state.Begun else begun
            Told(JsonNodes.object [ "dialog:processed_dialogs", JsonNodes.number told ])

    /// The page that begins with this row, counted from 0, and has so many rows at most.
    let private page now (table: Table) (first: int64) (most: int64) (state: OpenSipsState) =
        let vices = state.Options.Vices
        let rows = rows now table state
        let counted = (if vices.CountLags then state.Counted else rows.Length) + vices.CountOffBy
        let at = if first = 0L then 0L else first + int64 vices.Skips
        let at = int (min at (int64 rows.Length))
        let told = rows[at..] |> Array.truncate (int (min most (int64 Int32.MaxValue)))

        if vices.HoldsRows.IsSome && told.Length > vices.HoldsRows.Value then
            NotMade
        else
            let list = JsonArray()

            for struct (one, ended) in told do
                list.Add(OpenSipsDialogs.describe vices state.SetAt now ended one)

            let result =
                JsonNodes.object [ "count", JsonNodes.number (int64 (max 0 counted)); "Dialogs", list ]

            let going =
                rows[.. at + told.Length - 1]
                |> Array.choose (fun (struct (one, ended)) -> if ended.IsNone then Some one else None)

            if vices.EndsAhead > 0 && most > 1L then
                ToldWhileEnding(result, going |> Array.distinct |> Array.truncate vices.EndsAhead)
            else
                Told result

    /// Parameters by their names: `dlg_list` takes no others.
    let private answer
        now
        (table: Table)
        (name: string)
        (parameters: JsonView voption)
        (state: OpenSipsState)
        =
        let number (name: string) = parameters |> ValueOption.bind (JsonView.tryNumber name)

        match name with
        | "uptime" -> Told(upTime now state)
        | "get_statistics" ->
            match parameters |> ValueOption.bind (JsonView.tryMember "statistics") with
            | ValueSome _ -> statistics table state
            | ValueNone -> Failed(-32602, "Invalid params")
        | "dlg_list" when not state.Options.Vices.NoDialogs ->
            match number "index", number "counter" with
            | ValueSome first, ValueSome most when first >= 0L && most > 0L -> page now table first most state
            | _ -> Failed(-32602, "Invalid params")
        | _ -> Failed(-32601, "Method not found")

    // Vices that concern the answer as a whole.

    /// A whole response. OpenSIPS's clock is in its Date, if no proxy writes its own.
    let private write
        (state: OpenSipsState)
        (now: Instant)
        (request: HttpRequest)
        status
        reason
        kind
        (body: byte[])
        =
        let vices = state.Options.Vices

        let shown = if vices.Proxied then now else OpenSipsDialogs.clock vices state.SetAt now

        HttpMessage.encodeResponse
            status
            reason
            [ match HttpMessage.tryHeader HttpMessage.Id request.Headers with
              | ValueSome id -> HttpMessage.Id, id
              | ValueNone -> ()
              if vices.Proxied then
                  "Server", "nginx"
              "Date", Instant.toDateTime(shown).ToString("r", CultureInfo.InvariantCulture)
              "Content-Type", kind
              "Content-Length", string body.Length ]
            body

    let private json (state: OpenSipsState) now request (octets: byte[]) : byte[] =
        let vices = state.Options.Vices

        if vices.Truncates then
            Array.truncate (octets.Length / 2) octets
        else
            Array.append octets (Array.create vices.Padding ' 'B)
        |> write state now request 200 "OK" "application/json"

    let private respond now (table: Table) (request: HttpRequest) (state: OpenSipsState) =
        let vices = state.Options.Vices
        let empty status reason = write state now request status reason "text/html" [||]

        if vices.Html then
            struct (write state now request 200 "OK" "text/html" "<html>It works!</html>"B, [||])
        elif vices.NoRoot || request.Target <> Path then
            struct (empty 404 "Not Found", [||])
        elif request.Body.Length = 0 then
            struct (empty 405 "Method Not Allowed", [||])
        elif Words.isNth vices.BrokenEvery state.Heard then
            struct (empty 500 "Internal Server Error", [||])
        else
            match JsonRpc.decode request.Body with
            | Ok { Id = id; Body = JsonRpcBody.Request(name, parameters) } ->
                let id = if vices.WrongIds then "\"another\"" else id
                let told node = json state now request (JsonRpc.encodeResult id node)

                let outcome =
                    if vices.Refuses || Words.isNth vices.ErrorEvery state.Heard then
                        Failed(-32000, "Server error")
                    else
                        answer now table name parameters state

                match outcome with
                | Told node -> struct (told node, [||])
                | ToldWhileEnding(node, ending) -> struct (told node, ending)
                | Failed(code, message) ->
                    struct (json state now request (JsonRpc.encodeError id code message), [||])
                | NotMade -> struct (empty 500 "Internal Server Error", [||])
            | Ok _
            | Error _ ->
                struct (json state now request (JsonRpc.encodeError "null" -32700 "Parse error"), [||])

    let private datagram now (table: Table) (peer: string) (octets: byte[]) (state: OpenSipsState) =
        let vices = state.Options.Vices
        let isMute = vices.AnswersOnly |> ValueOption.exists (fun answers -> state.Heard >= answers)

        match HttpMessage.decodeRequest octets with
        | Ok request when not isMute ->
            let state = { state with Heard = state.Heard + 1 }
            let struct (response, ending) = respond now table request state

            let state =
                { state with
                    Counted = (rows now table state).Length
                    Begun = table.ListedTotal - state.BegunBefore + vices.TotalBase }

            struct (state,
                    [ SendTo(peer, vices.DelayPerRequest, response)
                      for one in ending do
                          EndConnection one.Serial ])
        | Ok _
        | Error _ -> struct (state, [])

    let rec private wrap (state: OpenSipsState) : Responder =
        { Protocol = "mi"
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
                        let begun =
                            if state.Options.Vices.Restores then table.ListedTotal else table.EndedTotal

                        struct ({ state with Started = now; BegunBefore = begun; Counted = 0; Begun = 0L }, [])

                struct (wrap state, commands)
          Identify = fun connection -> [ OpenSipsDialogs.identify connection ]
          Heard = state.Heard }

    /// Makes an OpenSIPS over this table.
    let create (options: OpenSipsOptions) (table: Table) : Responder =
        wrap
            { Options = options
              Started = table.Now - options.UpTime
              SetAt = table.Now
              BegunBefore = options.BegunBefore
              Heard = 0
              Counted = table.Count
              Begun = table.ListedTotal - options.BegunBefore + options.Vices.TotalBase }

    /// Makes the responder reachable over HTTP.
    let serve (responder: Responder) : Responder = HttpBodies.serve (Whole "POST") responder

namespace CallServer.Tests.Audit

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire

/// A connection of a small gateway, with its true times.
type SmallConnection =
    {
        Endpoint: string
        Id: string
        Call: string
        From: Instant
        Until: Instant
        /// What AUCX reports besides C:, as parameter lines.
        Lines: (string * string) list
        /// Local and remote description.
        Sessions: string list
    }

/// How a small gateway behaves; everything else is RFC 3435 and RFC 3624.
type SmallMgcp =
    {
        Domain: string
        Endpoints: string list
        Connections: SmallConnection list
        /// If it has the Bulk Audit package, how many endpoints it reports in one answer.
        Bulk: int voption
        /// How many endpoints AUEP with a wildcard may name; with more it answers 533.
        MostListed: int
        /// Whether AUEP names endpoints and connections at all.
        Lists: bool
        /// Whether it knows AUCX; if not, it answers 504, or not at all.
        Audits: bool
        MuteAboutUnknown: bool
        /// Answers to AUEP F: I of one endpoint, instead of the true one.
        Instead: Map<string, MgcpResponse>
        /// Every how many answers a provisional one comes first.
        ProvisionalEvery: int
    }

module SmallMgcp =
    let create (endpoints: string list) (connections: SmallConnection list) : SmallMgcp =
        { Domain = "gw.example.net"
          Endpoints = endpoints
          Connections = connections
          Bulk = ValueNone
          MostListed = Int32.MaxValue
          Lists = true
          Audits = true
          MuteAboutUnknown = false
          Instead = Map.empty
          ProvisionalEvery = 0 }

    let alive (now: Instant) (connection: SmallConnection) = connection.From <= now && now < connection.Until

    let private parameter (code, value) = MgcpParameter.create code value

    let private connectionsOf now (gateway: SmallMgcp) (endpoint: string) =
        gateway.Connections
        |> List.filter (fun connection ->
            alive now connection && connection.Endpoint = endpoint.ToLowerInvariant())

    let private matching (gateway: SmallMgcp) (pattern: EndpointName) =
        gateway.Endpoints |> List.filter (EndpointName.matches pattern)

    let private ok (command: MgcpCommand) lines =
        Mgcp.response 200 command.Transaction "OK" (List.map parameter lines)

    let private fail code (command: MgcpCommand) = Mgcp.response code command.Transaction "no" []

    let private bulk now (gateway: SmallMgcp) (most: int) (command: MgcpCommand) =
        let names = matching gateway command.Endpoint

        let rest =
            match MgcpParameter.tryFind "BA/SE" command.Parameters with
            | ValueSome start -> names |> List.skipWhile (fun name -> name <> start)
            | ValueNone -> names

        let most =
            match MgcpParameter.tryFind "BA/NU" command.Parameters with
            | ValueSome number -> min most (int number)
            | ValueNone -> most

        match rest with
        | [] -> { fail 806 command with Package = ValueSome "BA" }
        | _ ->
            let page = List.truncate most rest

            let letter name =
                match (connectionsOf now gateway name).Length with
                | count when count > 15 -> "Z"
                | count -> count.ToString "X"

            ok
                command
                [ for name in page do
                      "BA/EL", name

                  "BA/C", String.Join("", List.map letter page)

                  match List.tryItem page.Length rest with
                  | Some next -> "BA/NE", next
                  | None -> () ]

    let private auditEndpoint now (gateway: SmallMgcp) (command: MgcpCommand) =
        let asked code = MgcpParameter.tryFind code command.Parameters

        if EndpointName.isWild command.Endpoint then
            match matching gateway command.Endpoint, gateway.Bulk with
            | [], _ -> fail 500 command
            | _, ValueSome most when (asked "BA/F").IsSome -> bulk now gateway most command
            | names, _ when names.Length > gateway.MostListed -> fail 533 command
            | names, _ ->
                ok
                    command
                    (if gateway.Lists then
                         [ for name in names -> "Z", $"{name}@{gateway.Domain}" ]
                     else
                         [])
        elif not (List.contains (command.Endpoint.Local.ToLowerInvariant()) gateway.Endpoints) then
            fail 500 command
        else
            match asked "F", Map.tryFind command.Endpoint.Local gateway.Instead with
            | ValueSome "PL", _ -> ok command [ "PL", (if gateway.Bulk.IsSome then "L:1, BA:0" else "L:1") ]
            | ValueSome _, Some response -> { response with Transaction = command.Transaction }
            | ValueSome _, None when gateway.Lists ->
                let ids = connectionsOf now gateway command.Endpoint.Local |> List.map _.Id
                ok command [ "I", String.Join(",", ids) ]
            | ValueSome _, None
            | ValueNone, _ -> ok command []

    let private tryConnection now (gateway: SmallMgcp) (command: MgcpCommand) =
        let id = MgcpParameter.tryFind "I" command.Parameters |> ValueOption.defaultValue ""

        connectionsOf now gateway command.Endpoint.Local
        |> List.tryFind (fun connection -> connection.Id = id)

    let private answer now (gateway: SmallMgcp) (command: MgcpCommand) : MgcpResponse voption =
        match command.Verb with
        | MgcpVerb.AuditEndpoint -> ValueSome(auditEndpoint now gateway command)
        | MgcpVerb.AuditConnection when gateway.Audits ->
            match tryConnection now gateway command with
            | Some connection ->
                ValueSome
                    { ok command (("C", connection.Call) :: connection.Lines) with
                        Sessions = List.toArray connection.Sessions }
            | None -> ValueSome(fail 515 command)
        | MgcpVerb.ModifyConnection ->
            match connectionsOf now gateway command.Endpoint.Local, tryConnection now gateway command with
            | [], _ -> ValueSome(fail 400 command)
            | _, None -> ValueSome(fail 515 command)
            | _, Some connection when
                MgcpParameter.tryFind "C" command.Parameters <> ValueSome connection.Call
                ->
                ValueSome(fail 516 command)
            | _, Some connection ->
                ValueSome
                    { ok command [] with Sessions = connection.Sessions |> List.truncate 1 |> List.toArray }
        | MgcpVerb.DeleteConnection ->
            match tryConnection now gateway command with
            | Some connection ->
                let counters = connection.Lines |> List.filter (fun (code, _) -> code = "P")
                ValueSome { ok command counters with Code = 250 }
            | None -> ValueSome(fail 515 command)
        | _ when gateway.MuteAboutUnknown -> ValueNone
        | _ -> ValueSome(fail 504 command)

    /// Serves the gateway of each moment; remembers its answers, and how often it was asked.
    type Server(gatewayAt: Instant -> SmallMgcp) =
        let past = Collections.Generic.Dictionary<int, byte[] list>()
        let asked = Collections.Generic.List<MgcpCommand>()
        let acknowledged = Collections.Generic.List<int>()
        let unread = Collections.Generic.List<MgcpError>()

        new(gateway: SmallMgcp) = Server(fun _ -> gateway)

        /// Each command once.
        member _.Asked = asked
        /// Transactions acknowledged with 000.
        member _.Acknowledged = acknowledged
        member _.Unread = unread

        member private _.Answer(now: Instant, command: MgcpCommand) : byte[] list =
            let gateway = gatewayAt now
            asked.Add command

            match answer now gateway command with
            | ValueNone -> []
            | ValueSome response when
                gateway.ProvisionalEvery > 0 && asked.Count % gateway.ProvisionalEvery = 0
                ->
                let final =
                    { response with Parameters = Array.append response.Parameters [| parameter ("K", "") |] }

                [ Mgcp.encode (MgcpMessage.Response(Mgcp.response 100 command.Transaction "wait" []))
                  Mgcp.encode (MgcpMessage.Response final) ]
            | ValueSome response -> [ Mgcp.encode (MgcpMessage.Response response) ]

        member this.Serve (now: Instant) (octets: byte[]) : byte[] list =
            [ for message in Mgcp.decode octets do
                  match message with
                  | Ok(MgcpMessage.Command command) ->
                      match past.TryGetValue command.Transaction with
                      | true, answers -> yield! answers
                      | _ ->
                          let answers = this.Answer(now, command)
                          past[command.Transaction] <- answers
                          yield! answers
                  | Ok(MgcpMessage.Response response) -> acknowledged.Add response.Transaction
                  | Error error -> unread.Add error ]

/// A small gateway of eight lines with three connections on two of them.
module SmallMgcpCalls =
    let sdp (host: string) (port: int) (more: string list) =
        String.Join(
            "\r\n",
            [ "v=0"
              "o=- 1 1 IN IP4 " + host
              "s=-"
              "c=IN IP4 " + host
              "t=0 0"
              $"m=audio {port} RTP/AVP 18" ]
            @ more
        )
        + "\r\n"

    let connection (endpoint: string) (id: string) : SmallConnection =
        { Endpoint = endpoint
          Id = id
          Call = "C" + id
          From = Instant.distantPast
          Until = Instant.distantFuture
          Lines =
            [ "L", "p:20, a:G729, t:b8, r:g"; "M", "SendRecv"; "P", "PS=501, OS=10020, PR=500, OR=10000" ]
          Sessions = [ sdp "192.0.2.1" 16384 []; sdp "192.0.2.9" 20000 [] ] }

    let lines = [ for number in 1..8 -> $"aaln/{number}" ]

    let two = [ connection "aaln/2" "A1"; connection "aaln/2" "A2"; connection "aaln/7" "A1" ]

    let ids (snapshot: Snapshot) = snapshot.Observations |> Array.map (fun o -> string o.Id) |> Array.toList

    let twoIds = [ "aaln/2@gw.example.net/A1"; "aaln/2@gw.example.net/A2"; "aaln/7@gw.example.net/A1" ]

    /// A connection as a record has it after an audit that listed it.
    let known (connection: SmallConnection) : Connection =
        let id = ConnectionId.create $"{connection.Endpoint}@gw.example.net/{connection.Id}"

        { Id = id
          Stamp = ValueSome connection.Call
          BootToken = ValueNone
          Run = 1
          Setup = ValueNone
          Start = Timing.bounded (Interval.upTo Bench.start)
          Facts = { Facts.none with Call = ValueSome(CallId.create connection.Call) }
          FirstHeard = Bench.start
          LastHeard = Bench.start
          ConfirmedCount = 1
          Status = Status.Confirmed
          Recovered = false
          Absences = 0
          Conflicts = 0
          LastConflict = ValueNone }

namespace CallServer.Gateway

open System
open System.Text.Json.Nodes
open CallServer.Model

/// Describes connections of the table as Kamailio's module dialog does.
module internal KamailioDialogs =
    let isNamed (entry: int64) (id: int64) (connection: SimConnection) : bool =
        entry = int64 (ProxyDialogs.bucket connection) && id = ProxyDialogs.number connection

    let identify (connection: SimConnection) : Identity =
        { Id = $"{connection.CallId};{ProxyDialogs.bucket connection}:{ProxyDialogs.number connection}"
          Call = Some connection.CallId
          Endpoint = None
          Originator = Some(ProxyDialogs.uri connection.Calling) }

    /// Kamailio's clock in whole seconds since 1970.
    let clock (vices: KamailioVices) (instant: Instant) : int64 =
        ProxyDialogs.seconds (instant + vices.ClockAhead + vices.ClockSet)

    /// The same before anybody set it.
    let firstClock (vices: KamailioVices) (instant: Instant) : int64 =
        ProxyDialogs.seconds (instant + vices.ClockAhead)

    /// 0 for what has not happened.
    let private stamp vices (now: Instant) (instant: Instant) : int64 =
        if instant <= now then clock vices instant else 0L

    /// When a dialog ended that is over, as its row says.
    let private endStamp (vices: KamailioVices) (ended: Instant voption) (connection: SimConnection) : int64 =
        match ended, vices.EndsEarly with
        | ValueNone, _ -> 0L
        | ValueSome _, _ when vices.EndsUntold -> 0L
        | ValueSome _, ValueSome early -> clock vices (connection.Setup - early)
        | ValueSome at, ValueNone -> clock vices at

    let private add (name: string) (value: JsonNode) (row: JsonObject) : JsonObject =
        row.Add(name, value)
        row

    let private texts (pairs: (string * string) list) : JsonObject =
        (JsonObject(), pairs) ||> List.fold (fun row (name, value) -> add name (JsonValue.Create value) row)

    let private named (connection: SimConnection) : JsonObject =
        JsonObject()
        |> add "h_entry" (JsonValue.Create(ProxyDialogs.bucket connection))
        |> add "h_id" (JsonValue.Create(ProxyDialogs.number connection))

    /// A row of `dlg.briefing`. In place of the callee's tag it has the caller's, as Kamailio has.
    let brief
        vices
        (format: string)
        (now: Instant)
        (ended: Instant voption)
        (connection: SimConnection)
        : JsonNode =
        // What it tells does not change any more once it is over.
        let last = ValueOption.defaultValue now ended

        let field (row: JsonObject) (letter: char) =
            let put name (value: JsonNode) = add name value row

            match letter with
            | 'f' -> put "from_uri" (JsonValue.Create(ProxyDialogs.uri connection.Calling))
            | 't' -> put "to_uri" (JsonValue.Create(ProxyDialogs.uri connection.Called))
            | 'c' -> put "call-id" (JsonValue.Create connection.CallId)
            | 'F' -> put "from_tag" (JsonValue.Create(ProxyDialogs.callerTag connection))
            | 'T' -> put "to_tag" (JsonValue.Create(ProxyDialogs.callerTag connection))
            | 'I' -> put "init_ts" (JsonValue.Create(stamp vices last connection.Setup))
            | 'S' -> put "start_ts" (JsonValue.Create(stamp vices last connection.Start))
            | 'E' -> put "end_ts" (JsonValue.Create(endStamp vices ended connection))
            | 's' -> put "state" (JsonValue.Create(ProxyDialogs.state now ended connection))
            | _ -> row

        Seq.fold field (named connection) format :> JsonNode

    /// What `dlg.dlg_list` prints of one.
    let describe vices (now: Instant) (connection: SimConnection) : JsonNode =
        let started = stamp vices now connection.Start
        let age = if started = 0L then 0L else clock vices now - started

        let party tag host : JsonObject =
            texts
                [ "tag", tag
                  "contact", "sip:" + SimConnection.hostText host + ":5060"
                  "cseq", "1"
                  "route_set", ""
                  "socket", "udp:192.0.2.1:5060" ]

        named connection
        |> add "ref" (JsonValue.Create 2)
        |> add "call-id" (JsonValue.Create connection.CallId)
        |> add "from_uri" (JsonValue.Create(ProxyDialogs.uri connection.Calling))
        |> add "to_uri" (JsonValue.Create(ProxyDialogs.uri connection.Called))
        |> add "state" (JsonValue.Create(ProxyDialogs.state now ValueNone connection))
        |> add "start_ts" (JsonValue.Create started)
        |> add "init_ts" (JsonValue.Create(stamp vices now connection.Setup))
        |> add "end_ts" (JsonValue.Create 0)
        |> add "duration" (JsonValue.Create age)
        |> add "caller" (party (ProxyDialogs.callerTag connection) connection.RemoteHost)
        |> add "callee" (party (ProxyDialogs.calleeTag connection) connection.LocalHost)
        |> add "profiles" (JsonArray())
        |> add "variables" (JsonArray())
        :> JsonNode

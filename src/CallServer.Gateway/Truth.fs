namespace CallServer.Gateway

open System.Text.Json
open System.Text.Json.Nodes

/// The lines of `--truth`: one JSON object per event. A connection has its `open` when the gateway first
/// lists it; `time` is its true start, which lies ahead if ringing connections are listed. One that is given
/// up while ringing has a `close` before that time. A gateway of one protocol writes as many lines per event
/// as an audit has connections: an ng call has two tags. A gateway of several protocols writes one line per
/// event, named as its first protocol names it, with the name by each protocol under `ids` (the offering
/// tag's for ng), and further names of connections that are listed more than once under `further`.
module Truth =
    /// Connection ids may hold `+` and `@`, which are written as they are.
    let private plain =
        JsonSerializerOptions(Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping)

    let private textOrNull (value: string option) : JsonNode =
        match value with
        | Some words -> JsonValue.Create words
        | None -> null

    let private object (event: TruthEvent) (identity: Identity) : JsonObject =
        let json = JsonObject()

        match event with
        | Opened connection ->
            json["event"] <- JsonValue.Create "open"
            json["time"] <- JsonValue.Create(connection.Start.ToString())
            json["id"] <- JsonValue.Create identity.Id
            json["call"] <- textOrNull identity.Call
            json["endpoint"] <- textOrNull identity.Endpoint
            json["originator"] <- textOrNull identity.Originator
            json["codec"] <- JsonValue.Create(SimCodec.name connection.Codec)
            json["dscp"] <- JsonValue.Create connection.Dscp
        | Closed(_, at) ->
            json["event"] <- JsonValue.Create "close"
            json["time"] <- JsonValue.Create(at.ToString())
            json["id"] <- JsonValue.Create identity.Id

        json

    let private connectionOf (event: TruthEvent) =
        match event with
        | Opened connection
        | Closed(connection, _) -> connection

    /// The lines of an event, without line ends; `identities` names the connection as the audits of each
    /// protocol do.
    let lines
        (identities: SimConnection -> struct (string * Identity list) list)
        (event: TruthEvent)
        : string list =
        match identities (connectionOf event) with
        | [] -> []
        | [ struct (_, only) ] -> [ for identity in only -> (object event identity).ToJsonString plain ]
        | several ->
            match several |> List.collect (fun (struct (_, named)) -> named) with
            | [] -> []
            | first :: _ ->
                let json = object event first
                let ids, further = JsonObject(), JsonObject()

                for struct (protocol, named) in several do
                    match named with
                    | [] -> ()
                    | first :: rest ->
                        ids[protocol] <- JsonValue.Create first.Id

                        if not rest.IsEmpty then
                            let others = JsonArray()

                            for other in rest do
                                others.Add other.Id

                            further[protocol] <- others

                json["ids"] <- ids

                if further.Count > 0 then
                    json["further"] <- further

                [ json.ToJsonString plain ]

    /// An `open` event for everything that a table lists already: a truth file begins with these.
    let present (table: Table) : TruthEvent list = table.Connections |> Array.map Opened |> Array.toList

namespace CallServer.Gateway

open System.Text.Json
open System.Text.Json.Nodes

/// The lines of `--truth`: one JSON object per event. A connection has its `open` line when the gateway first lists it; `time` is
/// its true start, which lies ahead if ringing connections are listed. A connection that is given up while ringing has a `close`
/// line before that time. A gateway with one protocol writes one line per event and per connection that an audit sees: an ng call
/// has two tags. A gateway with several protocols writes one line per event. Its id is the one in the first protocol, `ids` has
/// the id in each protocol (for ng that of the offering tag), and `further` has the other ids of connections that are listed more
/// than once.
module Truth =
    /// Connection ids may contain `+` and `@`, which are not escaped.
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

    /// The lines of an event, without line ends. `identities` gives the names of the connection in the audits of each protocol.
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

    /// An `open` event for everything that a table lists already. A truth file begins with these.
    let present (table: Table) : TruthEvent list = table.Connections |> Array.map Opened |> Array.toList

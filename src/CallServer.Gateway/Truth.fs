namespace CallServer.Gateway

open System.Text.Json
open System.Text.Json.Nodes

/// The lines of `--truth`: one JSON object an event. A connection has its `open` when the
/// gateway first lists it; `time` is its true start, which lies ahead where ringing connections are listed.
/// One that is given up while it rings has a `close` before that time.
module Truth =
    /// Numbers of connections may hold `+` and `@`: written as they are.
    let private plain =
        JsonSerializerOptions(Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping)

    let private textOrNull (value: string option) : JsonNode =
        match value with
        | Some words -> JsonValue.Create words
        | None -> null

    /// The line of an event without its end of line; `identify` names the connection as the audit of one
    /// protocol does.
    let line (identify: SimConnection -> Identity) (event: TruthEvent) : string =
        let json = JsonObject()

        match event with
        | Opened connection ->
            let identity = identify connection
            json["event"] <- JsonValue.Create "open"
            json["time"] <- JsonValue.Create(connection.Start.ToString())
            json["id"] <- JsonValue.Create identity.Id
            json["call"] <- textOrNull identity.Call
            json["endpoint"] <- textOrNull identity.Endpoint
            json["originator"] <- textOrNull identity.Originator
            json["codec"] <- JsonValue.Create(SimCodec.name connection.Codec)
            json["dscp"] <- JsonValue.Create connection.Dscp
        | Closed(connection, at) ->
            json["event"] <- JsonValue.Create "close"
            json["time"] <- JsonValue.Create(at.ToString())
            json["id"] <- JsonValue.Create (identify connection).Id

        json.ToJsonString plain

    /// The opens of everything that a table lists already: what a truth file begins with.
    let present (table: Table) : TruthEvent list = table.Connections |> Array.map Opened |> Array.toList

namespace CallServer.Gateway

open System
open System.Globalization
open System.Text.Json.Nodes
open CallServer.Model

/// Describes connections of the table as FreeSWITCH does: a connection is one channel.
module internal EslChannels =
    let uuid (connection: SimConnection) : string = Guid(ReadOnlySpan<byte> connection.Guid, true).ToString()

    let identify (connection: SimConnection) : Identity =
        { Id = uuid connection
          Call = Some(uuid connection)
          Endpoint = Some("sofia/external/" + connection.Calling)
          Originator = Some connection.Calling }

    let object (pairs: (string * JsonNode) list) : JsonNode =
        let all = JsonObject()

        for name, value in pairs do
            all.Add(name, value)

        all

    let text (value: string) : JsonNode = JsonValue.Create value

    let number (value: int64) : JsonNode = JsonValue.Create value

    let private decimal (value: int64) : string = value.ToString CultureInfo.InvariantCulture

    /// What FreeSWITCH's clock showed before anybody set it, in microseconds since 1970. Stamps stay as they are when it is set.
    let private stamped (vices: EslVices) (instant: Instant) : int64 = (instant + vices.ClockAhead).Micros

    /// What its clock shows, in microseconds since 1970.
    let clock (vices: EslVices) (instant: Instant) : int64 = stamped vices (instant + vices.ClockSet)

    /// 0 for what has not happened.
    let private stamp vices (now: Instant) (instant: Instant) : int64 =
        if instant <= now then stamped vices instant else 0L

    /// Of G.722 FreeSWITCH tells the samples, and RTP's clock runs half as fast.
    let private rate (codec: SimCodec) : string = if codec = G722 then "16000" else "8000"

    let private callState (now: Instant) (connection: SimConnection) : string =
        if SimConnection.isActive now connection then
            if connection.Serial % 5L = 0L then "HELD" else "ACTIVE"
        else
            match connection.Serial % 3L with
            | 0L -> "DOWN"
            | 1L -> "RINGING"
            | _ -> "EARLY"

    /// A row of `show channels as json`. Every value is a text.
    let row (vices: EslVices) (now: Instant) (isNameless: bool) (connection: SimConnection) : JsonNode =
        let codec = SimCodec.name connection.Codec

        object
            [ "uuid", text (if isNameless then "" else uuid connection)
              "direction", text (if connection.Answered then "inbound" else "outbound")
              "created_epoch", text (decimal (stamped vices connection.Setup / 1_000_000L))
              "name", text ("sofia/external/" + connection.Calling)
              "state", text "CS_EXECUTE"
              "cid_name", text ""
              "cid_num", text connection.Calling
              "ip_addr", text (SimConnection.hostText connection.RemoteHost)
              "dest", text connection.Called
              "read_codec", text codec
              "read_rate", text (rate connection.Codec)
              "write_codec", text codec
              "hostname", text "switch"
              "callstate", text (callState now connection)
              "call_uuid", text (if connection.Serial % 2L = 0L then uuid connection else "")
              "initial_cid_num", text connection.Calling
              "initial_dest", text connection.Called ]

    let private times vices now (connection: SimConnection) : JsonNode =
        let recovered = if vices.Recovered then stamped vices now else 0L
        let time instant = if vices.Recovered then recovered else stamp vices now instant

        object
            [ "created_time", text (decimal (time connection.Setup))
              "profile_created_time", text (decimal (time connection.Setup))
              "answered_time",
              text (decimal (if SimConnection.isActive now connection then time connection.Start else 0L))
              "hangup_time", text "0"
              "resurrect_time", text (decimal recovered) ]

    /// What its core knows of a channel (`channelData`).
    let data (vices: EslVices) (now: Instant) (connection: SimConnection) : JsonNode =
        let variables =
            object
                [ "uuid", text (uuid connection)
                  "sip_call_id", text connection.CallId
                  "padding", text (String('x', vices.Padding))
                  "local_media_ip", text (SimConnection.hostText connection.LocalHost)
                  "local_media_port", text (decimal (int64 connection.LocalPort))
                  "remote_media_ip", text (SimConnection.hostText connection.RemoteHost)
                  "remote_media_port", text (decimal (int64 connection.RemotePort)) ]

        let inbound =
            object
                [ "packet_count", number (SimConnection.packets now connection)
                  "jitter_loss_rate", JsonValue.Create 0.25
                  "mos", JsonValue.Create 4.5 ]

        object
            [ "core-uuid", text ""
              "callStats", object [ "audio", object [ "inbound", inbound ] ]
              "variables", variables
              "callflow", JsonArray [| object [ "times", times vices now connection ] |] ]

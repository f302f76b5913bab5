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

        JsonNodes.object
            [ "uuid", JsonNodes.text (if isNameless then "" else uuid connection)
              "direction", JsonNodes.text (if connection.Answered then "inbound" else "outbound")
              "created_epoch", JsonNodes.text (decimal (stamped vices connection.Setup / 1_000_000L))
              "name", JsonNodes.text ("sofia/external/" + connection.Calling)
              "state", JsonNodes.text "CS_EXECUTE"
              "cid_name", JsonNodes.text ""
              "cid_num", JsonNodes.text connection.Calling
              "ip_addr", JsonNodes.text (SimConnection.hostText connection.RemoteHost)
              "dest", JsonNodes.text connection.Called
              "read_codec", JsonNodes.text codec
              "read_rate", JsonNodes.text (rate connection.Codec)
              "write_codec", JsonNodes.text codec
              "hostname", JsonNodes.text "switch"
              "callstate", JsonNodes.text (callState now connection)
              "call_uuid", JsonNodes.text (if connection.Serial % 2L = 0L then uuid connection else "")
              "initial_cid_num", JsonNodes.text connection.Calling
              "initial_dest", JsonNodes.text connection.Called ]

    let private times vices now (connection: SimConnection) : JsonNode =
        let recovered = if vices.Recovered then stamped vices now else 0L
        let time instant = if vices.Recovered then recovered else stamp vices now instant

        JsonNodes.object
            [ "created_time", JsonNodes.text (decimal (time connection.Setup))
              "profile_created_time", JsonNodes.text (decimal (time connection.Setup))
              "answered_time",
              JsonNodes.text (
                  decimal (if SimConnection.isActive now connection then time connection.Start else 0L)
              )
              "hangup_time", JsonNodes.text "0"
              "resurrect_time", JsonNodes.text (decimal recovered) ]

    /// What its core knows of a channel (`channelData`).
    let data (vices: EslVices) (now: Instant) (connection: SimConnection) : JsonNode =
        let variables =
            JsonNodes.object
                [ "uuid", JsonNodes.text (uuid connection)
                  "sip_call_id", JsonNodes.text connection.CallId
                  "padding", JsonNodes.text (String('x', vices.Padding))
                  "local_media_ip", JsonNodes.text (SimConnection.hostText connection.LocalHost)
                  "local_media_port", JsonNodes.text (decimal (int64 connection.LocalPort))
                  "remote_media_ip", JsonNodes.text (SimConnection.hostText connection.RemoteHost)
                  "remote_media_port", JsonNodes.text (decimal (int64 connection.RemotePort)) ]

        let inbound =
            JsonNodes.object
                [ "packet_count", JsonNodes.number (SimConnection.packets now connection)
                  "jitter_loss_rate", JsonValue.Create 0.25
                  "mos", JsonValue.Create 4.5 ]

        JsonNodes.object
            [ "core-uuid", JsonNodes.text ""
              "callStats", JsonNodes.object [ "audio", JsonNodes.object [ "inbound", inbound ] ]
              "variables", variables
              "callflow", JsonArray [| JsonNodes.object [ "times", times vices now connection ] |] ]

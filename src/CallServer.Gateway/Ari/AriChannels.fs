namespace CallServer.Gateway

open System
open System.Globalization
open System.Text.Json.Nodes
open CallServer.Model

/// Describes connections of the table as Asterisk's REST Interface does: a connection becomes one channel.
module internal AriChannels =
    /// Asterisk's unique id: the second of its own start, as far as it matters here, and a number that only rises.
    let id (connection: SimConnection) : string = "1790000000." + string connection.Serial

    let private name (connection: SimConnection) : string =
        "PJSIP/trunk" + string (connection.Slot % 4) + "-" + connection.Serial.ToString "x8"

    let identify (connection: SimConnection) : Identity =
        { Id = id connection
          Call = Some connection.CallId
          Endpoint = Some(name connection)
          Originator = Some connection.Calling }

    /// What Asterisk's clock shows at an instant, if somebody set it at the other one.
    let clock (vices: AriVices) (setAt: Instant) (instant: Instant) : Instant =
        instant + vices.ClockAhead + (if instant >= setAt then vices.ClockSet else TimeSpan.Zero)

    /// A stamp in the zone in which it runs.
    let text (vices: AriVices) (stamp: Instant) : string =
        let local = Instant.toDateTime(stamp).ToOffset vices.Zone

        local.ToString("yyyy-MM-dd'T'HH:mm:ss.fff", CultureInfo.InvariantCulture)
        + local.ToString("zzz", CultureInfo.InvariantCulture).Replace(":", "")

    /// Of the codecs of the simulation, Asterisk knows all but one, which it would pass on as it is.
    let format (connection: SimConnection) : string =
        match connection.Codec with
        | Pcmu -> "(ulaw)"
        | Pcma -> "(alaw)"
        | G722 -> "(g722)"
        | G723 -> "(g723)"
        | G726At32 -> "(g726)"
        | G728 -> "(g728)"
        | G729 -> "(g729)"
        | Gsm -> "(gsm)"
        | Ilbc -> "(ilbc)"

    let private state (now: Instant) (connection: SimConnection) : string =
        if SimConnection.isActive now connection then "Up"
        elif connection.Answered then "Ring"
        else "Ringing"

    let private party (number: string) : JsonNode =
        JsonNodes.object [ "name", JsonNodes.text ""; "number", JsonNodes.text number ]

    /// A channel as it is at that moment. The one that Asterisk called has the called party's number as its own.
    let describe
        (vices: AriVices)
        (setAt: Instant)
        (isNameless: bool)
        (now: Instant)
        (connection: SimConnection)
        : JsonNode =
        let own = if connection.Answered then connection.Calling else connection.Called
        let other = if connection.Answered then connection.Called else connection.Calling

        JsonNodes.object
            [ if not isNameless then
                  "id", JsonNodes.text (id connection)
              "name", JsonNodes.text (name connection)
              "state", JsonNodes.text (state now connection)
              "protocol_id", JsonNodes.text connection.CallId
              "caller", party own
              "connected", party other
              "accountcode", JsonNodes.text ""
              "dialplan",
              JsonNodes.object
                  [ "context", JsonNodes.text "from-trunk"
                    "exten", JsonNodes.text connection.Called
                    "priority", JsonValue.Create 1
                    "app_name", JsonNodes.text (if connection.Answered then "Dial" else "AppDial")
                    "app_data", JsonNodes.text "(Outgoing Line)" ]
              if not vices.NoTimes then
                  "creationtime", JsonNodes.text (text vices (clock vices setAt connection.Setup))
              "language", JsonNodes.text "en"
              if vices.TellsFormats then
                  "channelvars",
                  JsonNodes.object [ "CHANNEL(audionativeformat)", JsonNodes.text (format connection) ] ]

    let statistics (now: Instant) (connection: SimConnection) : JsonNode =
        let packets = SimConnection.packets now connection

        JsonNodes.object
            [ "txcount", JsonValue.Create packets
              "rxcount", JsonValue.Create packets
              "txploss", JsonValue.Create 0
              "rxploss", JsonValue.Create(packets / 500L)
              "txjitter", JsonValue.Create 0.0
              "rxjitter", JsonValue.Create 0.00175
              "rtt", JsonValue.Create 0.0236
              "local_ssrc", JsonValue.Create connection.LocalSsrc
              "remote_ssrc", JsonValue.Create connection.RemoteSsrc
              "channel_uniqueid", JsonNodes.text (id connection) ]

    /// When it was answered, with microseconds; zeros before that.
    let answered (vices: AriVices) (setAt: Instant) (now: Instant) (connection: SimConnection) : string =
        if SimConnection.isActive now connection then
            let micros = (clock vices setAt connection.Start).Micros
            string (micros / 1_000_000L) + "." + (micros % 1_000_000L).ToString "d6"
        else
            "0.000000"

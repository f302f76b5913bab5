namespace CallServer.Gateway

open System
open System.Globalization
open System.Text.Json.Nodes
open CallServer.Model

/// The clock of a simulated IOS-XE.
type internal RestconfClock =
    {
        Vices: RestconfVices
        /// When somebody set it, if anybody did.
        SetAt: Instant
    }

/// Describes connections of the table as IOS-XE does (Cisco-IOS-XE-voice-oper 1.3.0): a connection becomes one call leg.
module internal RestconfLegs =
    /// The clock at an instant.
    let shown (clock: RestconfClock) (instant: Instant) : Instant =
        instant
        + clock.Vices.ClockAhead
        + (if instant >= clock.SetAt then clock.Vices.ClockSet else TimeSpan.Zero)

    /// The stamp of what happened at an instant, as it is told at another.
    let stamp (clock: RestconfClock) (now: Instant) (happened: Instant) : Instant =
        if clock.Vices.Reckons then
            happened + (shown clock now - now)
        else
            shown clock happened

    /// In the zone in which it runs. A fraction of zero is left out.
    let text (clock: RestconfClock) (time: Instant) : string =
        let local = Instant.toDateTime(time).ToOffset clock.Vices.Zone

        let format =
            if clock.Vices.WholeSeconds then
                "yyyy-MM-dd'T'HH:mm:sszzz"
            else
                "yyyy-MM-dd'T'HH:mm:ss.FFFzzz"

        local.ToString(format, CultureInfo.InvariantCulture)

    /// In whole seconds.
    let seconds (clock: RestconfClock) (time: Instant) : string =
        text { clock with Vices = { clock.Vices with WholeSeconds = true } } time

    let identify (first: int64) (connection: SimConnection) : Identity =
        let id = string (connection.Serial + first)

        { Id = id
          // Every leg of the table is alone in its call.
          Call = Some id
          Endpoint = Some("dial-peer " + string (100 + connection.Slot % 4))
          Originator = if connection.Answered then Some connection.Calling else None }

    let private codec (connection: SimConnection) : string =
        match connection.Codec with
        | Pcmu -> "g711ulaw"
        | Pcma -> "g711alaw"
        | G722 -> "g722-64"
        | G723 -> "g723r63"
        | G726At32 -> "g726r32"
        | G728 -> "g728"
        | G729 -> "g729r8"
        | Gsm -> "gsm"
        | Ilbc -> "ilbc"

    /// In milliseconds.
    let private duration (clock: RestconfClock) (now: Instant) (connection: SimConnection) : int64 =
        let vices = clock.Vices
        let until = if vices.StillDurations then Instant.min now clock.SetAt else now

        let lasted =
            if vices.DurationsOfRinging then
                max TimeSpan.Zero (until - connection.Setup)
            else
                max TimeSpan.Zero (SimConnection.age until connection)

        let milliseconds = lasted.Ticks / TimeSpan.TicksPerMillisecond
        if vices.SecondDurations then milliseconds / 1000L * 1000L else milliseconds

    /// The counters have 32 bits.
    let private counter (value: int64) : int64 = value &&& 0xFFFFFFFFL

    /// A leg as it is at that moment.
    let describe
        (clock: RestconfClock)
        (first: int64)
        (isNameless: bool)
        (now: Instant)
        (connection: SimConnection)
        =
        let vices = clock.Vices
        let isActive = SimConnection.isActive now connection

        let number (value: int64) : JsonNode =
            if vices.TextNumbers then
                JsonNodes.text (string value)
            else
                JsonNodes.number value

        let packets = counter (SimConnection.packets now connection)
        let octets = counter (SimConnection.octets now connection)

        JsonNodes.object
            [ "call-index", number (int64 connection.Index)
              "call-setuptime",
              JsonNodes.text (
                  if vices.ZeroSetups then
                      "1970-01-01T00:00:00+00:00"
                  else
                      text clock (stamp clock now connection.Setup)
              )
              if not isNameless then
                  "call-id", number (connection.Serial + first)
              if not vices.Sparse then
                  "call-type", JsonNodes.text "voip-call-leg"
                  "bridge-id", number (connection.Serial + first)
                  "peer-id", number (int64 (100 + connection.Slot % 4))

                  "direction", JsonNodes.text (if connection.Answered then "incoming-leg" else "outgoing-leg")

                  "directory-number",
                  JsonNodes.text (if connection.Answered then connection.Calling else connection.Called)

                  "call-state", JsonNodes.text (if isActive then "active-state" else "connecting-state")
                  "call-duration", number (duration clock now connection)
                  "transmit-packets", number packets
                  "transmit-bytes", number octets
                  "receive-packets", number packets
                  "receive-bytes", number octets
                  "remote-ip-address", JsonNodes.text (SimConnection.hostText connection.RemoteHost)
                  "remote-media-port", number (int64 connection.RemotePort)
                  "codec", JsonNodes.text ("voip-codec-" + codec connection) ]

    /// The summary of these legs, with a total of its own.
    let summary (total: int) (legs: JsonArray voption) : JsonNode =
        JsonNodes.object
            [ "Cisco-IOS-XE-voice-oper:active-voip-call-summary",
              JsonNodes.object
                  [ match legs with
                    | ValueSome _ ->
                        "telephony-call-legs", JsonNodes.number 0L
                        "sip-call-legs", JsonNodes.number (int64 total)
                    | ValueNone -> ()
                    "total-call-legs", JsonNodes.number (int64 total)
                    match legs with
                    // An empty list is left out.
                    | ValueSome legs when legs.Count > 0 -> "active-voip-call-details", legs
                    | ValueSome _
                    | ValueNone -> () ] ]

    /// An error of RESTCONF (RFC 8040 section 7.1).
    let error (tag: string) (words: string) : JsonNode =
        let errors = JsonArray()

        errors.Add(
            JsonNodes.object
                [ "error-type", JsonNodes.text "application"
                  "error-tag", JsonNodes.text tag
                  "error-message", JsonNodes.text words ]
        )

        JsonNodes.object [ "ietf-restconf:errors", JsonNodes.object [ "error", errors ] ]

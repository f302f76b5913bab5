namespace CallServer.Wire

open System
open System.Text.Json

/// One channel, as `GET /ari/channels` lists it. A text is empty where it is not told.
type AriChannel =
    {
        /// Asterisk's unique id.
        Id: string
        /// Technology, device and number, such as `PJSIP/alice-0000001f`.
        Name: string
        /// In Asterisk's words: Down, Ring, Ringing, Up, …
        State: string
        /// The Call-ID of a leg by PJSIP or SIP.
        ProtocolId: string
        /// The number of whoever is on the channel.
        Caller: string
        /// The number of whoever that one is connected to.
        Connected: string
        /// The application of the dialplan that the channel runs.
        Application: string
        /// `CHANNEL(audionativeformat)`, where ari.conf has it among its `channelvars`.
        Format: string
        /// When it was made, in microseconds since 1970 by Asterisk's own clock; whole milliseconds.
        Created: int64 voption
    }

/// What `GET /ari/channels/ID/rtp_statistics` tells.
[<Struct>]
type AriStatistics =
    {
        /// Packets received, and how many did not come.
        Received: int64
        Lost: int64
        /// Of what is received, in seconds; ValueNone where there is none yet.
        Jitter: float voption
        /// Both ways, in seconds.
        RoundTrip: float voption
    }

/// Reads the answers of Asterisk's REST Interface, as versions 13 to 23 write them.
module AriReplies =
    /// The variable that tells a channel's codec: `(ulaw)`, or several, `(ulaw|alaw)`.
    [<Literal>]
    let FormatVariable = "CHANNEL(audionativeformat)"

    /// The variable that tells when a channel was answered, as `AriTime.trySeconds` reads it.
    [<Literal>]
    let AnswerVariable = "CDR(answer,u)"

    let private nobody: AriChannel =
        { Id = ""
          Name = ""
          State = ""
          ProtocolId = ""
          Caller = ""
          Connected = ""
          Application = ""
          Format = ""
          Created = ValueNone }

    /// The text of one member of the object that the reader begins; empty where there is none. The reader is then at the value's end.
    let private member' (name: string) (reader: byref<Utf8JsonReader>) : string =
        let mutable text = ""

        if reader.TokenType = JsonTokenType.StartObject then
            while reader.Read() && reader.TokenType = JsonTokenType.PropertyName do
                let isIt = reader.ValueTextEquals name
                reader.Read() |> ignore

                if isIt then
                    text <- JsonView.textOrEmpty &reader

                reader.Skip()
        else
            reader.Skip()

        text

    /// The channel whose beginning the reader has just read; nothing where it lacks its id or its state.
    let private readChannel (reader: byref<Utf8JsonReader>) : AriChannel voption =
        let mutable channel = nobody

        while reader.Read() && reader.TokenType = JsonTokenType.PropertyName do
            if reader.ValueTextEquals "id" then
                reader.Read() |> ignore
                channel <- { channel with Id = JsonView.textOrEmpty &reader }
            elif reader.ValueTextEquals "name" then
                reader.Read() |> ignore
                channel <- { channel with Name = JsonView.textOrEmpty &reader }
            elif reader.ValueTextEquals "state" then
                reader.Read() |> ignore
                channel <- { channel with State = JsonView.textOrEmpty &reader }
            elif reader.ValueTextEquals "protocol_id" then
                reader.Read() |> ignore
                channel <- { channel with ProtocolId = JsonView.textOrEmpty &reader }
            elif reader.ValueTextEquals "caller" then
                reader.Read() |> ignore
                channel <- { channel with Caller = member' "number" &reader }
            elif reader.ValueTextEquals "connected" then
                reader.Read() |> ignore
                channel <- { channel with Connected = member' "number" &reader }
            elif reader.ValueTextEquals "dialplan" then
                reader.Read() |> ignore
                channel <- { channel with Application = member' "app_name" &reader }
            elif reader.ValueTextEquals "channelvars" then
                reader.Read() |> ignore
                channel <- { channel with Format = member' FormatVariable &reader }
            elif reader.ValueTextEquals "creationtime" then
                reader.Read() |> ignore
                channel <- { channel with Created = AriTime.tryParse (JsonView.textOrEmpty &reader) }
            else
                reader.Read() |> ignore

            // Of what is not read here, or should be a text and is not.
            reader.Skip()

        if channel.Id <> "" && channel.State <> "" then ValueSome channel else ValueNone

    /// Takes the channels of `GET /ari/channels` in order, and counts those that cannot be read; nothing where the body is no list, or has no end.
    let foldChannels
        (take: 'State -> AriChannel -> 'State)
        (state: 'State)
        (body: JsonView)
        : struct ('State * int) voption =
        JsonView.foldObjects (JsonObjectReader(fun reader -> readChannel &reader)) take state body

    /// Reads one channel: `GET /ari/channels/ID`.
    let readOne (body: JsonView) : AriChannel voption =
        let mutable reader = JsonView.reader body

        try
            if reader.Read() && reader.TokenType = JsonTokenType.StartObject then
                readChannel &reader
            else
                ValueNone
        with
        | :? JsonException
        | :? InvalidOperationException -> ValueNone

    /// When Asterisk started, in microseconds since 1970 by its own clock: `GET /ari/asterisk/info?only=status`.
    let readStartup (body: JsonView) : int64 voption =
        JsonView.tryMember "status" body
        |> ValueOption.bind (JsonView.tryText "startup_time")
        |> ValueOption.bind AriTime.tryParse

    /// Why a request was refused: `{"message": …}`.
    let readMessage (body: JsonView) : string voption = JsonView.tryText "message" body

    /// The value of a variable: `GET /ari/channels/ID/variable`.
    let readValue (body: JsonView) : string voption = JsonView.tryText "value" body

    /// Reads `GET /ari/channels/ID/rtp_statistics`; nothing without its counts.
    let readStatistics (body: JsonView) : AriStatistics voption =
        match JsonView.tryNumber "rxcount" body, JsonView.tryNumber "rxploss" body with
        | ValueSome received, ValueSome lost when received >= 0L && lost >= 0L ->
            ValueSome
                { Received = received
                  Lost = lost
                  Jitter = JsonView.tryDecimal "rxjitter" body |> ValueOption.map float
                  RoundTrip = JsonView.tryDecimal "rtt" body |> ValueOption.map float }
        | _ -> ValueNone

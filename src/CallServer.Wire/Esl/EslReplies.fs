namespace CallServer.Wire

open System
open System.Buffers
open System.Globalization
open System.Text
open System.Text.Encodings.Web
open System.Text.Json
open CallServer.Model

/// How far a channel has come (`callstate`; FreeSWITCH, src/include/switch_types.h, CCS_*).
[<RequireQualifiedAccess>]
type EslCallState =
    /// DOWN, DIALING, RINGING, EARLY, RING_WAIT: nobody has answered.
    | Ringing
    /// ACTIVE, HELD, UNHELD: it was answered.
    | Answered
    /// HANGUP, or what FreeSWITCH does not document.
    | Other

/// One row of `show channels as json`; a text is empty where FreeSWITCH knows none.
[<Struct>]
type EslChannel =
    {
        Uuid: string
        /// The UUID of the channel with which the call began, on both legs once they are bridged.
        CallUuid: string
        /// `inbound`: somebody calls FreeSWITCH on this channel; or `outbound`.
        Direction: string
        /// Such as `sofia/internal/1000@192.0.2.1`.
        Name: string
        /// As FreeSWITCH writes it, in capitals.
        CallState: string
        /// The caller's number, or the name where there is no number.
        Caller: string
        Destination: string
        ReadCodec: string
        /// Samples a second; 0 where it is not told.
        ReadRate: int
    }

/// What `json status` says.
[<Struct>]
type EslStatus =
    {
        /// Since FreeSWITCH started, by the machine's steady clock, in microseconds.
        UpTime: int64
        /// Sessions that began since then.
        Total: int64
        /// Sessions that go on.
        Active: int64
    }

/// What `json channelData` says of one channel. Times are microseconds since 1970 by FreeSWITCH's own clock, 0 for what has not happened.
type EslChannelData =
    {
        Created: int64
        Answered: int64
        /// When FreeSWITCH, started anew, took the call up again (`sofia recover`): the times before that are lost.
        Recovered: int64
        /// SIP's Call-ID of this leg; empty where it is no SIP.
        SipCallId: string
        Local: MediaAddress voption
        Remote: MediaAddress voption
        /// What it says of the audio that it receives, in words; empty where it says nothing.
        Quality: string
    }

/// A question about one channel was answered.
[<RequireQualifiedAccess>]
type EslChannelAnswer =
    | Told of EslChannelData
    /// It is over: FreeSWITCH finds no such channel that has not been hung up.
    | Gone
    /// In FreeSWITCH's words.
    | NotTold of reason: string

/// Reads what FreeSWITCH's API commands print (mod_commands), as of version 1.10.
module EslReplies =
    let private view (body: byte[]) : JsonView = { Octets = body; Start = 0; Length = body.Length }

    /// The error that a command printed, without its mark. Some commands print more after it: `show` prints an empty list after an error of its
    /// database.
    let tryError (body: byte[]) : string voption =
        if body.AsSpan().StartsWith("-"B.AsSpan()) then
            let line = Encoding.UTF8.GetString(body, 0, min body.Length 1024).Split('\n')[0]
            ValueSome(line.Replace("-ERR", "").TrimStart('-', ' ').Trim())
        else
            ValueNone

    /// What a command printed that prints one short line.
    let text (body: byte[]) : string = Encoding.UTF8.GetString(body, 0, min body.Length 1024).Trim()

    /// What its clock shows, in microseconds since 1970 (`strmicroepoch`).
    let readClock (body: byte[]) : int64 voption =
        match Int64.TryParse(text body, NumberStyles.None, CultureInfo.InvariantCulture) with
        | true, micros -> ValueSome micros
        | _ -> ValueNone

    /// How far a channel has come that FreeSWITCH describes so.
    let callState (words: string) : EslCallState =
        match words with
        | "ACTIVE"
        | "HELD"
        | "UNHELD" -> EslCallState.Answered
        | "DOWN"
        | "DIALING"
        | "RINGING"
        | "EARLY"
        | "RING_WAIT" -> EslCallState.Ringing
        | _ -> EslCallState.Other

    let private columns: byte[][] =
        [| "uuid"B
           "call_uuid"B
           "direction"B
           "name"B
           "callstate"B
           "cid_num"B
           "initial_cid_num"B
           "cid_name"B
           "dest"B
           "initial_dest"B
           "read_codec"B
           "read_rate"B |]

    let private first (a: string) (b: string) : string = if a = "" then b else a

    let private channel (texts: string[]) : EslChannel =
        { Uuid = texts[0]
          CallUuid = texts[1]
          Direction = texts[2]
          Name = texts[3]
          CallState = texts[4]
          Caller = first (first texts[5] texts[6]) texts[7]
          Destination = first texts[8] texts[9]
          ReadCodec = texts[10]
          ReadRate =
            (match Int32.TryParse(texts[11], NumberStyles.None, CultureInfo.InvariantCulture) with
             | true, rate -> rate
             | _ -> 0) }

    /// The row whose beginning the reader has just read; nothing where it has no name.
    let private readRow (texts: string[]) (reader: byref<Utf8JsonReader>) : EslChannel voption =
        JsonView.readTexts columns texts &reader
        if texts[0] = "" then ValueNone else ValueSome(channel texts)

    /// Takes the rows of `show channels as json` in order. Returns how many it says that there are, what was made of the rows, and how many of
    /// them have no name; nothing where it is no such list. Without channels there are no rows at all.
    let foldChannels
        (take: 'State -> EslChannel -> 'State)
        (state: 'State)
        (body: byte[])
        : struct (int64 * 'State * int) voption =
        let mutable reader = JsonView.reader (view body)
        let mutable count = ValueNone
        let mutable rows = struct (state, 0)
        let texts: string[] = Array.zeroCreate columns.Length
        let row = JsonObjectReader(fun reader -> readRow texts &reader)

        try
            if not (reader.Read()) || reader.TokenType <> JsonTokenType.StartObject then
                ValueNone
            else
                while reader.Read() && reader.TokenType = JsonTokenType.PropertyName do
                    let isCount = reader.ValueTextEquals "row_count"
                    let isRows = reader.ValueTextEquals "rows"
                    reader.Read() |> ignore

                    if isCount then
                        count <- JsonView.numberAt &reader
                    elif isRows && reader.TokenType = JsonTokenType.StartArray then
                        rows <- JsonView.foldObjectsAt row take state &reader

                    reader.Skip()

                // Throws if anything but white space follows.
                reader.Read() |> ignore
                let struct (state, unreadable) = rows
                count |> ValueOption.map (fun count -> struct (count, state, unreadable))
        with
        | :? JsonException
        | :? InvalidOperationException -> ValueNone

    /// The answer to a question in JSON.
    let private response (body: byte[]) : JsonView voption = JsonView.tryMember "response" (view body)

    /// Microseconds in each part of an up-time. FreeSWITCH's years have 365 days.
    let private parts: (string * int64) list =
        [ "years", 31_536_000_000_000L
          "days", 86_400_000_000L
          "hours", 3_600_000_000L
          "minutes", 60_000_000L
          "seconds", 1_000_000L
          "milliseconds", 1_000L
          "microseconds", 1L ]

    let private upTime (told: JsonView) : int64 voption =
        let add sum (name, micros) =
            match sum, JsonView.tryNumber name told with
            | ValueSome sum, ValueSome count when count >= 0L && count < 1000L ->
                ValueSome(sum + count * micros)
            | _ -> ValueNone

        List.fold add (ValueSome 0L) parts

    /// Reads the answer to `json status`.
    let readStatus (body: byte[]) : EslStatus voption =
        match response body with
        | ValueNone -> ValueNone
        | ValueSome told ->
            let count = told |> JsonView.tryMember "sessions" |> ValueOption.bind (JsonView.tryMember "count")

            let number name = count |> ValueOption.bind (JsonView.tryNumber name)

            match
                told |> JsonView.tryMember "uptime" |> ValueOption.bind upTime,
                number "total",
                number "active"
            with
            | ValueSome upTime, ValueSome total, ValueSome active when total >= 0L && active >= 0L ->
                ValueSome { UpTime = upTime; Total = total; Active = active }
            | _ -> ValueNone

    /// Such as `mos 4.50, loss 0.3 %`. FreeSWITCH rates the audio that it receives by how its packets come.
    let private quality (data: JsonView) : string =
        let inbound =
            data
            |> JsonView.tryMember "callStats"
            |> ValueOption.bind (JsonView.tryMember "audio")
            |> ValueOption.bind (JsonView.tryMember "inbound")

        match inbound |> ValueOption.bind (JsonView.tryDecimal "mos") with
        | ValueSome mos when mos > 0m && mos <= 5m ->
            let mos = mos.ToString("0.00", CultureInfo.InvariantCulture)

            match inbound |> ValueOption.bind (JsonView.tryDecimal "jitter_loss_rate") with
            | ValueSome loss when loss >= 0m && loss <= 100m ->
                let loss = loss.ToString("0.0", CultureInfo.InvariantCulture)
                $"mos {mos}, loss {loss} %%"
            | _ -> $"mos {mos}"
        | _ -> ""

    let private address (variables: JsonView) (host: string) (port: string) : MediaAddress voption =
        match JsonView.tryText host variables, JsonView.tryNumber port variables with
        | ValueSome host, ValueSome port when port > 0L && port <= 65535L ->
            MediaAddress.ofText host (int port) |> ValueOption.ofOption
        | _ -> ValueNone

    let private data (told: JsonView) : EslChannelData voption =
        let times =
            told
            |> JsonView.tryMember "callflow"
            |> ValueOption.bind (JsonView.items 1 >> Array.tryHead >> ValueOption.ofOption)
            |> ValueOption.bind (JsonView.tryMember "times")

        let time name = times |> ValueOption.bind (JsonView.tryNumber name) |> ValueOption.defaultValue 0L

        let variables =
            JsonView.tryMember "variables" told |> ValueOption.defaultValue { told with Length = 0 }

        if time "created_time" <= 0L then
            ValueNone
        else
            ValueSome
                { Created = time "created_time"
                  Answered = time "answered_time"
                  Recovered = time "resurrect_time"
                  SipCallId = JsonView.tryText "sip_call_id" variables |> ValueOption.defaultValue ""
                  Local = address variables "local_media_ip" "local_media_port"
                  Remote = address variables "remote_media_ip" "remote_media_port"
                  Quality = quality told }

    /// Reads the answer to `json channelData`.
    let readChannel (body: byte[]) : EslChannelAnswer =
        match response body with
        | ValueNone -> EslChannelAnswer.NotTold "an answer without what it always has"
        | ValueSome told ->
            match
                told |> JsonView.tryMember "channelData" |> ValueOption.bind data,
                JsonView.tryText "response" told
            with
            | ValueSome data, _ -> EslChannelAnswer.Told data
            | ValueNone, ValueSome "Session does not exist" -> EslChannelAnswer.Gone
            | ValueNone, ValueSome reason -> EslChannelAnswer.NotTold reason
            | ValueNone, ValueNone -> EslChannelAnswer.NotTold "an answer without the channel's times"

    let private compact = JsonWriterOptions(Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping)

    /// A question in JSON: the command's name, and what it is about.
    let question (command: string) (about: (string * string) list) : string =
        let into = ArrayBufferWriter<byte>()
        use writer = new Utf8JsonWriter(into, compact)
        writer.WriteStartObject()
        writer.WriteString("command", command)
        writer.WriteStartObject "data"

        for name, value in about do
            writer.WriteString(name, value)

        writer.WriteEndObject()
        writer.WriteEndObject()
        writer.Flush()
        "json " + Encoding.UTF8.GetString into.WrittenSpan

namespace CallServer.Wire

open System
open System.Text
open CallServer.Model

/// Why a session description cannot be read.
type SdpProblem =
    /// It does not begin with `v=`.
    | NoVersion
    /// A line that is not a letter, `=` and a value.
    | NotALine
    /// `m=` without kind, port, protocol and at least one format.
    | BadMedia
    /// More media, formats and attributes than any description has.
    | TooManyItems

/// What is wrong, and at which character.
type SdpError =
    { Offset: int
      Problem: SdpProblem }

    override this.ToString() =
        let what =
            match this.Problem with
            | NoVersion -> "no session description"
            | NotALine -> "a line without a type"
            | BadMedia -> "a media line that cannot be read"
            | TooManyItems -> "too many media, formats and attributes"

        $"{what} at character {this.Offset}"

/// One `m=` with what follows it (RFC 8866 §5.14).
type SdpMedia =
    {
        /// audio, image, video, …
        Kind: string
        /// 0 to 65535; 0 is a medium that is refused or ended (RFC 3264 §6).
        Port: int
        /// RTP/AVP, udptl, …
        Protocol: string
        /// RTP payload types as text, or names such as `t38`; at least one.
        Formats: string[]
        /// The address of its own `c=`.
        Host: string voption
        /// `a=rtpmap`: payload type and NAME/RATE[/CHANNELS].
        RtpMaps: struct (string * string)[]
        /// `a=fmtp`: format and its parameters.
        FormatParameters: struct (string * string)[]
        /// `a=ptime`, milliseconds.
        PacketTime: int voption
        /// sendrecv, sendonly, recvonly or inactive.
        Direction: string voption
    }

/// A session description (RFC 8866, once RFC 2327), as far as it tells of media. Lines of other types are dropped.
type Sdp =
    {
        /// What follows `o=`; empty where there is none.
        Origin: string
        /// What follows `s=`.
        Name: string
        /// The address of the session's `c=`.
        Host: string voption
        Direction: string voption
        Media: SdpMedia[]
    }

/// Collects a description line by line.
type private SdpReading() =
    member val Origin = "" with get, set
    member val Name = "" with get, set
    member val Host: string voption = ValueNone with get, set
    member val Direction: string voption = ValueNone with get, set
    member val Media = ResizeArray<SdpMedia>()
    /// The medium whose lines are being read.
    member val Current: SdpMedia voption = ValueNone with get, set
    member val RtpMaps = ResizeArray<struct (string * string)>()
    member val FormatParameters = ResizeArray<struct (string * string)>()
    member val Items = 0 with get, set
    member this.Count() = this.Items <- this.Items + 1

    member this.EndMedium() =
        match this.Current with
        | ValueSome medium ->
            this.Media.Add
                { medium with
                    RtpMaps = this.RtpMaps.ToArray()
                    FormatParameters = this.FormatParameters.ToArray() }

            this.RtpMaps.Clear()
            this.FormatParameters.Clear()
            this.Current <- ValueNone
        | ValueNone -> ()

module Sdp =
    /// Media, formats and attributes of one description: real ones have a tenth of it.
    [<Literal>]
    let private MaxItems = 256

    /// What MGCP sends where a description was asked for and there is none: `v=0` alone (RFC 3435 §3.3).
    let absent: Sdp = { Origin = ""; Name = ""; Host = ValueNone; Direction = ValueNone; Media = [||] }

    let isAbsent (sdp: Sdp) : bool = sdp.Media.Length = 0 && sdp.Host.IsNone

    /// Where this line ends, without CR and LF, and where the next begins.
    let private lineFrom (text: string) (start: int) : struct (int * int) =
        let feed = text.IndexOf('\n', start)
        let stop = if feed < 0 then text.Length else feed
        let next = if feed < 0 then text.Length else feed + 1
        struct ((if stop > start && text[stop - 1] = '\r' then stop - 1 else stop), next)

    let rec private skipBlanks (text: string) (at: int) (stop: int) : int =
        if at < stop && (text[at] = ' ' || text[at] = '\t') then
            skipBlanks text (at + 1) stop
        else
            at

    let rec private wordEnd (text: string) (at: int) (stop: int) : int =
        if at < stop && text[at] <> ' ' && text[at] <> '\t' then
            wordEnd text (at + 1) stop
        else
            at

    /// The words between blanks, at most limit of them; what follows stays unread.
    let private words (limit: int) (text: string) (start: int) (stop: int) : string[] =
        let found = ResizeArray<string>()
        let mutable at = skipBlanks text start stop

        while at < stop && found.Count < limit do
            let last = wordEnd text at stop
            found.Add(text.Substring(at, last - at))
            at <- skipBlanks text last stop

        found.ToArray()

    /// A number of up to five digits, whatever follows it (`49170/2`, `20.0`); -1 where there is none.
    let private number (text: string) (start: int) (stop: int) : int =
        let rec read at value =
            if at < stop && at - start < 6 && Char.IsAsciiDigit text[at] then
                read (at + 1) (value * 10 + int text[at] - int '0')
            elif at = start || at - start > 5 then
                -1
            else
                value

        read start 0

    let private startsWith (word: string) (text: string) (start: int) (stop: int) : bool =
        stop - start >= word.Length
        && String.Compare(text, start, word, 0, word.Length, StringComparison.OrdinalIgnoreCase) = 0

    /// `IN IP4 192.0.2.1[/ttl]`: the address, or nothing.
    let private hostOf (text: string) (start: int) (stop: int) : string voption =
        let next at = skipBlanks text (wordEnd text at stop) stop
        let address = next (next (skipBlanks text start stop))
        let last = wordEnd text address stop
        let slash = text.IndexOf('/', address, last - address)
        let last = if slash < 0 then last else slash

        if last > address then
            ValueSome(text.Substring(address, last - address))
        else
            ValueNone

    let private isWord (word: string) (text: string) (start: int) (stop: int) : bool =
        startsWith word text start stop && skipBlanks text (start + word.Length) stop = stop

    /// Nothing where it is no direction. No closure: there may be thousands of other attributes.
    let private directionOf (text: string) (start: int) (stop: int) : string voption =
        if isWord "sendrecv" text start stop then ValueSome "sendrecv"
        elif isWord "sendonly" text start stop then ValueSome "sendonly"
        elif isWord "recvonly" text start stop then ValueSome "recvonly"
        elif isWord "inactive" text start stop then ValueSome "inactive"
        else ValueNone

    /// `KEY VALUE` after the colon of an attribute.
    let private pair (text: string) (start: int) (stop: int) : struct (string * string) voption =
        let key = skipBlanks text start stop
        let keyEnd = wordEnd text key stop
        let value = skipBlanks text keyEnd stop

        if keyEnd > key && value < stop then
            ValueSome(
                struct (text.Substring(key, keyEnd - key), text.Substring(value, stop - value).TrimEnd())
            )
        else
            ValueNone

    let private attribute (reading: SdpReading) (text: string) (start: int) (stop: int) : unit =
        if startsWith "rtpmap:" text start stop && reading.Current.IsSome then
            reading.Count()
            pair text (start + 7) stop |> ValueOption.iter reading.RtpMaps.Add
        elif startsWith "fmtp:" text start stop && reading.Current.IsSome then
            reading.Count()
            pair text (start + 5) stop |> ValueOption.iter reading.FormatParameters.Add
        elif startsWith "ptime:" text start stop then
            reading.Count()

            match reading.Current, number text (skipBlanks text (start + 6) stop) stop with
            | ValueSome medium, period when period > 0 ->
                reading.Current <- ValueSome { medium with PacketTime = ValueSome period }
            | _ -> ()
        else
            match directionOf text start stop, reading.Current with
            | ValueSome word, ValueSome medium ->
                reading.Count()
                reading.Current <- ValueSome { medium with Direction = ValueSome word }
            | ValueSome word, ValueNone -> reading.Direction <- ValueSome word
            | ValueNone, _ -> ()

    let private medium (reading: SdpReading) (text: string) (start: int) (stop: int) : SdpProblem voption =
        let words = words (MaxItems + 4) text start stop
        reading.Items <- reading.Items + words.Length

        if reading.Items > MaxItems then
            ValueSome TooManyItems
        elif words.Length < 4 then
            ValueSome BadMedia
        else
            match number words[1] 0 words[1].Length with
            | port when port >= 0 && port <= 65535 ->
                reading.EndMedium()

                reading.Current <-
                    ValueSome
                        { Kind = words[0]
                          Port = port
                          Protocol = words[2]
                          Formats = words[3..]
                          Host = ValueNone
                          RtpMaps = [||]
                          FormatParameters = [||]
                          PacketTime = ValueNone
                          Direction = ValueNone }

                ValueNone
            | _ -> ValueSome BadMedia

    /// One line that is not empty.
    let private line (reading: SdpReading) (text: string) (start: int) (stop: int) : SdpProblem voption =
        if stop - start < 2 || text[start + 1] <> '=' then
            ValueSome NotALine
        else
            let value = start + 2

            match text[start] with
            | 'm' -> medium reading text value stop
            | ('a' | 'c') when reading.Items > MaxItems -> ValueSome TooManyItems
            | 'a' ->
                attribute reading text value stop
                ValueNone
            | 'c' ->
                reading.Items <- reading.Items + 1

                match reading.Current with
                | ValueSome medium ->
                    reading.Current <- ValueSome { medium with Host = hostOf text value stop }
                | ValueNone -> reading.Host <- hostOf text value stop

                ValueNone
            | 'o' ->
                if reading.Origin = "" then
                    reading.Origin <- text.Substring(value, stop - value)

                ValueNone
            | 's' ->
                if reading.Name = "" then
                    reading.Name <- text.Substring(value, stop - value)

                ValueNone
            | _ -> ValueNone

    /// Reads a description; lines may end in LF alone, empty ones are skipped, and their order does not matter but for `m=`.
    let decode (text: string) : Result<Sdp, SdpError> =
        let reading = SdpReading()

        let rec read at begun =
            if at >= text.Length then
                if begun then ValueNone else ValueSome { Offset = at; Problem = NoVersion }
            else
                let struct (stop, next) = lineFrom text at

                if skipBlanks text at stop = stop then
                    read next begun
                elif not begun then
                    if startsWith "v=" text at stop then
                        read next true
                    else
                        ValueSome { Offset = at; Problem = NoVersion }
                else
                    match line reading text at stop with
                    | ValueSome problem -> ValueSome { Offset = at; Problem = problem }
                    | ValueNone -> read next true

        match read 0 false with
        | ValueSome error -> Error error
        | ValueNone ->
            reading.EndMedium()

            Ok
                { Origin = reading.Origin
                  Name = reading.Name
                  Host = reading.Host
                  Direction = reading.Direction
                  Media = reading.Media.ToArray() }

    /// The description as text with CRLF.
    let encode (sdp: Sdp) : string =
        let text = StringBuilder()

        let put (kind: char) (value: string) =
            text.Append(kind).Append('=').Append(value).Append("\r\n") |> ignore

        let connection (host: string) =
            put 'c' (if host.Contains ':' then $"IN IP6 {host}" else $"IN IP4 {host}")

        put 'v' "0"

        if sdp <> absent then
            put 'o' sdp.Origin
            put 's' sdp.Name
            ValueOption.iter connection sdp.Host
            put 't' "0 0"
            ValueOption.iter (put 'a') sdp.Direction

            for medium in sdp.Media do
                let formats = String.Join(' ', medium.Formats)
                put 'm' $"{medium.Kind} {medium.Port} {medium.Protocol} {formats}"
                ValueOption.iter connection medium.Host

                for struct (format, encoding) in medium.RtpMaps do
                    put 'a' $"rtpmap:{format} {encoding}"

                for struct (format, parameters) in medium.FormatParameters do
                    put 'a' $"fmtp:{format} {parameters}"

                ValueOption.iter (fun period -> put 'a' $"ptime:{period}") medium.PacketTime
                ValueOption.iter (put 'a') medium.Direction

        text.ToString()

    /// The medium of the call: the first audio or image that has a port, else the first at all.
    let callMedium (sdp: Sdp) : SdpMedia voption =
        let isCall (medium: SdpMedia) =
            String.Equals(medium.Kind, "audio", StringComparison.OrdinalIgnoreCase)
            || String.Equals(medium.Kind, "image", StringComparison.OrdinalIgnoreCase)

        match sdp.Media |> Array.tryFind (fun medium -> isCall medium && medium.Port <> 0) with
        | Some medium -> ValueSome medium
        | None ->
            match Array.tryFind isCall sdp.Media with
            | Some medium -> ValueSome medium
            | None -> ValueNone

    /// What a format of a medium stands for: its rtpmap, else the static payload type, else its own name.
    let formatCodec (medium: SdpMedia) (format: string) : Codec voption =
        match medium.RtpMaps |> Array.tryFind (fun struct (mapped, _) -> mapped = format) with
        | Some(struct (_, encoding)) -> ValueSome(Codec.ofRtpMap encoding)
        | None ->
            match Int32.TryParse(format, Globalization.NumberStyles.None, null) with
            | true, payloadType ->
                match Codec.ofPayloadType payloadType with
                | Some codec -> ValueSome codec
                | None -> ValueNone
            | _ -> ValueSome(Codec.ofName format)

    /// Events and comfort noise go beside a codec.
    let private isBeside (codec: Codec) = codec.Name = "telephone-event" || codec.Name = "CN"

    /// The codec in use: the first format of the call's medium that is one.
    let codec (sdp: Sdp) : Codec voption =
        match callMedium sdp with
        | ValueNone -> ValueNone
        | ValueSome medium ->
            medium.Formats
            |> Array.map (formatCodec medium)
            |> Array.tryFind (fun codec -> codec.IsNone || not (isBeside codec.Value))
            |> Option.defaultValue ValueNone

    /// Where the call's medium is sent to: nothing where the address is a name.
    let address (sdp: Sdp) : MediaAddress voption =
        match callMedium sdp with
        | ValueNone -> ValueNone
        | ValueSome medium ->
            match (if medium.Host.IsSome then medium.Host else sdp.Host) with
            | ValueSome host -> MediaAddress.ofText host medium.Port |> ValueOption.ofOption
            | ValueNone -> ValueNone

    /// Milliseconds of media in one packet, where it is told.
    let packetTime (sdp: Sdp) : int voption =
        match callMedium sdp with
        | ValueSome medium -> medium.PacketTime
        | ValueNone -> ValueNone

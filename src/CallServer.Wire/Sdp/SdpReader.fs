namespace CallServer.Wire

open System
open System.Text
open CallServer.Model

/// Why a session description cannot be read.
type SdpProblem =
    /// The description does not begin with `v=`.
    | NoVersion
    /// A line that is not a letter, `=` and a value.
    | NotALine
    /// An `m=` line that lacks a kind, port, protocol or format.
    | BadMedia
    /// More media, formats and attributes than any real description has.
    | TooManyItems

/// What is wrong, and at which character, counted from 0.
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

/// One `m=` line with the lines that belong to it (RFC 8866 §5.14).
type SdpMedia =
    {
        /// audio, image, video, …
        Kind: string
        /// 0 to 65535; 0 means that the medium is refused or ended (RFC 3264 §6).
        Port: int
        /// RTP/AVP, udptl, …
        Protocol: string
        /// RTP payload types as text, or names such as `t38`; at least one.
        Formats: string[]
        /// The address in the medium's own `c=` line.
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

/// What a session description says about media (RFC 8866, formerly RFC 2327). Lines of other types are dropped.
type Sdp =
    {
        /// What follows `o=`; empty if there is no such line.
        Origin: string
        /// What follows `s=`; empty if there is no such line.
        Name: string
        /// The address in the session's own `c=` line.
        Host: string voption
        Direction: string voption
        Media: SdpMedia[]
    }

/// Collects a description line by line.
type internal SdpReading() =
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

/// Reads lines by their offsets in the text, so that nothing is allocated for data that is not kept.
module internal SdpReader =
    /// The most media, formats and attributes in one description. Real ones have a tenth of this.
    [<Literal>]
    let private MaxItems = 256

    /// Where this line ends, without its CR and LF, and where the next one begins.
    let lineFrom (text: string) (start: int) : struct (int * int) =
        let feed = text.IndexOf('\n', start)
        let stop = if feed < 0 then text.Length else feed
        let next = if feed < 0 then text.Length else feed + 1
        struct ((if stop > start && text[stop - 1] = '\r' then stop - 1 else stop), next)

    let rec skipBlanks (text: string) (at: int) (stop: int) : int =
        if at < stop && (text[at] = ' ' || text[at] = '\t') then
            skipBlanks text (at + 1) stop
        else
            at

    let rec private wordEnd (text: string) (at: int) (stop: int) : int =
        if at < stop && text[at] <> ' ' && text[at] <> '\t' then
            wordEnd text (at + 1) stop
        else
            at

    /// The first `limit` words between blanks. The rest is not read.
    let private words (limit: int) (text: string) (start: int) (stop: int) : string[] =
        let found = ResizeArray<string>()
        let mutable at = skipBlanks text start stop

        while at < stop && found.Count < limit do
            let last = wordEnd text at stop
            found.Add(text.Substring(at, last - at))
            at <- skipBlanks text last stop

        found.ToArray()

    /// A number of up to five digits, whatever follows it (as in `49170/2` or `20.0`); -1 if there is none.
    let private number (text: string) (start: int) (stop: int) : int =
        let rec read at value =
            if at < stop && at - start < 6 && Char.IsAsciiDigit text[at] then
                read (at + 1) (value * 10 + int text[at] - int '0')
            elif at = start || at - start > 5 then
                -1
            else
                value

        read start 0

    let startsWith (word: string) (text: string) (start: int) (stop: int) : bool =
        stop - start >= word.Length
        && String.Compare(text, start, word, 0, word.Length, StringComparison.OrdinalIgnoreCase) = 0

    /// The address in `IN IP4 192.0.2.1[/ttl]`; `ValueNone` if the line has another form.
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

    /// The direction; `ValueNone` if the word is no direction. Creates no closure, because a description may have thousands of
    /// other attributes.
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

    /// Takes in one line, which must not be empty.
    let line (reading: SdpReading) (text: string) (start: int) (stop: int) : SdpProblem voption =
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

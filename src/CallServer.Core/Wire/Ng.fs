namespace CallServer.Wire

open System
open System.Buffers
open System.Text
open CallServer.Model

/// What is wrong with a message of rtpengine's ng protocol.
[<RequireQualifiedAccess>]
type NgProblem =
    /// No cookie of 1 to 255 printable octets with a space behind it.
    | NoCookie
    /// The cookie is not followed by a dictionary.
    | NotDictionary
    /// The dictionary cannot be read.
    | Unreadable of BencodeProblem
    /// More parties than a message of this size has use for: decoding them would cost more memory than allowed.
    | TooManyTags
    /// It lacks what a reply of its kind has.
    | Lacks of what: string

/// What is wrong, and at which octet of the message, from 0.
type NgError =
    { Offset: int
      Problem: NgProblem }

    override this.ToString() =
        match this.Problem with
        | NgProblem.NoCookie -> "no cookie"
        | NgProblem.NotDictionary -> $"no dictionary at octet {this.Offset}"
        | NgProblem.Unreadable problem -> string ({ Offset = this.Offset; Problem = problem }: BencodeError)
        | NgProblem.TooManyTags -> "too many tags for the message's size"
        | NgProblem.Lacks what -> $"a reply without {what}"

/// How the dictionary is written. rtpengine answers in the notation in which it was asked.
type NgFormat =
    | AsBencode
    | AsJson

/// One message: `COOKIE SP DICTIONARY` (rtpengine, docs/ng_control_protocol.md). A reply has the cookie of its request.
[<NoEquality; NoComparison>]
type NgMessage = { Cookie: string; Format: NgFormat; Body: BencodeView }

/// What is asked of rtpengine.
[<RequireQualifiedAccess>]
type NgRequest =
    | Ping
    | Statistics
    /// The Call-IDs of its calls, in no order, at most so many.
    | List of limit: int
    | Query of callId: byte[]
    /// Ends the call of this party, at once.
    | Delete of callId: byte[] * fromTag: byte[]

/// Whether a request was done.
[<RequireQualifiedAccess>]
type NgResult =
    /// `ok` or `pong`; with the warning if there is one.
    | Done of warning: string voption
    /// `error` with its reason, or another word.
    | Refused of reason: string

/// What `statistics` tells of the sessions; nothing for what it does not.
[<Struct>]
type NgStatistics =
    {
        /// Calls that it has now, its own and others'.
        Sessions: int64 voption
        /// Calls of its own that ended since its start.
        Managed: int64 voption
        /// Whole seconds since its start, the difference of two truncated times.
        UpTime: int64 voption
    }

/// One RTP stream of a party, as rtpengine sees it.
[<Struct>]
type NgStream =
    {
        /// rtpengine's own end.
        Local: MediaAddress voption
        /// The party's end.
        Remote: MediaAddress voption
        /// Received from the party.
        Packets: int64
        /// Of whole RTP packets.
        Octets: int64
        /// Sent to the party; newer versions only.
        PacketsOut: int64 voption
        OctetsOut: int64 voption
        /// By the gateway's clock, in whole seconds since 1970. Without packets: when the stream was made.
        LastPacket: int64 voption
    }

[<Struct>]
type NgMedia =
    {
        /// NAME/RATE; only once RTP has been received.
        Codec: string voption
        /// rtpengine may send to the party, or receive from it.
        Sends: bool
        Receives: bool
        Stream: NgStream voption
    }

/// One party of a call.
[<NoEquality; NoComparison>]
type NgTag =
    {
        /// What it stands under: the tag, or `<untagged N>` for a party that has not answered yet.
        Key: Slice
        /// Empty for such a party.
        Tag: Slice
        Label: Slice voption
        /// By the gateway's clock, in whole seconds since 1970.
        Created: int64 voption
        /// The first audio, else the first of all.
        Media: NgMedia voption
    }

[<NoEquality; NoComparison>]
type NgCall =
    {
        /// By the gateway's clock, in microseconds since 1970.
        Created: int64
        /// 1, or a million where only seconds are told.
        Resolution: int64
        /// Whole seconds since 1970; signalling moves it.
        LastSignal: int64 voption
        /// In the order of the reply, which is that in which rtpengine made them: the offering party first.
        Tags: NgTag[]
    }

module Ng =
    [<Literal>]
    let private MaxCookie = 255

    /// No address and no codec is longer.
    [<Literal>]
    let private MaxWord = 64

    let private isPrintable (octet: byte) = octet > 32uy && octet < 127uy

    /// Where the cookie's space stands; -1 where more is needed, -2 where there is no cookie.
    let cookieEnd (octets: ReadOnlySpan<byte>) (from: int) : int =
        let mutable at = from

        while at < octets.Length && at - from <= MaxCookie && isPrintable octets[at] do
            at <- at + 1

        if at - from > MaxCookie then -2
        elif at = octets.Length then -1
        elif octets[at] = ' 'B && at > from then at
        else -2

    /// The cookie of a message, whatever follows it; nothing where there is none.
    let peek (octets: byte[]) : string voption =
        match cookieEnd (ReadOnlySpan octets) 0 with
        | at when at > 0 -> ValueSome(Encoding.ASCII.GetString(octets, 0, at))
        | _ -> ValueNone

    let private wrong offset problem : Result<'T, NgError> = Error { Offset = offset; Problem = problem }

    /// A whole message. What stands behind the dictionary is not looked at: rtpengine does not either.
    let decode (octets: byte[]) : Result<NgMessage, NgError> =
        match cookieEnd (ReadOnlySpan octets) 0 with
        | space when space < 0 -> wrong 0 NgProblem.NoCookie
        | space ->
            let start = space + 1

            let format =
                if start >= octets.Length then ValueNone
                elif octets[start] = 'd'B then ValueSome AsBencode
                elif octets[start] = '{'B then ValueSome AsJson
                else ValueNone

            match format with
            | ValueNone -> wrong start NgProblem.NotDictionary
            | ValueSome format ->
                let body =
                    match format with
                    | AsBencode -> BencodeView.read octets start
                    | AsJson -> BencodeJson.read octets start

                match body with
                | Ok body ->
                    Ok { Cookie = Encoding.ASCII.GetString(octets, 0, space); Format = format; Body = body }
                | Error error -> wrong error.Offset (NgProblem.Unreadable error.Problem)

    let encode (cookie: string) (format: NgFormat) (body: Bencode) : byte[] =
        let into = ArrayBufferWriter<byte> 256
        Encoding.ASCII.GetBytes((cookie + " ").AsSpan(), into.GetSpan(cookie.Length + 1)) |> into.Advance

        match format with
        | AsBencode -> Bencode.encodeInto into body
        | AsJson -> BencodeJson.encodeInto into body

        into.WrittenSpan.ToArray()

    // Requests.

    let private dictionaryOf (request: NgRequest) : Bencode =
        let command (name: string) rest = Bencode.Members(("command", Bencode.ofString name) :: rest)

        match request with
        | NgRequest.Ping -> command "ping" []
        | NgRequest.Statistics -> command "statistics" []
        | NgRequest.List limit -> command "list" [ "limit", Bencode.Number(int64 limit) ]
        | NgRequest.Query callId -> command "query" [ "call-id", Bencode.Text callId ]
        | NgRequest.Delete(callId, fromTag) ->
            command
                "delete"
                [ "call-id", Bencode.Text callId
                  "from-tag", Bencode.Text fromTag
                  "delete-delay", Bencode.Number 0L ]

    let encodeRequest (cookie: string) (request: NgRequest) : byte[] =
        encode cookie AsBencode (dictionaryOf request)

    // What a dictionary tells.

    let private number (name: string) (view: BencodeView) : int64 voption =
        match BencodeView.tryFind name view with
        | ValueSome value -> BencodeView.number value
        | ValueNone -> ValueNone

    let slice (name: string) (view: BencodeView) : Slice voption =
        match BencodeView.tryFind name view with
        | ValueSome value -> BencodeView.text value
        | ValueNone -> ValueNone

    let private word (name: string) (view: BencodeView) : string voption =
        match slice name view with
        | ValueSome slice when slice.Length > 0 && slice.Length <= MaxWord ->
            ValueSome(Encoding.UTF8.GetString slice.Span)
        | ValueSome _
        | ValueNone -> ValueNone

    /// A reason for people, cut to a line's length.
    let private sentence (slice: Slice) : string =
        let text = Encoding.UTF8.GetString(ReadOnlySpan(slice.Source, slice.From, min slice.Length 200))
        String.map (fun c -> if Char.IsControl c then ' ' else c) text

    let private is (expected: string) (slice: Slice) = Ascii.Equals(slice.Span, expected.AsSpan())

    let result (body: BencodeView) : NgResult =
        match slice "result" body with
        | ValueSome word when is "ok" word || is "pong" word ->
            NgResult.Done(slice "warning" body |> ValueOption.map sentence)
        | ValueSome word ->
            match slice "error-reason" body with
            | ValueSome reason -> NgResult.Refused(sentence reason)
            | ValueNone -> NgResult.Refused(sentence word)
        | ValueNone -> NgResult.Refused "a reply without a result"

    let readStatistics (body: BencodeView) : NgStatistics =
        let under (name: string) (view: BencodeView voption) =
            view |> ValueOption.bind (BencodeView.tryFind name)

        let statistics = under "statistics" (ValueSome body)
        let total = under "totalstatistics" statistics

        let told name view =
            match view |> ValueOption.bind (number name) with
            | ValueSome value when value >= 0L -> ValueSome value
            | ValueSome _
            | ValueNone -> ValueNone

        { Sessions = told "sessionstotal" (under "currentstatistics" statistics)
          Managed = told "managedsessions" total
          UpTime = told "uptime" total }

    /// Over the Call-IDs of a reply to `list`, in its order; nothing where it tells no calls. What is no string is left out.
    let foldCallIds (folder: 'State -> Slice -> 'State) (state: 'State) (body: BencodeView) : 'State voption =
        let take state item =
            match BencodeView.text item with
            | ValueSome id -> folder state id
            | ValueNone -> state

        match BencodeView.tryFind "calls" body with
        | ValueSome calls -> ValueSome(BencodeView.foldItems take state calls)
        | ValueNone -> ValueNone

    let private addressOf (host: string) (port: string) (view: BencodeView) : MediaAddress voption =
        match word host view, number port view with
        | ValueSome host, ValueSome port when port >= 0L && port <= 65535L ->
            MediaAddress.ofText host (int port) |> ValueOption.ofOption
        | _ -> ValueNone

    let private countOf (name: string) (stats: BencodeView voption) : int64 voption =
        match stats |> ValueOption.bind (number name) with
        | ValueSome count when count >= 0L -> ValueSome count
        | ValueSome _
        | ValueNone -> ValueNone

    let private streamOf (view: BencodeView) : NgStream =
        let stats = BencodeView.tryFind "stats" view
        let out = BencodeView.tryFind "stats_out" view

        { Local = addressOf "local address" "local port" view
          Remote = BencodeView.tryFind "endpoint" view |> ValueOption.bind (addressOf "address" "port")
          Packets = countOf "packets" stats |> ValueOption.defaultValue 0L
          Octets = countOf "bytes" stats |> ValueOption.defaultValue 0L
          PacketsOut = countOf "packets" out
          OctetsOut = countOf "bytes" out
          LastPacket = number "last packet" view }

    let private first (items: BencodeView) : BencodeView voption =
        BencodeView.foldItems
            (fun found item -> if ValueOption.isSome found then found else ValueSome item)
            ValueNone
            items

    let private mediaOf (view: BencodeView) : NgMedia =
        let has (flag: string) =
            let found (known: bool) item =
                known
                || match BencodeView.text item with
                   | ValueSome text -> is flag text
                   | ValueNone -> false

            match BencodeView.tryFind "flags" view with
            | ValueSome flags -> BencodeView.foldItems found false flags
            | ValueNone -> false

        { Codec = word "codec" view
          Sends = has "send"
          Receives = has "recv"
          Stream = BencodeView.tryFind "streams" view |> ValueOption.bind first |> ValueOption.map streamOf }

    /// The first audio, else the first of all.
    let private mainMedia (tag: BencodeView) : NgMedia voption =
        let isAudio (media: BencodeView) =
            match slice "type" media with
            | ValueSome kind -> is "audio" kind
            | ValueNone -> false

        let better (found: BencodeView voption) (media: BencodeView) =
            match found with
            | ValueNone -> ValueSome media
            | ValueSome known when not (isAudio known) && isAudio media -> ValueSome media
            | ValueSome _ -> found

        match BencodeView.tryFind "medias" tag with
        | ValueSome medias -> BencodeView.foldItems better ValueNone medias |> ValueOption.map mediaOf
        | ValueNone -> ValueNone

    let private tagOf (key: Slice) (view: BencodeView) : NgTag =
        { Key = key
          Tag = slice "tag" view |> ValueOption.defaultValue key
          Label = slice "label" view
          Created = number "created" view
          Media = mainMedia view }

    /// One party in so many octets of the reply, and some besides: rtpengine tells 500 octets of each.
    [<Literal>]
    let private OctetsPerTag = 128

    /// Times beyond the year 9999 are none.
    [<Literal>]
    let private MaxSeconds = 253402300799L

    /// When the call was created: `created_ts`, else `created` with `created_us`, else the second alone.
    let private createdOf (body: BencodeView) : struct (int64 * int64) voption =
        let isTime limit value = value > 0L && value <= limit

        match number "created_ts" body, number "created" body, number "created_us" body with
        | ValueSome micros, _, _ when isTime (MaxSeconds * 1_000_000L) micros ->
            ValueSome(struct (micros, 1L))
        | _, ValueSome seconds, ValueSome rest when
            isTime MaxSeconds seconds && rest >= 0L && rest < 1_000_000L
            ->
            ValueSome(struct (seconds * 1_000_000L + rest, 1L))
        | _, ValueSome seconds, _ when isTime MaxSeconds seconds ->
            ValueSome(struct (seconds * 1_000_000L, 1_000_000L))
        | _ -> ValueNone

    /// A reply to `query`, or the statistics that one to `delete` carries.
    let readCall (body: BencodeView) : Result<NgCall, NgError> =
        match createdOf body, BencodeView.tryFind "tags" body with
        | ValueNone, _ -> wrong body.Start (NgProblem.Lacks "created")
        | _, ValueNone -> wrong body.Start (NgProblem.Lacks "tags")
        | ValueSome(struct (created, resolution)), ValueSome tags ->
            let count = BencodeView.foldMembers (fun count _ _ -> count + 1) 0 tags

            if count > 16 + (body.Octets.Length - body.Start) / OctetsPerTag then
                wrong tags.Start NgProblem.TooManyTags
            else
                let found = Array.zeroCreate<NgTag> count

                let fill at key view =
                    found[at] <- tagOf key view
                    at + 1

                BencodeView.foldMembers fill 0 tags |> ignore

                Ok
                    { Created = created
                      Resolution = resolution
                      LastSignal = number "last signal" body
                      Tags = found }

    // What rtpengine is asked, as it reads it.

    let readRequest (body: BencodeView) : Result<NgRequest, string> =
        let octets (name: string) = slice name body |> ValueOption.map (fun slice -> slice.ToArray())

        match slice "command" body with
        | ValueNone -> Error "Dictionary contains no key \"command\""
        | ValueSome command when is "ping" command -> Ok NgRequest.Ping
        | ValueSome command when is "statistics" command -> Ok NgRequest.Statistics
        | ValueSome command when is "list" command ->
            match number "limit" body with
            | ValueNone -> Ok(NgRequest.List 32)
            | ValueSome limit when limit >= 0L -> Ok(NgRequest.List(int (min limit 0x7FFFFFFFL)))
            | ValueSome _ -> Error "invalid limit, must be >= 0"
        | ValueSome command when is "query" command ->
            match octets "call-id" with
            | ValueSome callId -> Ok(NgRequest.Query callId)
            | ValueNone -> Error "No call-id in message"
        | ValueSome command when is "delete" command ->
            match octets "call-id" with
            | ValueSome callId ->
                Ok(NgRequest.Delete(callId, octets "from-tag" |> ValueOption.defaultValue [||]))
            | ValueNone -> Error "No call-id in message"
        | ValueSome _ -> Error "Unrecognized command"

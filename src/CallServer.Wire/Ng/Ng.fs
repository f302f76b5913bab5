namespace CallServer.Wire

open System
open System.Buffers
open System.Text
open CallServer.Model

/// What is wrong with a message of rtpengine's ng protocol.
[<RequireQualifiedAccess>]
type NgProblem =
    /// It does not begin with a cookie of 1 to 255 printable octets and a space.
    | NoCookie
    /// No dictionary follows the cookie.
    | NotDictionary
    /// The dictionary cannot be read.
    | Unreadable of BencodeProblem
    /// More parties than a real message of this size has. Decoding them would take more memory than allowed.
    | TooManyTags
    /// The message lacks something that every reply of its kind has.
    | Lacks of what: string

/// What is wrong, and at which octet of the message, counted from 0.
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

/// The notation of the dictionary. rtpengine answers in the notation of the request.
type NgFormat =
    | AsBencode
    | AsJson

/// One message: `COOKIE SP DICTIONARY` (rtpengine, docs/ng_control_protocol.md). A reply repeats the cookie
/// of its request.
[<NoEquality; NoComparison>]
type NgMessage = { Cookie: string; Format: NgFormat; Body: BencodeView }

/// A request to rtpengine.
[<RequireQualifiedAccess>]
type NgRequest =
    | Ping
    | Statistics
    /// Requests the Call-IDs of at most this many calls, in no particular order.
    | List of limit: int
    | Query of callId: byte[]
    /// Ends the call of this party at once.
    | Delete of callId: byte[] * fromTag: byte[]

/// Whether rtpengine carried out a request.
[<RequireQualifiedAccess>]
type NgResult =
    /// `ok` or `pong`, with the warning if there is one.
    | Done of warning: string voption
    /// `error` with its reason, or any other result.
    | Refused of reason: string

/// The session counts in a reply to `statistics`; `ValueNone` for each one that is missing.
[<Struct>]
type NgStatistics =
    {
        /// Calls at this moment: the instance's own, and those that it only mirrors from another instance.
        Sessions: int64 voption
        /// Those of them that it only mirrors.
        Foreign: int64 voption
        /// Own calls that have ended since the start.
        Managed: int64 voption
        /// Whole seconds since the start, computed as the difference of two truncated times.
        UpTime: int64 voption
    }

/// One RTP stream of a party, as rtpengine sees it.
[<Struct>]
type NgStream =
    {
        /// The address of rtpengine's end.
        Local: MediaAddress voption
        /// The address of the party's end.
        Remote: MediaAddress voption
        /// Packets received from the party.
        Packets: int64
        /// Octets of whole RTP packets received from the party.
        Octets: int64
        /// Packets sent to the party. Only newer versions state them.
        PacketsOut: int64 voption
        OctetsOut: int64 voption
        /// When the last packet came, in whole seconds since 1970 by the gateway's clock. If no packet came, when the stream was
        /// created.
        LastPacket: int64 voption
    }

/// One medium of a party: one `m=` of its SDP.
[<Struct>]
type NgMedia =
    {
        /// As in SDP's `m=`: audio, video, image, …
        Kind: string
        /// True for UDPTL, which carries T.38; false for RTP.
        IsFax: bool
        /// NAME/RATE; known only after RTP has been received.
        Codec: string voption
        /// Whether it is SRTP, judging by the protocol's name (RTP/SAVP, UDP/TLS/RTP/SAVPF).
        IsSecure: bool
        /// Whether rtpengine may send to the party. `Receives`: whether it may receive from it.
        Sends: bool
        Receives: bool
        Stream: NgStream voption
    }

/// One party of a call.
[<NoEquality; NoComparison>]
type NgTag =
    {
        /// Its key in the reply: the tag, or `<untagged N>` for a party that has not answered yet.
        Key: Slice
        /// Empty if the party has not answered yet.
        Tag: Slice
        Label: Slice voption
        /// When the party was created, in whole seconds since 1970 by the gateway's clock.
        Created: int64 voption
        /// The call's own medium: an audio in use, otherwise an image in use, otherwise an audio, an image or any other. Among
        /// equals the first one counts. A fax replaces the audio, whose port is then 0 (RFC 3264 §5.1).
        Media: NgMedia voption
        /// The party's other media with an open port.
        Others: NgMedia[]
    }

/// One call, as `query` reports it.
[<NoEquality; NoComparison>]
type NgCall =
    {
        /// When the call was created, in microseconds since 1970 by the gateway's clock.
        Created: int64
        /// The resolution of `Created` in microseconds: 1, or a million if only seconds are stated.
        Resolution: int64
        /// When the last signalling message came, in whole seconds since 1970.
        LastSignal: int64 voption
        /// In the order of the reply, in which rtpengine created them; the offering party comes first.
        Tags: NgTag[]
    }

/// Reads and writes ng messages and requests.
module Ng =
    [<Literal>]
    let private MaxCookie = 255

    /// The longest address or codec name.
    [<Literal>]
    let private MaxWord = 64

    let private isPrintable (octet: byte) = octet > 32uy && octet < 127uy

    /// Where the space after the cookie is; -1 if more octets are needed, -2 if there is no cookie.
    let cookieEnd (octets: ReadOnlySpan<byte>) (from: int) : int =
        let mutable at = from

        while at < octets.Length && at - from <= MaxCookie && isPrintable octets[at] do
            at <- at + 1

        if at - from > MaxCookie then -2
        elif at = octets.Length then -1
        elif octets[at] = ' 'B && at > from then at
        else -2

    /// The cookie of a message, whatever follows it; `ValueNone` if there is none.
    let peek (octets: byte[]) : string voption =
        match cookieEnd (ReadOnlySpan octets) 0 with
        | at when at > 0 -> ValueSome(Encoding.ASCII.GetString(octets, 0, at))
        | _ -> ValueNone

    let internal wrong offset problem : Result<'T, NgError> = Error { Offset = offset; Problem = problem }

    /// Reads a whole message. Like rtpengine, it ignores whatever follows the dictionary.
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

    /// Writes a message with this cookie, in this notation.
    let encode (cookie: string) (format: NgFormat) (body: Bencode) : byte[] =
        let into = ArrayBufferWriter<byte> 256
        Encoding.ASCII.GetBytes((cookie + " ").AsSpan(), into.GetSpan(cookie.Length + 1)) |> into.Advance

        match format with
        | AsBencode -> Bencode.encodeInto into body
        | AsJson -> BencodeJson.encodeInto into body

        into.WrittenSpan.ToArray()

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

    /// Writes a request with this cookie, in bencode.
    let encodeRequest (cookie: string) (request: NgRequest) : byte[] =
        encode cookie AsBencode (dictionaryOf request)

    let internal number (name: string) (view: BencodeView) : int64 voption =
        match BencodeView.tryFind name view with
        | ValueSome value -> BencodeView.number value
        | ValueNone -> ValueNone

    let internal slice (name: string) (view: BencodeView) : Slice voption =
        match BencodeView.tryFind name view with
        | ValueSome value -> BencodeView.text value
        | ValueNone -> ValueNone

    let internal word (name: string) (view: BencodeView) : string voption =
        match slice name view with
        | ValueSome slice when slice.Length > 0 && slice.Length <= MaxWord ->
            ValueSome(Encoding.UTF8.GetString slice.Span)
        | ValueSome _
        | ValueNone -> ValueNone

    /// A reason as readable text, cut to the length of a line.
    let private sentence (slice: Slice) : string =
        let text = Encoding.UTF8.GetString(ReadOnlySpan(slice.Source, slice.From, min slice.Length 200))
        String.map (fun c -> if Char.IsControl c then ' ' else c) text

    let internal is (expected: string) (slice: Slice) = Ascii.Equals(slice.Span, expected.AsSpan())

    /// Whether rtpengine carried out the request. A reply without a result counts as refused.
    let result (body: BencodeView) : NgResult =
        match slice "result" body with
        | ValueSome word when is "ok" word || is "pong" word ->
            NgResult.Done(slice "warning" body |> ValueOption.map sentence)
        | ValueSome word ->
            match slice "error-reason" body with
            | ValueSome reason -> NgResult.Refused(sentence reason)
            | ValueNone -> NgResult.Refused(sentence word)
        | ValueNone -> NgResult.Refused "a reply without a result"

    /// Reads a request as rtpengine does, for a simulated one. The error has rtpengine's own wording.
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

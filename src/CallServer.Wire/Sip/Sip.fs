namespace CallServer.Wire

open System

/// Why a SIP message cannot be read.
type SipProblem =
    /// The message or its header section ends too early.
    | SipEnds
    /// Neither `METHOD URI SIP/2.0` nor `SIP/2.0 STATUS REASON`.
    | BadStartLine
    /// A line without a name and a colon, or with a control character.
    | BadHeaderLine
    /// The header section is longer, or has more lines, than in any real message.
    | HeadersTooLarge
    /// Content-Length is no number, or appears twice with different numbers.
    | BadContentLength
    /// A stream needs Content-Length to tell messages apart (RFC 3261 §18.3).
    | NoContentLength
    /// The body is longer than we accept.
    | BodyTooLarge of octets: int64
    /// A datagram whose body is shorter than it states (RFC 3261 §18.3).
    | BodyCutOff of missing: int

/// What is wrong, and at which octet, from 0.
type SipError =
    { Offset: int
      Problem: SipProblem }

    override this.ToString() =
        let what =
            match this.Problem with
            | SipEnds -> "the message ends too early"
            | BadStartLine -> "no SIP request or status line"
            | BadHeaderLine -> "a header line that cannot be read"
            | HeadersTooLarge -> "more header fields than any message has"
            | BadContentLength -> "a Content-Length that is no length"
            | NoContentLength -> "a message without Content-Length in a stream"
            | BodyTooLarge octets -> $"a body of {octets} octets"
            | BodyCutOff missing -> $"a body that lacks its last {missing} octets"

        $"{what} at octet {this.Offset}"

/// One header line, unfolded. Each character of the value is one octet, so that what we copy into an answer
/// does not change, whether it is UTF-8 or not.
[<Struct>]
type SipHeader =
    {
        /// In RFC 3261's spelling if the name is known, never the compact form; otherwise as it came.
        Name: string
        Value: string
    }

/// The first line of a message (RFC 3261 §7.1, §7.2).
[<RequireQualifiedAccess>]
type SipStart =
    | Request of method: string * uri: string
    /// 100 to 699.
    | Response of status: int * reason: string

/// A SIP message (RFC 3261 §7). Content-Length is not among the headers: it follows from the body.
type SipMessage = { Start: SipStart; Headers: SipHeader[]; Body: byte[] }

/// Makes header lines and finds them.
module Sip =
    /// The most octets of a start line with all headers and the empty line.
    [<Literal>]
    let MaxHead = 32768

    /// The most header lines of a message.
    [<Literal>]
    let MaxHeaders = 128

    /// The most octets of one body: enough for some 30,000 dialogs.
    [<Literal>]
    let MaxBody = 16777216

    /// The names we look for, and their compact forms (RFC 3261 §7.3.3, RFC 6665 §8.4).
    let private known =
        [ "Via", "v"
          "From", "f"
          "To", "t"
          "Call-ID", "i"
          "CSeq", ""
          "Contact", "m"
          "Content-Length", "l"
          "Content-Type", "c"
          "Content-Encoding", "e"
          "Event", "o"
          "Allow-Events", "u"
          "Supported", "k"
          "Subject", "s"
          "Refer-To", "r"
          "Expires", ""
          "Min-Expires", ""
          "Retry-After", ""
          "Subscription-State", ""
          "Record-Route", ""
          "Route", ""
          "Max-Forwards", ""
          "Accept", ""
          "Allow", ""
          "User-Agent", ""
          "Server", ""
          "Warning", ""
          "WWW-Authenticate", ""
          "Authorization", ""
          "Proxy-Authenticate", ""
          "Proxy-Authorization", "" ]

    let private names =
        let index = Collections.Generic.Dictionary<string, string>(StringComparer.OrdinalIgnoreCase)

        for name, compact in known do
            index[name] <- name

            if compact <> "" then
                index[compact] <- name

        index

    /// The name in RFC 3261's spelling, from any case or form; null if it is not known.
    let internal tryCanonical (name: string) : string =
        match names.TryGetValue name with
        | true, canonical -> canonical
        | _ -> null

    /// The name in RFC 3261's spelling if it is known, otherwise unchanged.
    let canonical (name: string) : string =
        match names.TryGetValue name with
        | true, canonical -> canonical
        | _ -> name

    /// A header line with the name in RFC 3261's spelling.
    let header (name: string) (value: string) : SipHeader = { Name = canonical name; Value = value }

    let private isNamed (name: string) (header: SipHeader) =
        String.Equals(header.Name, name, StringComparison.OrdinalIgnoreCase)

    /// The value of the first header line with this name; `ValueNone` if there is none.
    let tryHeader (name: string) (message: SipMessage) : string voption =
        match message.Headers |> Array.tryFind (isNamed name) with
        | Some header -> ValueSome header.Value
        | None -> ValueNone

    /// Every header line with this name, in order.
    let headers (name: string) (message: SipMessage) : SipHeader[] =
        message.Headers |> Array.filter (isNamed name)

    /// The text that octets, one per character, mean: UTF-8, otherwise ISO 8859-1.
    let textOf (value: string) : string =
        let octets = Text.Encoding.Latin1.GetBytes value

        if Seq.forall Char.IsAscii value || not (Text.Unicode.Utf8.IsValid(ReadOnlySpan<byte> octets)) then
            value
        else
            Text.Encoding.UTF8.GetString octets

    /// Text as UTF-8 octets, one per character, for a header.
    let octetsOf (text: string) : string =
        if Seq.forall Char.IsAscii text then
            text
        else
            Text.Encoding.Latin1.GetString(Text.Encoding.UTF8.GetBytes text)

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
    /// The header section is longer, or has more lines, than any real message.
    | HeadersTooLarge
    /// No number, or two different ones.
    | BadContentLength
    /// A stream needs Content-Length to tell messages apart (RFC 3261 §18.3).
    | NoContentLength
    /// The body is longer than anything that is taken in.
    | BodyTooLarge of octets: int64
    /// A datagram with less of a body than it says (RFC 3261 §18.3).
    | BodyCutOff of missing: int

/// What is wrong, and at which octet.
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

/// One header line, unfolded. The value holds octets, one a character: what is copied into an answer stays
/// what it was, in UTF-8 or not.
[<Struct>]
type SipHeader =
    {
        /// As RFC 3261 writes it where it is known, never the compact form; else as it came.
        Name: string
        Value: string
    }

[<RequireQualifiedAccess>]
type SipStart =
    | Request of method: string * uri: string
    /// 100 to 699.
    | Response of status: int * reason: string

/// A SIP message (RFC 3261 §7). Content-Length is not among the headers: it follows from the body.
type SipMessage = { Start: SipStart; Headers: SipHeader[]; Body: byte[] }

module Sip =
    /// Octets of a start line with all headers, the empty line included.
    [<Literal>]
    let MaxHead = 32768

    [<Literal>]
    let MaxHeaders = 128

    /// Octets of one body: some 30,000 dialogs.
    [<Literal>]
    let MaxBody = 16777216

    /// Names that this side looks for, and their compact forms (RFC 3261 §7.3.3, RFC 6665 §8.4).
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

    /// The name as RFC 3261 writes it, whatever its case or form; null where it is not known.
    let internal tryCanonical (name: string) : string =
        match names.TryGetValue name with
        | true, canonical -> canonical
        | _ -> null

    let canonical (name: string) : string =
        match names.TryGetValue name with
        | true, canonical -> canonical
        | _ -> name

    let header (name: string) (value: string) : SipHeader = { Name = canonical name; Value = value }

    let private isNamed (name: string) (header: SipHeader) =
        String.Equals(header.Name, name, StringComparison.OrdinalIgnoreCase)

    /// The first header line of that name.
    let tryHeader (name: string) (message: SipMessage) : string voption =
        match message.Headers |> Array.tryFind (isNamed name) with
        | Some header -> ValueSome header.Value
        | None -> ValueNone

    /// Every header line of that name, in order.
    let headers (name: string) (message: SipMessage) : SipHeader[] =
        message.Headers |> Array.filter (isNamed name)

    /// Octets, one a character, as the text that they mean: UTF-8, else what they are.
    let textOf (value: string) : string =
        let octets = Text.Encoding.Latin1.GetBytes value

        if Seq.forall Char.IsAscii value || not (Text.Unicode.Utf8.IsValid(ReadOnlySpan<byte> octets)) then
            value
        else
            Text.Encoding.UTF8.GetString octets

    /// Text as octets, one a character, for a header.
    let octetsOf (text: string) : string =
        if Seq.forall Char.IsAscii text then
            text
        else
            Text.Encoding.Latin1.GetString(Text.Encoding.UTF8.GetBytes text)

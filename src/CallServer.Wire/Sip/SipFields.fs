namespace CallServer.Wire

open System
open System.Text

/// A value with parameters: `dialog;id=1`, `active;expires=600`, `SIP/2.0/UDP host;branch=…`.
type SipValue =
    {
        Value: string
        /// Names in lower case, values without quotes; a parameter without a value has an empty one.
        Params: struct (string * string) list
    }

/// From, To, Contact, Record-Route (RFC 3261 §20.10): a URI and the parameters after it.
type SipAddress = { Uri: string; Params: struct (string * string) list }

/// Reads header values (RFC 3261 §20, §25.1).
module SipFields =
    /// Where this character first stands outside quotes and angle brackets, from this offset on; the end of the text if it does
    /// not.
    let private find (wanted: char) (text: string) (start: int) : int =
        let rec look at quoted bracketed =
            if at >= text.Length then
                text.Length
            else
                match text[at] with
                | '\\' when quoted -> look (at + 2) quoted bracketed
                | '"' -> look (at + 1) (not quoted) bracketed
                | _ when quoted -> look (at + 1) quoted bracketed
                | c when c = wanted && not bracketed -> at
                | '<' -> look (at + 1) quoted true
                | '>' -> look (at + 1) quoted false
                | _ -> look (at + 1) quoted bracketed

        min text.Length (look start false false)

    /// The pieces between separators, trimmed, without empty ones.
    let private split (separator: char) (text: string) : string list =
        let pieces = ResizeArray<string>()
        let mutable start = 0

        while start <= text.Length do
            let stop = find separator text start
            let piece = text.AsSpan(start, stop - start).Trim()

            if not piece.IsEmpty then
                pieces.Add(piece.ToString())

            start <- stop + 1

        List.ofSeq pieces

    /// The values of all header lines with this name, whether in one line with commas or in several lines.
    let values (name: string) (message: SipMessage) : string list =
        [ for header in Sip.headers name message do
              yield! split ',' header.Value ]

    /// The text without its quotes and backslashes; unchanged if it is not quoted.
    let unquote (text: string) : string =
        if text.Length >= 2 && text[0] = '"' && text[text.Length - 1] = '"' then
            let inner = text.Substring(1, text.Length - 2)

            if inner.Contains '\\' then
                let plain = StringBuilder()
                let mutable at = 0

                while at < inner.Length do
                    if inner[at] = '\\' && at + 1 < inner.Length then
                        at <- at + 1

                    plain.Append inner[at] |> ignore
                    at <- at + 1

                plain.ToString()
            else
                inner
        else
            text

    /// The text in quotes, with quotes and backslashes escaped.
    let quote (text: string) : string = "\"" + text.Replace("\\", "\\\\").Replace("\"", "\\\"") + "\""

    let private parameter (text: string) : struct (string * string) =
        match find '=' text 0 with
        | equals when equals < text.Length ->
            struct (text.Substring(0, equals).Trim().ToLowerInvariant(),
                    unquote (text.Substring(equals + 1).Trim()))
        | _ -> struct (text.ToLowerInvariant(), "")

    /// The value of this parameter, whose name is in lower case; `ValueNone` if there is none.
    let tryParam (name: string) (parameters: struct (string * string) list) : string voption =
        match parameters |> List.tryFind (fun struct (known, _) -> known = name) with
        | Some(struct (_, value)) -> ValueSome value
        | None -> ValueNone

    /// A value with its parameters; empty for an empty text.
    let value (text: string) : SipValue =
        match split ';' text with
        | [] -> { Value = ""; Params = [] }
        | first :: rest -> { Value = first; Params = List.map parameter rest }

    /// `Name = value` pairs separated by commas, as challenges have them.
    let pairs (text: string) : struct (string * string) list = split ',' text |> List.map parameter

    /// name-addr or addr-spec; `ValueNone` if there is no URI. Without angle brackets all parameters are the
    /// header's (RFC 3261 §20.10).
    let address (text: string) : SipAddress voption =
        let opening = find '<' text 0
        let closing = if opening < text.Length then text.IndexOf('>', opening) else -1

        if opening < text.Length && closing > 0 then
            let after = text.Substring(closing + 1)
            let semicolon = after.IndexOf ';'

            ValueSome
                { Uri = text.Substring(opening + 1, closing - opening - 1).Trim()
                  Params =
                    (if semicolon < 0 then
                         []
                     else
                         split ';' (after.Substring(semicolon + 1)) |> List.map parameter) }
        elif opening < text.Length then
            ValueNone
        else
            match value text with
            | { Value = "" } -> ValueNone
            | { Value = uri; Params = parameters } -> ValueSome { Uri = uri; Params = parameters }

    /// The `tag` of From or To; `ValueNone` if there is none.
    let tag (name: string) (message: SipMessage) : string voption =
        Sip.tryHeader name message
        |> ValueOption.bind address
        |> ValueOption.bind (fun address -> tryParam "tag" address.Params)

    /// Number (0 to 2^32 - 1) and method of CSeq (RFC 3261 §20.16); `ValueNone` if it is missing or bad.
    let cseq (message: SipMessage) : struct (int64 * string) voption =
        match Sip.tryHeader "CSeq" message with
        | ValueSome text ->
            match text.Split([| ' '; '\t' |], StringSplitOptions.RemoveEmptyEntries) with
            | [| number; method |] ->
                match Int64.TryParse(number, Globalization.NumberStyles.None, null) with
                | true, number when number <= 0xFFFFFFFFL -> ValueSome(struct (number, method))
                | _ -> ValueNone
            | _ -> ValueNone
        | ValueNone -> ValueNone

    /// The branch of the topmost Via, which names the transaction (RFC 3261 §17.1.3); `ValueNone` if there is
    /// none.
    let branch (message: SipMessage) : string voption =
        match values "Via" message with
        | [] -> ValueNone
        | top :: _ -> tryParam "branch" (value top).Params

    /// A whole number of seconds: Expires, Min-Expires, Retry-After; a comment or parameter may follow.
    /// `ValueNone` if it is no number.
    let seconds (text: string) : int voption =
        let digits = text.TrimStart() |> Seq.takeWhile Char.IsAsciiDigit |> Seq.truncate 11 |> String.Concat

        match Int64.TryParse(digits, Globalization.NumberStyles.None, null) with
        | true, number -> ValueSome(int (min number (int64 Int32.MaxValue)))
        | _ -> ValueNone

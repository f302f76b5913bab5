namespace CallServer.Wire

open System
open System.Text

/// Reads and writes SIP messages. Lines may end in LF alone, as some old stacks write them.
module SipCodec =
    [<Literal>]
    let private Lf = 10uy

    let private problem offset problem : SipError = { Offset = offset; Problem = problem }

    let private isBlank (octet: byte) = octet = 32uy || octet = 9uy

    /// Where the message begins: empty lines before a start line are ignored (RFC 3261 §7.5).
    let internal skipEmptyLines (octets: byte[]) (start: int) (stop: int) : int =
        let mutable at = start

        while at < stop && (octets[at] = 13uy || octets[at] = Lf) do
            at <- at + 1

        at

    /// The octet after the line feed that ends this line; -1 if the line does not end.
    let private nextLine (octets: byte[]) (start: int) (stop: int) : int =
        let feed = Array.IndexOf(octets, Lf, start, stop - start)
        if feed < 0 then -1 else feed + 1

    /// Where the line ends without its CR and LF.
    let private lineEnd (octets: byte[]) (start: int) (next: int) : int =
        if next - 2 >= start && octets[next - 2] = 13uy then next - 2 else next - 1

    /// The octet after the empty line that ends the headers; -1 if that line has not come.
    let internal headEnd (octets: byte[]) (start: int) (stop: int) : int =
        let rec find at =
            match nextLine octets at stop with
            | -1 -> -1
            | next when lineEnd octets at next = at -> next
            | next -> find next

        find start

    let private text (octets: byte[]) (start: int) (stop: int) : string =
        Encoding.Latin1.GetString(octets, start, stop - start)

    /// Whether the octets hold neither CR, LF nor NUL: another reader would take such a line for two.
    let private isClean (octets: byte[]) (start: int) (stop: int) : bool =
        ReadOnlySpan<byte>(octets, start, stop - start).IndexOfAny(0uy, 10uy, 13uy) < 0

    let rec private trimStart (octets: byte[]) start stop =
        if start < stop && isBlank octets[start] then
            trimStart octets (start + 1) stop
        else
            start

    let rec private trimEnd (octets: byte[]) start stop =
        if stop > start && isBlank octets[stop - 1] then
            trimEnd octets start (stop - 1)
        else
            stop

    /// token (RFC 3261 §25.1).
    let private isToken (text: string) =
        text.Length > 0
        && text |> Seq.forall (fun c -> Char.IsAsciiLetterOrDigit c || "-.!%*_+`'~".Contains c)

    let private version = "SIP/2.0"

    /// Request-Line or Status-Line (RFC 3261 §7.1, §7.2).
    let private startLine (line: string) : SipStart voption =
        if line.StartsWith("SIP/2.0 ", StringComparison.OrdinalIgnoreCase) then
            let rest = line.Substring 8
            let code = if rest.Length > 3 then rest.Substring(0, 3) else rest

            match Int32.TryParse(code, Globalization.NumberStyles.None, null) with
            | true, status when
                status >= 100 && status <= 699 && rest.Length >= 3 && (rest.Length = 3 || rest[3] = ' ')
                ->
                ValueSome(SipStart.Response(status, (if rest.Length > 4 then rest.Substring 4 else "")))
            | _ -> ValueNone
        else
            match line.Split ' ' with
            | [| method; uri; last |] when
                isToken method
                && uri.Length > 0
                && String.Equals(last, version, StringComparison.OrdinalIgnoreCase)
                ->
                ValueSome(SipStart.Request(method, uri))
            | _ -> ValueNone

    /// The start line, the headers, and the body's length if the headers state it.
    [<Struct>]
    type internal Head = { Start: SipStart; Headers: SipHeader[]; Length: int64 voption }

    /// The name in a line `NAME HCOLON VALUE`, and where its value begins.
    let private nameOf (octets: byte[]) (start: int) (stop: int) : struct (string * int) voption =
        let colon = Array.IndexOf(octets, byte ':', start, stop - start)

        if colon < 0 then
            ValueNone
        else
            let last = trimEnd octets start colon

            if last = start || last - start > 64 then
                ValueNone
            else
                let name = text octets start last

                match Sip.tryCanonical name with
                | null when isToken name -> ValueSome(struct (name, colon + 1))
                | null -> ValueNone
                | known -> ValueSome(struct (known, colon + 1))

    /// A header value from its line and the folded lines after it (RFC 3261 §7.3.1): each fold becomes one
    /// space.
    let private value (octets: byte[]) (start: int) (parts: ResizeArray<struct (int * int)>) (stop: int) =
        let first = trimStart octets start stop
        let last = trimEnd octets first stop

        if parts.Count = 0 then
            text octets first last
        else
            let joined = StringBuilder(text octets first last)

            for struct (from, until) in parts do
                let from = trimStart octets from until
                let until = trimEnd octets from until

                if until > from then
                    if joined.Length > 0 then
                        joined.Append ' ' |> ignore

                    joined.Append(text octets from until) |> ignore

            joined.ToString()

    /// Collects the header lines of one message.
    type private Heading() =
        member val Headers = ResizeArray<SipHeader>()
        member val Length: int64 voption = ValueNone with get, set
        member val Problem: SipError voption = ValueNone with get, set

        member this.Add(at: int, header: SipHeader) =
            if header.Name <> "Content-Length" then
                this.Headers.Add header
            else
                match Int64.TryParse(header.Value, Globalization.NumberStyles.None, null), this.Length with
                | (true, value), ValueSome other when value <> other ->
                    this.Problem <- ValueSome(problem at BadContentLength)
                | (true, value), _ -> this.Length <- ValueSome value
                | (false, _), _ -> this.Problem <- ValueSome(problem at BadContentLength)

    /// The folded lines after a header line (they begin with a blank), and the octet after them.
    let private folds
        (octets: byte[])
        (start: int)
        (stop: int)
        (found: ResizeArray<struct (int * int)>)
        : int =
        let mutable next = start

        while next < stop && isBlank octets[next] && found.Count <= Sip.MaxHeaders do
            let after = nextLine octets next stop
            found.Add(struct (next, lineEnd octets next after))
            next <- after

        next

    /// Start line and headers between these offsets; the empty line ends them.
    let internal head (octets: byte[]) (start: int) (stop: int) : Result<Head, SipError> =
        let heading = Heading()
        let folded = ResizeArray<struct (int * int)>()
        let first = nextLine octets start stop
        let firstEnd = lineEnd octets start first

        let opening =
            if isClean octets start firstEnd then
                startLine (text octets start firstEnd)
            else
                ValueNone

        let mutable at = first
        let mutable last = if opening.IsSome then lineEnd octets at (nextLine octets at stop) else at

        while last > at && heading.Problem.IsNone do
            folded.Clear()
            let after = folds octets (nextLine octets at stop) stop folded

            if heading.Headers.Count = Sip.MaxHeaders || folded.Count > Sip.MaxHeaders then
                heading.Problem <- ValueSome(problem at HeadersTooLarge)
            elif
                not (isClean octets at last)
                || folded.Exists(fun (struct (from, until)) -> not (isClean octets from until))
            then
                heading.Problem <- ValueSome(problem at BadHeaderLine)
            else
                match nameOf octets at last with
                | ValueSome(struct (name, from)) ->
                    heading.Add(at, { Name = name; Value = value octets from folded last })
                | ValueNone -> heading.Problem <- ValueSome(problem at BadHeaderLine)

            if heading.Problem.IsNone then
                at <- after
                last <- lineEnd octets at (nextLine octets at stop)

        match opening, heading.Problem with
        | ValueNone, _ -> Error(problem start BadStartLine)
        | ValueSome _, ValueSome wrong -> Error wrong
        | ValueSome opening, ValueNone ->
            Ok { Start = opening; Headers = heading.Headers.ToArray(); Length = heading.Length }

    /// Reads a datagram, or says what is wrong. The body is as long as Content-Length says; without one it is
    /// all the rest (RFC 3261 §18.3).
    let decode (octets: byte[]) : Result<SipMessage, SipError> =
        let start = skipEmptyLines octets 0 octets.Length

        match headEnd octets start octets.Length with
        | -1 -> Error(problem octets.Length SipEnds)
        | bodyAt when bodyAt - start > Sip.MaxHead -> Error(problem start HeadersTooLarge)
        | bodyAt ->
            match head octets start bodyAt with
            | Error wrong -> Error wrong
            | Ok head ->
                let present = octets.Length - bodyAt
                let length = head.Length |> ValueOption.defaultValue (int64 present)

                if length > int64 Sip.MaxBody then
                    Error(problem bodyAt (BodyTooLarge length))
                elif length > int64 present then
                    Error(problem octets.Length (BodyCutOff(int length - present)))
                else
                    Ok
                        { Start = head.Start
                          Headers = head.Headers
                          Body = Array.sub octets bodyAt (int length) }

    let private check (what: string) =
        if what.AsSpan().IndexOfAny('\r', '\n', '\000') >= 0 then
            invalidArg (nameof what) "a header has no line breaks"

        what

    /// The message as octets, with its Content-Length last.
    let encode (message: SipMessage) : byte[] =
        let head = StringBuilder()

        match message.Start with
        | SipStart.Request(method, uri) ->
            head.Append(check method).Append(' ').Append(check uri).Append(" SIP/2.0\r\n") |> ignore
        | SipStart.Response(status, reason) ->
            head.Append("SIP/2.0 ").Append(status).Append(' ').Append(check reason).Append("\r\n") |> ignore

        for header in message.Headers do
            head.Append(check header.Name).Append(": ").Append(check header.Value).Append("\r\n") |> ignore

        head.Append("Content-Length: ").Append(message.Body.Length).Append("\r\n\r\n") |> ignore
        let octets = Array.zeroCreate (head.Length + message.Body.Length)
        Encoding.Latin1.GetBytes(head.ToString(), 0, head.Length, octets, 0) |> ignore
        message.Body.CopyTo(octets, head.Length)
        octets

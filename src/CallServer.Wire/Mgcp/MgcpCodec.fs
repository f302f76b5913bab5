namespace CallServer.Wire

open System
open System.Text

/// Reads and writes MGCP datagrams (RFC 3435 §3 and appendix A). Each octet is read as one ISO 8859-1 character, so that nothing
/// is lost.
module Mgcp =
    open MgcpLines

    /// The most messages in one datagram. No real sender reaches this.
    [<Literal>]
    let private MaxMessages = 64

    /// The highest transaction id: nine digits (RFC 3435 §3.2.1.2).
    [<Literal>]
    let MaxTransaction = 999_999_999

    /// The version that our commands state.
    [<Literal>]
    let Version = "MGCP 1.0"

    /// Fixed part of the memory budget for a datagram, in octets. The budget is four times the datagram's size plus this.
    [<Literal>]
    let private FixedCost = 40_000

    /// What is left of the memory budget. Each message draws on it.
    type private Allowance(limit: int) =
        member val Left = limit with get, set

    let private fail offset transaction problem : Result<MgcpMessage, MgcpError> =
        Error { Offset = offset; Problem = problem; Transaction = transaction }

    /// Where the next word begins and ends.
    let private wordFrom (octets: byte[]) (at: int) (stop: int) : struct (int * int) =
        let start = skipBlanks octets at stop
        struct (start, wordEnd octets start stop)

    let private isVerb (octets: byte[]) (start: int) (stop: int) : bool =
        stop - start = 4
        && Char.IsAsciiLetterOrDigit(char octets[start])
        && Char.IsAsciiLetterOrDigit(char octets[start + 1])
        && Char.IsAsciiLetterOrDigit(char octets[start + 2])
        && Char.IsAsciiLetterOrDigit(char octets[start + 3])

    /// Whether the words are `MGCP`, a version, and perhaps the name of a profile.
    let private startsVersion (octets: byte[]) (start: int) (stop: int) : bool =
        stop - start > 5
        && stop - start <= 128
        && isCode octets start (start + 4) "MGCP"
        && isBlank octets[start + 4]

    /// The first line of a command: `VERB transaction endpoint MGCP version [profile]`.
    let private commandLine (octets: byte[]) (start: int) (stop: int) : Result<MgcpCommand, MgcpError> =
        let error offset transaction problem =
            Error { Offset = offset; Problem = problem; Transaction = transaction }

        let struct (verb, verbEnd) = wordFrom octets start stop
        let struct (id, idEnd) = wordFrom octets verbEnd stop
        let struct (endpoint, endpointEnd) = wordFrom octets idEnd stop
        let version = skipBlanks octets endpointEnd stop
        let transaction = number 9 octets id idEnd

        if not (isVerb octets verb verbEnd) then
            error verb 0 NoCommand
        elif transaction <= 0 then
            error id 0 BadTransaction
        elif endpointEnd - endpoint > 511 then
            error endpoint transaction BadEndpoint
        else
            match EndpointName.tryParse (text octets endpoint endpointEnd) with
            | None -> error endpoint transaction BadEndpoint
            | Some name when startsVersion octets version stop ->
                let words = (text octets version stop).Split(' ', StringSplitOptions.RemoveEmptyEntries)

                Ok
                    { Verb = (text octets verb verbEnd).ToUpperInvariant()
                      Transaction = transaction
                      Endpoint = name
                      Version = String.Join(' ', words)
                      Parameters = [||]
                      Sessions = [||] }
            | Some _ -> error version transaction BadVersion

    /// The first line of a response: `code transaction [/package] [comment]`.
    let private responseLine (octets: byte[]) (start: int) (stop: int) : Result<MgcpResponse, MgcpError> =
        let struct (code, codeEnd) = wordFrom octets start stop
        let struct (id, idEnd) = wordFrom octets codeEnd stop
        let struct (word, wordEnd) = wordFrom octets idEnd stop
        let hasPackage = wordEnd > word + 1 && octets[word] = 47uy
        let comment = if hasPackage then skipBlanks octets wordEnd stop else word

        if codeEnd - code <> 3 || number 3 octets code codeEnd < 0 then
            Error { Offset = code; Problem = NoCommand; Transaction = 0 }
        elif number 9 octets id idEnd < 0 then
            Error { Offset = id; Problem = BadTransaction; Transaction = 0 }
        else
            Ok
                { Code = number 3 octets code codeEnd
                  Transaction = number 9 octets id idEnd
                  Package =
                    (if hasPackage then
                         ValueSome((text octets (word + 1) wordEnd).ToUpperInvariant())
                     else
                         ValueNone)
                  Comment = text octets comment stop
                  Parameters = [||]
                  Sessions = [||] }

    /// Reads one message of the datagram, from `start` to `limit`.
    let private message (allowance: Allowance) (octets: byte[]) (start: int) (limit: int) =
        let struct (stop, next) = lineFrom octets start limit
        let first = skipBlanks octets start stop
        let extent = measure octets next limit
        allowance.Left <- allowance.Left - 400 - 2 * stringCost (stop - start) - extent.Cost

        let rest () = struct (parameters octets next extent, sessions octets extent.End limit)

        if isDigit octets[first] then
            match responseLine octets first stop with
            | Error error -> Error error
            | Ok response when allowance.Left < 0 -> fail start response.Transaction TooManyLines
            | Ok response ->
                let struct (parameters, sessions) = rest ()
                Ok(MgcpMessage.Response { response with Parameters = parameters; Sessions = sessions })
        else
            match commandLine octets first stop with
            | Error error -> Error error
            | Ok command when allowance.Left < 0 -> fail start command.Transaction TooManyLines
            | Ok command when extent.Bad >= 0 -> fail extent.Bad command.Transaction BadParameter
            | Ok command ->
                let struct (parameters, sessions) = rest ()
                Ok(MgcpMessage.Command { command with Parameters = parameters; Sessions = sessions })

    /// Where the message that begins here ends, and where the next one begins. A line with a single dot separates messages
    /// (RFC 3435 §3.5.5).
    let private messageEnd (octets: byte[]) (start: int) : struct (int * int) =
        let rec go at =
            if at >= octets.Length then
                struct (octets.Length, octets.Length)
            else
                let struct (stop, next) = lineFrom octets at octets.Length
                let first = skipBlanks octets at stop
                if stop = first + 1 && octets[first] = 46uy then struct (at, next) else go next

        go start

    let rec private skipEmptyLines (octets: byte[]) (at: int) (limit: int) : int =
        if at >= limit then
            limit
        else
            let struct (stop, next) = lineFrom octets at limit
            if isEmpty octets at stop then skipEmptyLines octets next limit else at

    /// Replaces CR by LF in a datagram without any LF. Lines should end in CRLF or LF (RFC 3435 appendix A), but some gateways
    /// write CR alone.
    let private withLineFeeds (octets: byte[]) : byte[] =
        if Array.contains 10uy octets || not (Array.contains 13uy octets) then
            octets
        else
            Array.map (fun octet -> if octet = 13uy then 10uy else octet) octets

    /// Whether the datagram ends with a whole line. A datagram that was cut off on the way usually does not.
    let endsLine (octets: byte[]) : bool =
        octets.Length > 0
        && (octets[octets.Length - 1] = 10uy
            || octets[octets.Length - 1] = 13uy && not (Array.contains 10uy octets))

    /// Reads all messages of a datagram; the result is never empty. A message that cannot be read does not affect the others
    /// (RFC 3435 §3.5.5). A line that is no parameter invalidates a command but not a response, because unknown lines of a response
    /// must be ignored (§3.3).
    let decode (octets: byte[]) : Result<MgcpMessage, MgcpError>[] =
        let octets = withLineFeeds octets
        let found = ResizeArray<Result<MgcpMessage, MgcpError>>()
        let allowance = Allowance(FixedCost + 4 * octets.Length)

        let rec go at =
            if at < octets.Length then
                let struct (limit, next) = messageEnd octets at
                let start = skipEmptyLines octets at limit

                if start >= limit then
                    go next
                elif found.Count = MaxMessages then
                    found.Add(fail start 0 TooManyMessages)
                else
                    found.Add(message allowance octets start limit)
                    go next

        go 0

        if found.Count = 0 then
            found.Add(fail 0 0 Empty)

        found.ToArray()

    let private line (into: StringBuilder) (content: string) = into.Append(content).Append("\r\n") |> ignore

    let private body (into: StringBuilder) (parameters: MgcpParameter[]) (sessions: string[]) : unit =
        for parameter in parameters do
            line into $"{parameter.Code}: {parameter.Value}"

        for session in sessions do
            line into ""
            into.Append session |> ignore

            if not (session.EndsWith '\n') then
                line into ""

    let private write (into: StringBuilder) (message: MgcpMessage) : unit =
        match message with
        | MgcpMessage.Command command ->
            line into $"{command.Verb} {command.Transaction} {command.Endpoint} {command.Version}"
            body into command.Parameters command.Sessions
        | MgcpMessage.Response response ->
            let code = response.Code.ToString "000"

            let package =
                match response.Package with
                | ValueSome name -> $" /{name}"
                | ValueNone -> ""

            let comment = if response.Comment = "" then "" else " " + response.Comment
            line into $"{code} {response.Transaction}{package}{comment}"
            body into response.Parameters response.Sessions

    /// Writes the messages as one datagram, separated by lines with a single dot.
    let encodeAll (messages: MgcpMessage seq) : byte[] =
        let into = StringBuilder()

        for message in messages do
            if into.Length > 0 then
                line into "."

            write into message

        Encoding.Latin1.GetBytes(into.ToString())

    /// Writes the message as a datagram of its own.
    let encode (message: MgcpMessage) : byte[] = encodeAll [ message ]

    /// An MGCP 1.0 command without session descriptions.
    let command (verb: string) (transaction: int) (endpoint: EndpointName) (parameters: MgcpParameter list) =
        { Verb = verb
          Transaction = transaction
          Endpoint = endpoint
          Version = Version
          Parameters = Array.ofList parameters
          Sessions = [||] }

    /// A response without session descriptions.
    let response (code: int) (transaction: int) (comment: string) (parameters: MgcpParameter list) =
        { Code = code
          Transaction = transaction
          Package = ValueNone
          Comment = comment
          Parameters = Array.ofList parameters
          Sessions = [||] }

namespace CallServer.Wire

open System
open System.Globalization
open System.Text
open CallServer.Prelude

/// What is wrong with a stream of FreeSWITCH's event socket.
[<RequireQualifiedAccess>]
type EslProblem =
    /// The headers of a message, or a command, take more than `Esl.MaxHead` octets.
    | HeadTooLong
    /// A line of the headers is no `Name: value`.
    | NotHeader
    /// Content-Length is no number of octets up to `Esl.MaxBody`.
    | BadLength

/// What is wrong, and at which octet of what has not been read, counted from 0.
type EslError =
    { Offset: int
      Problem: EslProblem }

    override this.ToString() =
        match this.Problem with
        | EslProblem.HeadTooLong -> "headers without end"
        | EslProblem.NotHeader -> $"no header at octet {this.Offset}"
        | EslProblem.BadLength -> "a Content-Length that is no number, or too large"

/// One message of FreeSWITCH: headers in the order written, and a body as long as Content-Length says.
[<NoComparison>]
type EslMessage = { Headers: (string * string) list; Body: byte[] }

/// What a message of FreeSWITCH is, by its Content-Type.
[<RequireQualifiedAccess; NoComparison>]
type EslContent =
    /// `auth/request`: it wants the password first.
    | AuthRequest
    /// `command/reply`: what it says of a command, such as `+OK accepted` or `-ERR invalid`.
    | Reply of text: string
    /// `api/response`: what an API command printed.
    | Response of body: byte[]
    /// `text/rude-rejection`: its access list does not have our address.
    | Rejection of text: string
    /// `text/disconnect-notice`: it closes the stream.
    | Disconnection
    /// An event, a line of its log, or anything else that answers nothing.
    | Other of contentType: string

/// The part of a stream that is not yet a message.
type EslStream = Unframed

/// FreeSWITCH's event socket (mod_event_socket): commands go one way, messages come the other way, over TCP. Answers carry no id: they come in the
/// order of the commands.
module Esl =
    /// The longest headers of a message, and the longest command, in octets.
    [<Literal>]
    let MaxHead = 65536

    /// The longest body in octets, 256 MiB: a list of 200,000 channels.
    [<Literal>]
    let MaxBody = 268435456

    /// A stream of which nothing has been read.
    let empty: EslStream = Unframed.empty

    /// Octets of the message that is not complete: those that are there, or as many as its Content-Length announces.
    let unread (stream: EslStream) : int64 = Unframed.unread stream

    /// Where the empty line ends that ends what begins here; -1 if it is not there.
    let private headEnd (octets: byte[]) (start: int) : int =
        let mutable at = start
        let mutable found = -1

        while found < 0 && at >= 0 do
            match Array.IndexOf(octets, '\n'B, at) with
            | -1 -> at <- -1
            | line when line + 1 < octets.Length && octets[line + 1] = '\n'B -> found <- line + 2
            | line when line + 2 < octets.Length && octets[line + 1] = '\r'B && octets[line + 2] = '\n'B ->
                found <- line + 3
            | line -> at <- line + 1

        found

    let private isLineEnd (octet: byte) = octet = '\n'B || octet = '\r'B

    let private skip (octets: byte[]) (start: int) : int =
        let mutable at = start

        while at < octets.Length && isLineEnd octets[at] do
            at <- at + 1

        at

    let private lines (octets: byte[]) (start: int) (stop: int) : string[] =
        Encoding.UTF8
            .GetString(octets, start, stop - start)
            .Split([| '\r'; '\n' |], StringSplitOptions.RemoveEmptyEntries)

    /// What ends with an empty line, read by `read` from its lines and the offset after it.
    let private headed
        (read: string[] -> int -> Result<struct ('Message voption * int), EslError>)
        (octets: byte[])
        (start: int)
        : Result<struct ('Message voption * int), EslError> =
        let available = octets.Length - start

        match headEnd octets start with
        | -1 when available > MaxHead -> Error { Offset = start; Problem = EslProblem.HeadTooLong }
        | -1 -> Ok(struct (ValueNone, available + 1))
        | stop when stop - start > MaxHead -> Error { Offset = start; Problem = EslProblem.HeadTooLong }
        | stop -> read (lines octets start stop) stop

    let private header (line: string) : (string * string) voption =
        match line.IndexOf ':' with
        | at when at > 0 -> ValueSome(line.Substring(0, at).Trim(), line.Substring(at + 1).Trim())
        | _ -> ValueNone

    /// The value of the first header of this name, in whatever case; nothing where it is not there.
    let tryHeader (name: string) (message: EslMessage) : string voption =
        message.Headers
        |> List.tryFind (fun (known, _) -> name.Equals(known, StringComparison.OrdinalIgnoreCase))
        |> Option.map snd
        |> ValueOption.ofOption

    /// The length of the body; nothing where what is written is none.
    let private lengthOf (message: EslMessage) : int voption =
        match tryHeader "Content-Length" message with
        | ValueNone -> ValueSome 0
        | ValueSome digits ->
            match Int32.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture) with
            | true, length when length <= MaxBody -> ValueSome length
            | _ -> ValueNone

    let private message (octets: byte[]) (start: int) : Result<struct (EslMessage voption * int), EslError> =
        let read (lines: string[]) (bodyAt: int) =
            let headers = lines |> Array.map header

            if Array.exists ValueOption.isNone headers then
                Error { Offset = start; Problem = EslProblem.NotHeader }
            else
                let head = { Headers = [ for header in headers -> header.Value ]; Body = [||] }

                match lengthOf head with
                | ValueNone -> Error { Offset = start; Problem = EslProblem.BadLength }
                | ValueSome length when octets.Length - bodyAt < length ->
                    Ok(struct (ValueNone, bodyAt - start + length))
                | ValueSome length ->
                    Ok(
                        struct (ValueSome { head with Body = Array.sub octets bodyAt length }, bodyAt + length)
                    )

        headed read octets start

    let private command (octets: byte[]) (start: int) : Result<struct (string voption * int), EslError> =
        headed (fun lines stop -> Ok(struct (ValueSome lines[0], stop))) octets start

    /// Takes in octets that FreeSWITCH sent. Returns the messages that they complete, in order, and the stream after them or the error after
    /// which nothing more of it can be understood.
    let feed (octets: byte[]) (stream: EslStream) : struct (EslMessage list * Result<EslStream, EslError>) =
        Unframed.feed skip message octets stream

    /// The same of the commands that FreeSWITCH is sent. Of a command with headers only the first line is read.
    let feedCommands
        (octets: byte[])
        (stream: EslStream)
        : struct (string list * Result<EslStream, EslError>) =
        Unframed.feed skip command octets stream

    /// What a message is. Text that is no UTF-8 is read with replacement characters.
    let content (message: EslMessage) : EslContent =
        match tryHeader "Content-Type" message with
        | ValueSome "auth/request" -> EslContent.AuthRequest
        | ValueSome "command/reply" ->
            EslContent.Reply(tryHeader "Reply-Text" message |> ValueOption.defaultValue "")
        | ValueSome "api/response" -> EslContent.Response message.Body
        | ValueSome "text/rude-rejection" ->
            EslContent.Rejection(Encoding.UTF8.GetString(message.Body).Trim())
        | ValueSome "text/disconnect-notice" -> EslContent.Disconnection
        | ValueSome other -> EslContent.Other other
        | ValueNone -> EslContent.Other "nothing"

    /// A command with the empty line after it. It may have no control character: FreeSWITCH would read more commands than one.
    let encodeCommand (command: string) : byte[] =
        if Seq.exists Char.IsControl command then
            invalidArg (nameof command) "a command is one line"

        Encoding.UTF8.GetBytes(command + "\n\n")

    /// The command that proves who asks. The password is what a line can hold.
    let encodeAuth (password: byte[]) : byte[] = Array.concat [ "auth "B; password; "\n\n"B ]

    /// A message with these headers, in this order. Content-Length is added if there is a body.
    let encode (headers: (string * string) list) (body: byte[]) : byte[] =
        let all =
            if body.Length = 0 then
                headers
            else
                headers @ [ "Content-Length", string body.Length ]

        let head = all |> List.map (fun (name, value) -> $"{name}: {value}\n") |> String.concat ""
        Array.append (Encoding.UTF8.GetBytes(head + "\n")) body

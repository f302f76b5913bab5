namespace CallServer.Wire

open System
open System.Globalization
open System.Text

/// What is wrong with a message of HTTP.
[<RequireQualifiedAccess>]
type HttpError =
    /// No empty line ends its head, or not within 16,384 octets.
    | NoHead
    /// Its first line is none of a request by GET or POST, or of a response.
    | NotHttp

    override this.ToString() =
        match this with
        | NoHead -> "no head of an HTTP message"
        | NotHttp -> "no request by GET or POST, and no HTTP response"

/// A request: by POST if it has a body, otherwise by GET.
type HttpRequest =
    {
        /// Path and query, with their escapes.
        Target: string
        Headers: (string * string) list
        Body: byte[]
    }

/// A response. The message ends where the octets do.
[<NoEquality; NoComparison>]
type HttpResponse =
    {
        /// 100 to 599.
        Status: int
        Reason: string
        Headers: (string * string) list
        Body: JsonView
    }

/// Writes and reads whole messages of HTTP (RFC 9112, sections 2 to 5), each of which is a message of an exchange. Whoever carries them frames
/// the body and keeps the connection; a Content-Length is not looked at.
module HttpMessage =
    [<Literal>]
    let private LongestHead = 16384

    [<Literal>]
    let private Version = "HTTP/1.1"

    /// The header that tells which request a response answers: it has the value of that request's.
    [<Literal>]
    let Id = "X-Request-Id"

    /// The first header of this name, in any case (RFC 9110, section 5.1).
    let tryHeader (name: string) (headers: (string * string) list) : string voption =
        headers
        |> List.tryFind (fun (known, _) -> known.Equals(name, StringComparison.OrdinalIgnoreCase))
        |> Option.map snd
        |> ValueOption.ofOption

    /// What would end the line is left out.
    let private plain (text: string) : string = String.filter (Char.IsControl >> not) text

    let private write (first: string) (headers: (string * string) list) : byte[] =
        let head = StringBuilder(plain first).Append "\r\n"

        for name, value in headers do
            head.Append(plain name).Append(": ").Append(plain value).Append "\r\n" |> ignore

        Encoding.Latin1.GetBytes(head.Append("\r\n").ToString())

    let encodeRequest (request: HttpRequest) : byte[] =
        let name = if request.Body.Length = 0 then "GET" else "POST"
        Array.append (write $"{name} {request.Target} {Version}" request.Headers) request.Body

    let encodeResponse
        (status: int)
        (reason: string)
        (headers: (string * string) list)
        (body: byte[])
        : byte[] =
        Array.append (write $"{Version} {status} {reason}" headers) body

    let private headerOf (line: string) : (string * string) option =
        match line.IndexOf ':' with
        | at when at > 0 -> Some(line.Substring(0, at), line.Substring(at + 1).Trim())
        | _ -> None

    /// The first line, the headers, and where the body begins. Lines that are no header are left out.
    let private head (octets: byte[]) : Result<struct (string * (string * string) list * int), HttpError> =
        match octets.AsSpan(0, min octets.Length LongestHead).IndexOf("\r\n\r\n"B.AsSpan()) with
        | -1 -> Error HttpError.NoHead
        | ended ->
            let lines = Encoding.Latin1.GetString(octets, 0, ended).Split "\r\n"
            let headers = lines |> Seq.skip 1 |> Seq.choose headerOf |> Seq.toList
            Ok(struct (lines[0], headers, ended + 4))

    let decodeRequest (octets: byte[]) : Result<HttpRequest, HttpError> =
        head octets
        |> Result.bind (fun (struct (first, headers, body)) ->
            match first.Split ' ' with
            | [| "GET"; target; Version |] when target.StartsWith '/' ->
                Ok { Target = target; Headers = headers; Body = [||] }
            | [| "POST"; target; Version |] when target.StartsWith '/' ->
                Ok { Target = target; Headers = headers; Body = octets[body..] }
            | _ -> Error HttpError.NotHttp)

    let decodeResponse (octets: byte[]) : Result<HttpResponse, HttpError> =
        head octets
        |> Result.bind (fun (struct (first, headers, body)) ->
            match first.Split(' ', 3) with
            | parts when parts.Length >= 2 && parts[0] = Version && parts[1].Length = 3 ->
                match Int32.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture) with
                | true, status when status >= 100 && status < 600 ->
                    Ok
                        { Status = status
                          Reason = (if parts.Length = 3 then parts[2] else "")
                          Headers = headers
                          Body = { Octets = octets; Start = body; Length = octets.Length - body } }
                | _ -> Error HttpError.NotHttp
            | _ -> Error HttpError.NotHttp)

    /// When a response was made, by the clock of who made it, in whole seconds since 1970 (RFC 9110, section 5.6.7, IMF-fixdate). ValueNone where it
    /// does not say.
    let date (response: HttpResponse) : int64 voption =
        match tryHeader "Date" response.Headers with
        | ValueSome text ->
            match
                DateTime.TryParseExact(
                    text,
                    "r",
                    CultureInfo.InvariantCulture,
                    DateTimeStyles.AssumeUniversal ||| DateTimeStyles.AdjustToUniversal
                )
            with
            | true, time -> ValueSome((time - DateTime.UnixEpoch).Ticks / TimeSpan.TicksPerSecond)
            | _ -> ValueNone
        | ValueNone -> ValueNone

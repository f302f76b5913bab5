namespace CallServer.Gateway

open System
open System.Globalization
open System.Text
open CallServer.Model
open CallServer.Wire

/// What simulated gateways answer over HTTP, besides their own words.
module internal HttpAnswers =
    let private reason (status: int) : string =
        match status with
        | 200 -> "OK"
        | 204 -> "No Content"
        | 400 -> "Bad Request"
        | 401 -> "Unauthorized"
        | 403 -> "Forbidden"
        | 404 -> "Not Found"
        | 409 -> "Conflict"
        | 429 -> "Too Many Requests"
        | 502 -> "Bad Gateway"
        | 503 -> "Service Unavailable"
        | _ -> "Server Error"

    /// A page for people.
    let page (words: string) : byte[] =
        Encoding.UTF8.GetBytes $"<html><body><h1>{words}</h1></body></html>\r\n"

    /// Whether a request proves that it comes from this user; nobody is refused without one.
    let isWelcome (login: struct (string * string) voption) (request: HttpRequest) : bool =
        match login with
        | ValueNone -> true
        | ValueSome(struct (user, password)) ->
            let basic = "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes(user + ":" + password))
            HttpMessage.tryHeader "Authorization" request.Headers = ValueSome basic

    /// A body without its second half, or with so many meaningless octets.
    let damaged (truncates: bool) (padding: int) (octets: byte[]) : byte[] =
        if truncates then
            Array.truncate (octets.Length / 2) octets
        else
            Array.append octets (Array.create padding ' 'B)

    /// A whole response to the request of this id, from this server, whose clock shows so much.
    let write
        (id: string)
        (server: string)
        (shown: Instant)
        (status: int)
        (headers: (string * string) list)
        body
        =
        HttpMessage.encodeResponse
            status
            (reason status)
            ([ HttpMessage.Id, id
               "Server", server
               "Date", Instant.toDateTime(shown).ToString("r", CultureInfo.InvariantCulture) ]
             @ headers
             @ [ "Content-Length", string (Array.length body) ])
            body

    /// Meaningless octets in place of a response.
    let garbage: byte[] = Encoding.ASCII.GetBytes "\u0001\u0002 this is nothing"

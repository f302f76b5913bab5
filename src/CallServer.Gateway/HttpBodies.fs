namespace CallServer.Gateway

open System
open System.Globalization
open System.Text

/// Where a gateway takes messages over HTTP, and how it answers.
[<NoComparison; NoEquality>]
type internal HttpBodyForm =
    {
        Path: string
        /// The media type that it accepts and sends.
        ContentType: string
        /// The status line's status for a reply.
        Status: byte[] -> string
    }

/// What a gateway takes for a message, and how it answers.
[<NoComparison; NoEquality>]
type internal HttpBodies =
    /// The bodies of POST, and of the answers to them.
    | Posted of HttpBodyForm
    /// Whole requests by this method, and responses, which have their Content-Length.
    | Whole of name: string

/// Carries messages over HTTP. A stream that begins with an HTTP method carries them (RFC 9112, only as far as a client
/// that sends a Content-Length needs it). Gateways listen for HTTP on a separate port; here one port serves both.
module internal HttpBodies =
    [<Literal>]
    let private LongestHead = 16384

    [<Literal>]
    let private LongestBody = 1048576

    /// The prefix of the stream's number in the peer's name. It tells the responder that answers may have any size.
    [<Literal>]
    let private Scheme = "http:"

    /// What a stream carries: not decided yet, HTTP, or the messages themselves. The octets are those that are not used yet.
    type private Stream =
        | Undecided of byte[]
        | Http of byte[]
        | Plain

    let private methods = [ "POST "; "GET "; "PUT "; "HEAD "; "OPTIONS "; "DELETE " ]

    let private decide (octets: byte[]) : Stream =
        let start = Encoding.ASCII.GetString(Array.truncate 8 octets)

        if methods |> List.exists (fun name -> start.StartsWith(name, StringComparison.Ordinal)) then
            Http octets
        elif methods |> List.exists (fun name -> name.StartsWith(start, StringComparison.Ordinal)) then
            Undecided octets
        else
            Plain

    let private head (form: HttpBodies) (status: string) (length: int) : byte[] =
        let kind =
            match form with
            | Posted form -> form.ContentType
            | Whole _ -> "text/html"

        Encoding.ASCII.GetBytes
            $"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"

    let private refusal form (status: string) : byte[] = head form status 0

    type private Request =
        | Incomplete
        /// A body, and the octets after it.
        | Message of body: byte[] * rest: byte[]
        | Refused of status: string * rest: byte[]
        | Broken

    let private header (name: string) (lines: string[]) : string voption =
        let start = name + ":"

        match
            lines |> Array.tryFind (fun line -> line.StartsWith(start, StringComparison.OrdinalIgnoreCase))
        with
        | Some line -> ValueSome(line.Substring(start.Length).Trim())
        | None -> ValueNone

    /// The request at the beginning of the octets.
    let private read (form: HttpBodies) (octets: byte[]) : Request =
        match MemoryExtensions.IndexOf(ReadOnlySpan octets, ReadOnlySpan "\r\n\r\n"B) with
        | -1 -> if octets.Length > LongestHead then Broken else Incomplete
        | ended when ended > LongestHead -> Broken
        | ended ->
            let lines = Encoding.Latin1.GetString(octets, 0, ended).Split "\r\n"
            let words = lines[0].Split ' '
            let body = ended + 4

            let length =
                match header "Content-Length" lines with
                | ValueNone -> 0
                | ValueSome digits ->
                    match Int32.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture) with
                    | true, length when length <= LongestBody -> length
                    | _ -> -1

            if length < 0 || (header "Transfer-Encoding" lines).IsSome then
                Broken
            elif octets.Length < body + length then
                Incomplete
            else
                let rest = Array.skip (body + length) octets

                match form with
                | _ when words.Length <> 3 -> Broken
                | Whole name when words[0] <> name -> Refused("405 Method Not Allowed", rest)
                | Whole _ -> Message(Array.truncate (body + length) octets, rest)
                | Posted _ when words[0] <> "POST" -> Refused("405 Method Not Allowed", rest)
                | Posted form when
                    words[1] <> form.Path || header "Content-Type" lines <> ValueSome form.ContentType
                    ->
                    Refused("404 Not Found", rest)
                | Posted _ -> Message(Array.sub octets body length, rest)

    /// Turns answers to HTTP peers into HTTP responses on their streams.
    let private translate (form: HttpBodies) (command: ResponderCommand) : ResponderCommand =
        match command with
        | SendTo(peer, after, octets) when peer.StartsWith(Scheme, StringComparison.Ordinal) ->
            let stream = Int32.Parse(peer.Substring Scheme.Length, CultureInfo.InvariantCulture)

            match form with
            | Posted own ->
                WriteTo(stream, after, Array.append (head form (own.Status octets) octets.Length) octets)
            | Whole _ -> WriteTo(stream, after, octets)
        | SendTo _
        | WriteTo _
        | HangUp _
        | TickAt _
        | EndConnection _ -> command

    /// Takes all whole requests from a stream's octets, one after the other.
    let rec private take form now table stream (octets: byte[]) (inner: Responder) asked =
        match read form octets with
        | Incomplete -> struct (inner, asked, ValueSome octets)
        | Broken ->
            struct (inner,
                    asked @ [ WriteTo(stream, TimeSpan.Zero, refusal form "400 Bad Request"); HangUp stream ],
                    ValueNone)
        | Refused(status, rest) ->
            take
                form
                now
                table
                stream
                rest
                inner
                (asked @ [ WriteTo(stream, TimeSpan.Zero, refusal form status) ])
        | Message(body, rest) ->
            let peer = Scheme + stream.ToString CultureInfo.InvariantCulture
            let struct (inner, more) = inner.Advance now table (Datagram(peer, body))
            take form now table stream rest inner (asked @ List.map (translate form) more)

    let rec private wrap (form: HttpBodies) (streams: Map<int, Stream>) (inner: Responder) : Responder =
        let pass now table event streams =
            let struct (inner, asked) = inner.Advance now table event
            struct (wrap form streams inner, List.map (translate form) asked)

        let octets now table stream (known: Stream) (more: byte[]) =
            let decided =
                match known with
                | Undecided before -> decide (Array.append before more)
                | Http before -> Http(Array.append before more)
                | Plain -> Plain

            match known, decided with
            | Undecided before, Plain ->
                pass now table (Octets(stream, Array.append before more)) (streams.Add(stream, Plain))
            | _, Plain -> pass now table (Octets(stream, more)) streams
            | _, Undecided _ -> struct (wrap form (streams.Add(stream, decided)) inner, [])
            | _, Http octets ->
                let struct (inner, asked, rest) = take form now table stream octets inner []

                match rest with
                | ValueSome rest -> struct (wrap form (streams.Add(stream, Http rest)) inner, asked)
                | ValueNone -> struct (wrap form (streams.Remove stream) inner, asked)

        { inner with
            Advance =
                fun now table event ->
                    match event with
                    | Octets(stream, more) ->
                        let known = streams.TryFind stream |> Option.defaultValue (Undecided [||])
                        octets now table stream known more
                    | StreamCame _ -> pass now table event streams
                    | StreamClosed stream -> pass now table event (streams.Remove stream)
                    | Restarted -> pass now table event Map.empty
                    | Datagram _
                    | Tick
                    | Happened _ -> pass now table event streams }

    /// Makes the responder reachable over HTTP too.
    let serve (form: HttpBodies) (responder: Responder) : Responder = wrap form Map.empty responder

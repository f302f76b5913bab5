namespace CallServer.Surface

open System.Collections.Generic
open CallServer.Wire

/// A message to a gateway that is a whole request of HTTP. Whoever carries it sends the request, and hands the response over as the answer.
[<Sealed; AllowNullLiteral>]
type GatewayRequest private (request: HttpRequest) =
    /// Reads a message; null for one that is no request.
    static member Read(message: byte[]) : GatewayRequest =
        match HttpMessage.decodeRequest message with
        | Ok request -> GatewayRequest request
        | Error _ -> null

    /// Path and query, with their escapes.
    member _.Target = request.Target

    /// What it posts; empty for a request by GET.
    member _.Body: byte[] = request.Body

    /// Its headers, some of which are secret.
    member _.Headers: IReadOnlyList<KeyValuePair<string, string>> =
        [| for name, value in request.Headers -> KeyValuePair(name, value) |]

    /// The message for a response to it: status, the words of its status line, headers, and body.
    member _.Answer
        (status: int, reason: string, headers: IEnumerable<KeyValuePair<string, string>>, body: byte[])
        : byte[] =
        let own =
            [ match HttpMessage.tryHeader HttpMessage.Id request.Headers with
              | ValueSome id -> HttpMessage.Id, id
              | ValueNone -> () ]

        // Its own id comes first: a proxy may have added another.
        HttpMessage.encodeResponse
            status
            reason
            (own @ [ for header in headers -> header.Key, header.Value ])
            body

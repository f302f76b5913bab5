/// Expectations from RFC 9112.
module CallServer.Tests.Gateway.NgHttpTests

open System
open System.Text
open FsCheck
open FsCheck.FSharp
open CallServer.Wire
open CallServer.Gateway
open CallServer.Tests
open CallServer.Tests.Gateway.Asking

let private gateway =
    let table = Table.create 1UL { TableOptions.standard with Connections = 3 } epoch
    let responder = NgResponder.create NgOptions.standard table |> NgHttp.serve
    let opened = MultiGateway.create ValueNone [ responder ] table
    let struct (gateway, _, _) = MultiGateway.advance epoch (StreamOpened("ng", 1)) opened
    gateway

/// What is written back for octets that arrive in these pieces, and whether the stream is then closed.
let private talk (pieces: byte[] list) =
    let struct (_, written, isClosed) =
        (struct (gateway, [], false), pieces)
        ||> List.fold (fun (struct (gateway, written, isClosed)) piece ->
            let struct (gateway, commands, _) = MultiGateway.advance epoch (OctetsCame(1, piece)) gateway

            let octets =
                commands
                |> List.collect (fun command ->
                    match command with
                    | WriteStream(1, _, octets) -> [ octets ]
                    | CloseStream 1 -> []
                    | other -> failwith $"%A{other}")

            struct (gateway, written @ octets, isClosed || List.contains (CloseStream 1) commands))

    Encoding.Latin1.GetString(Array.concat written), isClosed

let private post (path: string) (kind: string) (body: string) =
    $"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {body.Length}\r\n\r\n{body}"

let private ours = "application/x-rtpengine-ng"

let private octets (text: string) = Encoding.Latin1.GetBytes text

let private ping number = post "/ng" ours $"c{number} d7:command4:pinge"

let private pong number =
    let body = $"c{number} d6:result4:ponge"
    $"HTTP/1.1 200 OK\r\nContent-Type: {ours}\r\nContent-Length: {body.Length}\r\n\r\n{body}"

let ``answers requests one after the other, cut anywhere`` =
    law (fun (NonNegativeInt cut) ->
        let whole = octets (ping 1 + ping 2)
        let cut = cut % (whole.Length + 1)
        talk [ whole[.. cut - 1]; whole[cut..] ] = (pong 1 + pong 2, false))

let ``takes ng itself on the same port, cut anywhere`` =
    law (fun (NonNegativeInt cut) ->
        let whole = octets "P1 d7:command4:pingeG2 d7:command4:pinge"
        let cut = cut % (whole.Length + 1)
        talk [ whole[.. cut - 1]; whole[cut..] ] = ("P1 d6:result4:pongeG2 d6:result4:ponge", false))

let ``refuses what it does not take`` =
    examples
        [ "GET /ng HTTP/1.1\r\n\r\n", "HTTP/1.1 405", false
          "GET nonsense\r\n\r\n", "HTTP/1.1 400", true
          "POST /ng HTTP/1.1\r\nContent-Length: -5\r\n\r\n", "HTTP/1.1 400", true
          "POST /ng HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", "HTTP/1.1 400", true
          "POST /ng HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 400", true ]
        (fun (request: string, status: string, closes: bool) ->
            let said, isClosed = talk [ octets request ]
            said |> Check.startsWith status
            isClosed |> Check.equal closes)

let ``knows one path and one kind of content`` =
    example (fun () ->
        fst (talk [ octets (post "/" ours "") ]) |> Check.startsWith "HTTP/1.1 404"
        fst (talk [ octets (post "/ng" "text/plain" "") ]) |> Check.startsWith "HTTP/1.1 404")

let ``never throws, whatever comes`` =
    law (fun (noise: byte[]) (NonNegativeInt at) (replacement: byte) ->
        let request = octets (ping 1)
        let damaged = Array.updateAt (at % request.Length) replacement request

        (talk [ noise; noise ] |> fst).Length < 100_000
        && (talk [ damaged; damaged ] |> fst).Length < 100_000)

/// A simple call agent for simulated MGCP gateways: one command at a time, and it believes everything.
module CallServer.Tests.Gateway.MgcpAsking

open System
open System.Text
open CallServer.Model
open CallServer.Wire
open CallServer.Gateway
open CallServer.Tests.Gateway.Asking

let peer = "127.0.0.1:2727"

let milliseconds (milliseconds: float) = TimeSpan.FromMilliseconds milliseconds

let tableOf seed connections churn =
    Table.create
        seed
        { TableOptions.standard with
            Connections = connections
            Churn = churn
            Codecs = SimCodec.all }
        epoch

let gatewayOf (options: MgcpOptions) (table: Table) =
    MultiGateway.create ValueNone [ MgcpResponder.create options table.Now ] table

let withVices vices table = gatewayOf { MgcpOptions.standard with Vices = vices } table

let honest table = withVices MgcpVices.none table

/// The datagrams that come back for one, and what truly happened.
let exchange now (datagram: byte[]) gateway =
    let struct (gateway, commands, truth) =
        MultiGateway.advance now (DatagramCame("mgcp", peer, datagram)) gateway

    let sent =
        commands
        |> List.map (fun command ->
            match command with
            | SendDatagram("mgcp", to', _, datagram) when to' = peer -> datagram
            | other -> failwith $"not for the call agent: %A{other}")

    struct (gateway, sent, truth)

/// Lets everything happen that is due by then.
let pass now gateway =
    let struct (gateway, commands, _) = MultiGateway.advance now TimePassed gateway

    let sent =
        commands
        |> List.map (fun command ->
            match command with
            | SendDatagram("mgcp", to', _, datagram) -> struct (to', datagram)
            | other -> failwith $"not a datagram: %A{other}")

    struct (gateway, sent)

let text (octets: byte[]) = Encoding.Latin1.GetString octets

let octets (text: string) = Encoding.Latin1.GetBytes(text.Replace("\r", "").Replace("\n", "\r\n"))

/// The single response in a datagram.
let read (datagram: byte[]) : MgcpResponse =
    match Mgcp.decode datagram with
    | [| Ok(MgcpMessage.Response response) |] -> response
    | other -> failwith $"not one response: %A{other}"

/// The response to a command given as text.
let say now (words: string) gateway =
    let struct (gateway, sent, truth) = exchange now (octets words) gateway

    match sent with
    | [ datagram ] -> struct (gateway, read datagram, truth)
    | other -> failwith $"%d{other.Length} answers to {words}"

let reply words gateway =
    let struct (_, response, _) = say epoch words gateway
    response

let lines code (response: MgcpResponse) = MgcpParameter.all code response.Parameters

/// Every endpoint's local name, found with the all-of wildcard.
let endpoints gateway =
    reply "AUEP 900 *@[127.0.0.1] MGCP 1.0\n" gateway
    |> lines "Z"
    |> Array.map (fun name -> name.Substring(0, name.IndexOf '@'))

/// Connection ids of an endpoint.
let connectionsOn (endpoint: string) gateway =
    match
        reply $"AUEP 901 {endpoint}@[127.0.0.1] MGCP 1.0\nF: I\n" gateway
        |> _.Parameters
        |> MgcpLists.connectionIds
    with
    | ValueSome ids -> ids
    | ValueNone -> failwith "no I: at all"

/// Bulk audits page by page: what BA/EL and BA/C report, in order of arrival.
let rec counts (pattern: string) (number: int) (from: string voption) (left: int) gateway =
    let start =
        match from with
        | ValueSome name -> $"BA/SE: {name}\n"
        | ValueNone -> ""

    let response =
        reply $"AUEP 902 {pattern}@[127.0.0.1] MGCP 1.0\nBA/F: BA/C\n{start}BA/NU: {number}\n" gateway

    match MgcpBulk.counts 100_000 response.Parameters, MgcpBulk.next response.Parameters with
    | Error error, _ -> failwith $"{error}"
    | Ok page, ValueNone -> [ page ]
    | Ok page, ValueSome _ when left = 0 -> [ page ]
    | Ok page, next -> page :: counts pattern number next (left - 1) gateway

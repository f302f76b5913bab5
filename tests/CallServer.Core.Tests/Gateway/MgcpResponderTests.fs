/// Expectations from RFC 3435 and RFC 3624.
module CallServer.Tests.Gateway.MgcpResponderTests

open System
open FsCheck
open FsCheck.FSharp
open CallServer.Model
open CallServer.Wire
open CallServer.Gateway
open CallServer.Tests
open CallServer.Tests.Gateway.Asking
open CallServer.Tests.Gateway.MgcpAsking

let private none = MgcpVices.none

let private equal (expected: 'T) (actual: 'T) =
    (actual = expected) |> Check.because $"%A{actual}" Check.isTrue

/// What an audit should list: ENDPOINT/ID of every connection.
let private identities (gateway: MultiGateway) =
    gateway.Table.Connections
    |> Array.map (fun connection ->
        match MultiGateway.identities gateway connection with
        | [ struct ("mgcp", [ identity ]) ] -> identity
        | other -> failwith $"%A{other}")

let private idOf gateway connection =
    match MultiGateway.identities gateway connection with
    | [ struct (_, [ identity ]) ] -> identity.Id.Split "@[127.0.0.1]/"
    | other -> failwith $"%A{other}"

/// Endpoint and connection id of the table's first connection.
let private first (gateway: MultiGateway) =
    let connection = gateway.Table.Connections[0]
    let parts = idOf gateway connection
    struct (connection, parts[0], parts[1])

let ``lists every connection once by AUEP, endpoint by endpoint`` =
    law (fun (seed: uint64) (perEndpoint: bool) (commas: bool) ->
        let vices = { none with ConnectionsPerEndpoint = (if perEndpoint then 3 else 1); CommaIds = commas }

        let gateway = withVices vices (tableOf seed 7 0.0)

        let found =
            [| for endpoint in endpoints gateway do
                   for id in connectionsOn endpoint gateway -> $"{endpoint}@[127.0.0.1]/{id}" |]

        Array.sort found = (identities gateway |> Array.map _.Id |> Array.sort))

let ``tells by bulk audits, in pages of any size, what AUEP tells`` =
    law (fun (seed: uint64) (PositiveInt number) ->
        let gateway = honest (tableOf seed 30 0.0)
        let pages = counts "*" (1 + number % 60) ValueNone 200 gateway
        let told = pages |> Seq.concat |> Seq.toArray

        (told |> Array.map (fun (struct (name, _)) -> name)) = endpoints gateway
        && pages |> List.forall (fun page -> page.Length <= 1 + number % 60)
        && told |> Array.forall (fun (struct (name, count)) -> count = (connectionsOn name gateway).Length))

let ``joins all that it reports in two lines where that is its habit`` =
    example (fun () ->
        let gateway = withVices { none with JoinedBulk = true } (tableOf 1UL 30 0.0)
        let told = counts "*" 100 ValueNone 9 gateway |> Seq.concat |> Seq.toArray
        ((told |> Array.map (fun (struct (name, _)) -> name))) |> equal (endpoints gateway))

let ``tells by BA/Z the names that the wildcard lists`` =
    law (fun (seed: uint64) (PositiveInt connections) ->
        let gateway = honest (tableOf seed (connections % 200) 0.0)
        let response = reply "AUEP 1 *@[127.0.0.1] MGCP 1.0\nBA/F: BA/Z\n" gateway
        MgcpBulk.expandAll 10_000 "BA/Z" response.Parameters = Ok(endpoints gateway))

let ``writes whole DS1s as one range`` =
    example (fun () ->
        let gateway = withVices { none with Endpoints = ValueSome 56 } (tableOf 1UL 1 0.0)
        let response = reply "AUEP 1 *@[127.0.0.1] MGCP 1.0\nBA/F: BA/Z\n" gateway
        (lines "BA/Z" response) |> equal ([| "aaln/[1-7]"; "ds/ds1-[1-2]/[1-24]"; "ds/ds1-3/1" |]))

let ``narrows by terms`` =
    example (fun () ->
        let gateway = withVices { none with Endpoints = ValueSome 56 } (tableOf 1UL 1 0.0)
        let count pattern = reply $"AUEP 1 {pattern}@[127.0.0.1] MGCP 1.0\n" gateway |> lines "Z" |> _.Length
        ([| count "*"; count "aaln/*"; count "ds/*"; count "ds/ds1-1/*" |]) |> equal ([| 56; 7; 49; 24 |])
        ((reply "AUEP 1 nothing/*@[127.0.0.1] MGCP 1.0\n" gateway).Code) |> equal (500))

let ``ignores what is requested besides a wildcard`` =
    example (fun () ->
        let gateway = honest (tableOf 1UL 5 0.0)
        let response = reply "AUEP 1 *@[127.0.0.1] MGCP 1.0\nF: I,N\n" gateway
        (response.Parameters |> Array.map _.Code |> Array.distinct) |> equal ([| "Z" |]))

let ``tells an endpoint's empty parameters, and leaves out what nobody knows`` =
    example (fun () ->
        let gateway = honest (tableOf 1UL 0 0.0)
        let response = reply "AUEP 1 aaln/1@[127.0.0.1] MGCP 1.0\nF: D,I,PL,RM,MD,ZZ,X-1\n" gateway

        response.Parameters
        |> Array.map (fun line -> line.Code, line.Value)
        |> equal [| "D", ""; "I", ""; "PL", "L:1, G:1, BA:0"; "RM", "restart"; "MD", "65507" |])

let ``answers with the code that is due`` =
    examples
        [ "AUEP 1 aaln/99@[127.0.0.1] MGCP 1.0\n", 500
          "AUEP 1 aaln/1@other.example.net MGCP 1.0\n", 500
          "AUEP 1 aaln/$@[127.0.0.1] MGCP 1.0\n", 500
          "AUEP 1 aaln/1@[127.0.0.1] MGCP 2.0\n", 528
          "AUEP 1 aaln/1@[127.0.0.1] MGCP 1.0\n", 200
          "AUEP 1 AALN/1@127.0.0.1 MGCP 1.0 NCS 1.0\n", 200
          "ABCD 1 aaln/1@[127.0.0.1] MGCP 1.0\n", 504
          "CRCX 1 aaln/1@[127.0.0.1] MGCP 1.0\nC: 1\n", 502
          "RQNT 1 aaln/1@[127.0.0.1] MGCP 1.0\nN: ca@[127.0.0.1]\nX: 1\n", 200
          "AUCX 1 aaln/1@[127.0.0.1] MGCP 1.0\nI: 1\nF: C\n", 515
          "AUCX 1 aaln/1@[127.0.0.1] MGCP 1.0\nF: C\n", 510
          "AUCX 1 aaln/1@[127.0.0.1] MGCP 1.0\nI: 1\n", 510
          "AUCX 1 *@[127.0.0.1] MGCP 1.0\nI: 1\nF:\n", 510
          "MDCX 1 aaln/1@[127.0.0.1] MGCP 1.0\nC: 1\nI: 1\n", 515
          "DLCX 1 aaln/1@[127.0.0.1] MGCP 1.0\nC: 1\nI: 1\n", 515
          "AUEP 1 *@[127.0.0.1] MGCP 1.0\nBA/F: BA/C\nBA/SE: aaln/99\n", 806
          "AUEP 1 ds/*@[127.0.0.1] MGCP 1.0\nBA/F: BA/C\nBA/SE: aaln/1\n", 801
          "AUEP 1 *@[127.0.0.1] MGCP 1.0\nBA/F: BA/C, BA/Z\n", 802
          "AUEP 1 *@[127.0.0.1] MGCP 1.0\nBA/F: BA/S(I,D)\n", 804
          "AUEP 1 *@[127.0.0.1] MGCP 1.0\nBA/F: BA/C\nBA/NU: 0\n", 805 ]
        (fun (words: string, code: int) ->
            let response = reply words (honest (tableOf 1UL 0 0.0))
            (response.Code) |> equal (code)
            (response.Transaction) |> equal (1)
            (response.Package = (if code >= 800 then ValueSome "BA" else ValueNone)) |> Check.isTrue)

let ``tells all of a connection by AUCX`` =
    law (fun (seed: uint64) ->
        let gateway = honest (tableOf seed 6 0.0)

        gateway.Table.Connections
        |> Array.forall (fun connection ->
            let parts = idOf gateway connection

            let response =
                reply $"AUCX 7 {parts[0]}@[127.0.0.1] MGCP 1.0\nI: {parts[1]}\nF: C,N,L,M,RC,LC,P\n" gateway

            let value code = lines code response |> Array.exactlyOne
            let options = LocalConnectionOptions.decode (value "L")
            let counters = ConnectionParameters.decode (value "P")

            let sessions =
                response.Sessions
                |> Array.map (fun session ->
                    match Sdp.decode session with
                    | Ok sdp -> sdp
                    | Error error -> failwith $"{error}: {session}")

            let codec = SimCodec.name connection.Codec
            let struct (period, _) = SimCodec.packet connection.Codec
            let host = SimConnection.hostText

            response.Code = 200
            && value "C" = Convert.ToHexStringLower connection.Guid
            && (options.TypeOfService |> ValueOption.map (fun octet -> int octet / 4)) = ValueSome
                connection.Dscp
            && options.Codecs = [| codec |]
            && options.PacketTime = ValueSome(struct (period, period))
            && (Sdp.codec sessions[0] |> ValueOption.map _.Name) = ValueSome codec
            && (Sdp.address sessions[0] |> ValueOption.map string) = ValueSome
                $"{host connection.LocalHost}:{connection.LocalPort}"
            && (Sdp.address sessions[1] |> ValueOption.map string) = ValueSome
                $"{host connection.RemoteHost}:{connection.RemotePort}"
            // Packet count times period never makes it older than it is.
            && float counters.PacketsSent.Value * float period
               <= (epoch - connection.Start).TotalMilliseconds))

let ``writes b8 for expedited forwarding`` =
    example (fun () ->
        let gateway = honest (tableOf 1UL 40 0.0)
        let connection = gateway.Table.Connections |> Array.find (fun connection -> connection.Dscp = 46)
        let parts = idOf gateway connection
        let response = reply $"AUCX 7 {parts[0]}@[127.0.0.1] MGCP 1.0\nI: {parts[1]}\nF: L\n" gateway
        (lines "L" response)[0] |> Check.all [ Check.says "t:b8"; Check.says "r:g" ])

let ``tells an absent description as v=0 alone`` =
    example (fun () ->
        let gateway = withVices { none with NoSessions = true } (tableOf 1UL 3 0.0)
        let struct (_, endpoint, id) = first gateway
        let response = reply $"AUCX 7 {endpoint}@[127.0.0.1] MGCP 1.0\nI: {id}\nF: LC,RC\n" gateway
        (response.Sessions |> Array.map _.Trim()) |> equal ([| "v=0"; "v=0" |]))

let ``ends the connection that DLCX names, once`` =
    example (fun () ->
        let gateway = honest (tableOf 1UL 5 0.0)
        let struct (connection, endpoint, id) = first gateway
        let call = Convert.ToHexStringLower connection.Guid
        let words = $"DLCX 50 {endpoint}@[127.0.0.1] MGCP 1.0\nC: {call}\nI: {id}\n"
        let struct (gateway, response, truth) = say epoch words gateway
        (response.Code) |> equal (250)
        let counters = lines "P" response |> Array.exactlyOne |> ConnectionParameters.decode
        counters.PacketsSent.IsSome |> Check.isTrue

        match truth with
        | [ Closed(closed, at) ] -> (obj.ReferenceEquals(closed, connection) && at = epoch) |> Check.isTrue
        | other -> failtest $"%A{other}"

        let struct (gateway, again, truth) = say (epoch + seconds 1.0) words gateway
        (again = response) |> Check.isTrue
        truth |> Check.isEmpty
        let struct (gateway, gone, _) = say epoch (words.Replace("DLCX 50", "DLCX 51")) gateway
        (gone.Code) |> equal (515)
        (gateway.Table.Count) |> equal (4))

let ``ends all of an endpoint, a call, or the gateway where DLCX says so`` =
    example (fun () ->
        let gateway = withVices { none with ConnectionsPerEndpoint = 2 } (tableOf 1UL 8 0.0)
        let struct (connection, endpoint, _) = first gateway
        let call = Convert.ToHexStringLower connection.Guid

        let struct (gateway, response, truth) =
            say epoch $"DLCX 1 {endpoint}@[127.0.0.1] MGCP 1.0\nC: {call}\n" gateway

        ((response.Code, truth.Length)) |> equal ((250, 1))
        let struct (gateway, _, truth) = say epoch $"DLCX 2 {endpoint}@[127.0.0.1] MGCP 1.0\n" gateway
        (truth.Length) |> equal (1)
        let struct (gateway, _, truth) = say epoch "DLCX 3 *@[127.0.0.1] MGCP 1.0\n" gateway
        ((truth.Length, gateway.Table.Count)) |> equal ((6, 0)))

let ``confirms by MDCX without a change, and knows other connections and calls`` =
    example (fun () ->
        let gateway = honest (tableOf 1UL 5 0.0)
        let struct (connection, endpoint, id) = first gateway

        let ask transaction (call: string) id =
            reply $"MDCX {transaction} {endpoint}@[127.0.0.1] MGCP 1.0\nC: {call}\nI: {id}\n" gateway

        let known = ask 1 (Convert.ToHexStringLower connection.Guid) id
        ((known.Code, known.Sessions.Length)) |> equal ((200, 1))
        ((ask 2 "0" id).Code) |> equal (516)
        ((ask 3 "0" "0").Code) |> equal (515))

let ``gives the same answer to the same transaction for 30 seconds, whatever it is`` =
    example (fun () ->
        let gateway = honest (tableOf 1UL 5 20.0)

        let ask at words gateway =
            let struct (gateway, response, _) = say (epoch + seconds at) words gateway in
            struct (gateway, response)

        let struct (gateway, listed) = ask 0.0 "AUEP 5 *@[127.0.0.1] MGCP 1.0\n" gateway
        let struct (gateway, other) = ask 29.0 "AUCX 5 aaln/1@[127.0.0.1] MGCP 1.0\nI: 1\nF:\n" gateway
        (other = listed) |> Check.isTrue
        let struct (_, fresh) = ask 31.0 "AUCX 5 aaln/1@[127.0.0.1] MGCP 1.0\nI: 1\nF:\n" gateway
        (fresh.Code) |> equal (515))

let ``answers provisionally first, and repeats the final response until it is acknowledged`` =
    example (fun () ->
        let gateway = withVices { none with ProvisionalEvery = ValueSome 1 } (tableOf 1UL 5 0.0)
        let struct (gateway, provisional, _) = say epoch "AUEP 5 *@[127.0.0.1] MGCP 1.0\n" gateway
        ((provisional.Code, provisional.Parameters.Length)) |> equal ((100, 0))

        let struct (gateway, again, _) =
            say (epoch + milliseconds 100.0) "AUEP 5 *@[127.0.0.1] MGCP 1.0\n" gateway

        (again.Code) |> equal (100)
        (gateway.NextTick = epoch + milliseconds 300.0) |> Check.isTrue
        let struct (gateway, sent) = pass (epoch + milliseconds 299.0) gateway
        sent |> Check.isEmpty
        let struct (gateway, sent) = pass (epoch + milliseconds 300.0) gateway
        let struct (_, octets) = List.exactlyOne sent
        let final = read octets
        ((final.Code, final.Parameters[0].Code, final.Parameters[0].Value)) |> equal ((200, "K", ""))
        let struct (gateway, repeated) = pass gateway.NextTick gateway
        (repeated = sent) |> Check.isTrue
        let struct (gateway, _, _) = exchange gateway.Table.Now (MgcpAsking.octets "000 5\n") gateway
        (gateway.NextTick = Instant.distantFuture) |> Check.isTrue)

let ``takes the messages of a datagram each by itself`` =
    example (fun () ->
        let datagram =
            octets
                "AUEP 1 aaln/1@[127.0.0.1] MGCP 1.0\n.\nAUEP 2 nonsense\n.\nAUEP 3 aaln/9@[127.0.0.1] MGCP 1.0\n"

        let codes gateway =
            let struct (_, sent, _) = exchange epoch datagram gateway

            sent
            |> List.map (fun datagram ->
                Mgcp.decode datagram
                |> Array.map (fun message ->
                    match message with
                    | Ok(MgcpMessage.Response response) -> response.Transaction, response.Code
                    | other -> failwith $"%A{other}")
                |> Array.toList)

        (codes (honest (tableOf 1UL 0 0.0))) |> equal ([ [ 1, 200 ]; [ 2, 510 ]; [ 3, 500 ] ])
        let together = withVices { none with Piggybacks = true } (tableOf 1UL 0 0.0)
        (codes together) |> equal ([ [ 1, 200; 2, 510; 3, 500 ] ]))

let private announced (struct (to', datagram): struct (string * byte[])) =
    match Mgcp.decode datagram with
    | [| Ok(MgcpMessage.Command command) |] ->
        to',
        command.Verb,
        string command.Endpoint,
        (MgcpParameter.tryFind "RM" command.Parameters).Value,
        command.Transaction
    | other -> failwith $"%A{other}"

let ``tells its call agent that it is there, less and less often until it is answered`` =
    example (fun () ->
        let options = { MgcpOptions.standard with CallAgent = ValueSome peer; FirstTransaction = 17 }
        let gateway = gatewayOf options (tableOf 1UL 3 0.0)
        let struct (gateway, sent) = pass epoch gateway
        (List.map announced sent) |> equal ([ peer, "RSIP", "*@[127.0.0.1]", "disconnected", 17 ])
        (gateway.NextTick = epoch + seconds 0.5) |> Check.isTrue
        let struct (gateway, sent) = pass gateway.NextTick gateway
        (sent.Length) |> equal (1)
        (gateway.NextTick = epoch + seconds 1.5) |> Check.isTrue
        let struct (gateway, _, _) = exchange gateway.Table.Now (octets "200 17 OK\n") gateway
        (gateway.NextTick = Instant.distantFuture) |> Check.isTrue
        let struct (gateway, _, truth) = MultiGateway.reboot (seconds 5.0) (epoch + seconds 10.0) gateway
        (truth.Length) |> equal (3)
        let struct (gateway, sent) = pass (epoch + seconds 14.0) gateway
        sent |> Check.isEmpty
        let struct (gateway, sent) = pass (epoch + seconds 15.0) gateway
        (List.map announced sent) |> equal ([ peer, "RSIP", "*@[127.0.0.1]", "restart", 18 ])
        // Sent elsewhere if the call agent says so, in another transaction.
        let struct (gateway, sent, _) =
            exchange gateway.Table.Now (octets "521 18 Moved\nN: ca@[127.0.0.2]:2999\n") gateway

        sent |> Check.isEmpty
        let struct (_, sent) = pass gateway.NextTick gateway
        (List.map announced sent) |> equal ([ "127.0.0.2:2999", "RSIP", "*@[127.0.0.1]", "restart", 19 ]))

let private listing = "AUEP 77 *@[127.0.0.1] MGCP 1.0\n"

/// The datagrams that answer the listing.
let private answers vices =
    let struct (_, sent, _) = exchange epoch (octets listing) (withVices vices (tableOf 1UL 5 0.0))
    sent

let ``has the vices of its words`` =
    example (fun () ->
        let usual = answers none |> List.exactlyOne
        let code vices = (answers vices |> List.exactlyOne |> read).Code
        (code { none with TooLargeAt = ValueSome 100 }) |> equal (533)
        (code { none with TooComplicated = true }) |> equal (503)
        (code { none with Refuses = ValueSome 401 }) |> equal (401)
        answers { none with AnswersOnly = ValueSome 0 } |> Check.isEmpty
        answers { none with SwallowsEvery = ValueSome 1 } |> Check.isEmpty
        (answers { none with AnswersTwice = true }) |> equal ([ usual; usual ])
        (answers { none with TruncatesAt = ValueSome 40 }) |> equal ([ Array.truncate 40 usual ])
        ((answers { none with Garbage = true }).Length) |> equal (2)
        text (answers { none with Foreign = true }).Head |> Check.startsWith "SIP/2.0"
        (read (answers { none with WrongTransactions = true }).Head).Transaction |> Check.notEqual 77
        text (answers { none with WrongDomain = true }).Head |> Check.says "@elsewhere.example.net"
        text (answers { none with LineFeeds = true }).Head |> Check.saysNot "\r"
        let bare = answers { none with ListsNothing = true } |> List.exactlyOne |> read
        ((bare.Code, bare.Parameters.Length)) |> equal ((200, 0)))

let ``means the same in whatever hand it writes`` =
    law (fun (lower: bool) (feeds: bool) (space: bool) (seed: uint64) ->
        let gateway = honest (tableOf seed 4 0.0)
        let struct (_, endpoint, id) = first gateway
        let vices = { none with LowerCase = lower; LineFeeds = feeds; ExtraSpace = space }

        [ listing; $"AUCX 78 {endpoint}@[127.0.0.1] MGCP 1.0\nI: {id}\nF: C,L,M,P,LC,RC\n" ]
        |> List.forall (fun words ->
            let plain, odd = reply words gateway, reply words (withVices vices gateway.Table)

            plain.Code = odd.Code
            && plain.Transaction = odd.Transaction
            && plain.Parameters = odd.Parameters
            && (plain.Sessions |> Array.map Sdp.decode) = (odd.Sessions |> Array.map Sdp.decode)))

let ``is silent to AUCX where it lists nothing, and says 504 where it lacks it`` =
    example (fun () ->
        let gateway = withVices { none with ListsNothing = true } (tableOf 1UL 3 0.0)
        let struct (connection, endpoint, id) = first gateway
        let words = $"AUCX 1 {endpoint}@[127.0.0.1] MGCP 1.0\nI: {id}\nF: C\n"
        let struct (_, sent, _) = exchange epoch (octets words) gateway
        sent |> Check.isEmpty
        let call = Convert.ToHexStringLower connection.Guid
        let verified = reply $"MDCX 2 {endpoint}@[127.0.0.1] MGCP 1.0\nC: {call}\nI: {id}\n" gateway
        (verified.Code) |> equal (200)
        let without = withVices { none with NoAuditConnection = true } gateway.Table
        ((reply words without).Code) |> equal (504))

let ``lies in bulk audits where it is told to`` =
    example (fun () ->
        let table = tableOf 1UL 30 0.0

        let busy vices =
            counts "*" 100 ValueNone 9 (withVices vices table)
            |> Seq.concat
            |> Seq.sumBy (fun (struct (_, count)) -> count)

        (busy none) |> equal (30)
        busy { none with HidesEvery = ValueSome 2 } |> Check.below 30
        busy { none with InventsEvery = ValueSome 2 } |> Check.above 30

        ((counts "*" 10 ValueNone 50 (withVices { none with LoopingBulk = true } table)).Length)
        |> equal (51)

        let gateway = withVices { none with NoBulkAudit = true } table
        let response = reply "AUEP 1 *@[127.0.0.1] MGCP 1.0\nBA/F: BA/C\n" gateway
        (response.Parameters[0].Code) |> equal ("Z")
        let packages = reply "AUEP 2 aaln/1@[127.0.0.1] MGCP 1.0\nF: PL\n" gateway
        ((lines "PL" packages)[0]) |> equal ("L:1, G:1"))

let ``is as many endpoints, out of service or disconnected, as it is told to be`` =
    example (fun () ->
        let table = tableOf 1UL 3 0.0
        let sized = withVices { none with Endpoints = ValueSome 1600; TooLargeAt = ValueSome 4000 } table
        ((reply listing sized).Code) |> equal (533)
        ((counts "*" 1000 ValueNone 90 sized |> List.sumBy _.Length)) |> equal (1600)
        let broken = withVices { none with OutOfServiceEvery = ValueSome 1 } table
        ((reply "AUEP 1 aaln/1@[127.0.0.1] MGCP 1.0\n" broken).Code) |> equal (501)
        let alone = withVices { none with Disconnected = true } table
        let response = reply "AUEP 1 aaln/1@[127.0.0.1] MGCP 1.0\nF: RM,RD\n" alone
        (lines "RM" response) |> equal ([| "disconnected" |])
        let full = withVices { none with SaturatedCounters = true } table
        let struct (_, endpoint, id) = first full
        let response = reply $"AUCX 7 {endpoint}@[127.0.0.1] MGCP 1.0\nI: {id}\nF: P\n" full
        (lines "P" response)[0] |> Check.says "PS=999999999, OS=999999999")

let private every = [ for word in Words.known MgcpVices.words -> word.Replace("=N", "=403") ]

let ``has a word for every vice, and none that changes nothing`` =
    example (fun () ->
        for word in every do
            match Words.addAll MgcpVices.words [ word ] none with
            | Ok vices -> (vices <> none) |> Check.because word Check.isTrue
            | Error mistakes -> failtest (String.concat "; " mistakes))

let ``never throws, whatever comes`` =
    law (fun (noise: byte[]) (NonNegativeInt word) (NonNegativeInt at) (replacement: byte) (cut: bool) ->
        let vices =
            match Words.addAll MgcpVices.words [ every[word % every.Length] ] none with
            | Ok vices -> vices
            | Error mistakes -> failwith (String.concat "; " mistakes)

        let gateway = withVices vices (tableOf 1UL 3 0.0)
        let struct (connection, endpoint, id) = first gateway
        let call = Convert.ToHexStringLower connection.Guid

        let requests =
            [ listing
              $"AUCX 78 {endpoint}@[127.0.0.1] MGCP 1.0\nI: {id}\nF: C,L,M,P,LC,RC\n"
              "AUEP 902 *@[127.0.0.1] MGCP 1.0\nBA/F: BA/C,BA/M\nBA/SE: aaln/1\nBA/NU: 5\n"
              $"DLCX 50 {endpoint}@[127.0.0.1] MGCP 1.0\nC: {call}\nI: {id}\n" ]

        noise
        :: [ for request in requests do
                 let request = octets request
                 let at = at % request.Length
                 if cut then Array.truncate at request else Array.updateAt at replacement request ]
        |> List.forall (fun datagram ->
            let struct (gateway, sent, _) = exchange epoch datagram gateway
            let struct (_, later) = pass (epoch + seconds 60.0) gateway
            sent.Length + later.Length <= 4))

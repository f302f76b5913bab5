/// The simulated rtpengine, asked by a client that believes everything.
module CallServer.Tests.Gateway.NgResponderTests

open System
open System.Text
open CallServer.Model
open CallServer.Wire
open CallServer.Gateway
open CallServer.Tests.Wire
open CallServer.Tests

let private epoch = Instant.ofMicros 1_790_000_000_000_000L

let private table calls = Table.create 4UL { TableOptions.standard with Connections = calls } epoch

let private honest = NgOptions.standard

let private withVices vices = { honest with Vices = vices }

/// The datagrams that one event causes.
let private replies (commands: ResponderCommand list) : byte[] list =
    commands
    |> List.choose (fun command ->
        match command with
        | SendTo("peer", _, octets) -> Some octets
        | _ -> None)

let private ask
    now
    table
    (cookie: string)
    (request: NgRequest)
    (responder: Responder)
    : struct (Responder * byte[] list) =
    let struct (responder, commands) =
        responder.Advance now table (Datagram("peer", Ng.encodeRequest cookie request))

    struct (responder, replies commands)

let private body (octets: byte[]) : BencodeView =
    match Ng.decode octets with
    | Ok message -> message.Body
    | Error error -> failwith (string error)

let private answer now table request responder : BencodeView =
    match ask now table "cookie" request responder with
    | struct (_, [ octets ]) -> body octets
    | struct (_, other) -> failwith $"{other.Length} replies"

let private ids (body: BencodeView) : string list =
    NgReplies.foldCallIds (fun ids (id: Slice) -> Encoding.ASCII.GetString id.Span :: ids) [] body
    |> ValueOption.defaultValue []
    |> List.rev

let private query (connection: SimConnection) = NgRequest.Query(Encoding.ASCII.GetBytes connection.CallId)

let private call now table connection responder : NgCall =
    match NgReplies.readCall (answer now table (query connection) responder) with
    | Ok call -> call
    | Error error -> failwith (string error)

let ``a list tells 32 calls unless asked for more, in no order of time`` =
    example (fun () ->
        let table = table 50
        let responder = NgResponder.create honest table
        let plain = Encoding.ASCII.GetBytes "c d7:command4:liste"
        let struct (_, commands) = responder.Advance epoch table (Datagram("peer", plain))
        Check.equal 32 (ids (body (replies commands).Head)).Length
        let all = ids (answer epoch table (NgRequest.List 1000) responder)
        let truth = table.Connections |> Array.map _.CallId |> List.ofArray
        Check.equal (Set.ofList truth) (Set.ofList all)
        all |> Check.notEqual truth)

let ``statistics count calls, ends and seconds`` =
    example (fun () ->
        let before = table 50
        let responder = NgResponder.create { honest with UpTime = TimeSpan.FromSeconds 100.0 } before
        let now = epoch + TimeSpan.FromSeconds 7.0
        let struct (after, events) = Table.closeOne before.Connections[3].Serial now before
        let struct (responder, _) = responder.Advance now after (Happened events)

        NgReplies.readStatistics (answer now after NgRequest.Statistics responder)
        |> Check.equal
            { Sessions = ValueSome 49L
              Foreign = ValueSome 0L
              Managed = ValueSome 1L
              UpTime = ValueSome 107L }

        let struct (responder, _) = responder.Advance now after Restarted

        NgReplies.readStatistics (answer now after NgRequest.Statistics responder)
        |> Check.equal
            { Sessions = ValueSome 49L
              Foreign = ValueSome 0L
              Managed = ValueSome 0L
              UpTime = ValueSome 0L })

let ``a cookie that is known gets the old answer, whatever is asked and whoever asks, for half a minute`` =
    example (fun () ->
        let table = table 5
        let responder = NgResponder.create honest table
        let struct (responder, first) = ask epoch table "same" NgRequest.Ping responder
        let later = epoch + TimeSpan.FromSeconds 29.0
        let struct (_, again) = ask later table "same" (NgRequest.List 9) responder
        Check.equal first again
        let much = epoch + TimeSpan.FromSeconds 95.0
        let struct (_, fresh) = ask much table "same" (NgRequest.List 9) responder
        fresh |> Check.notEqual first)

let ``a reply too large for a datagram is dropped without a word, but not over HTTP or a stream`` =
    example (fun () ->
        let table = table 2500
        let responder = NgResponder.create honest table
        let struct (_, none) = ask epoch table "c" (NgRequest.List 2500) responder
        Check.equal [] none
        let message = Ng.encodeRequest "c" (NgRequest.List 2500)
        let struct (_, http) = responder.Advance epoch table (Datagram("http:127.0.0.1:8", message))
        let struct (_, stream) = responder.Advance epoch table (Octets(1, message))

        match http, stream with
        | [ SendTo(_, _, one) ], [ WriteTo(1, _, two) ] ->
            one.Length |> Check.above 65507
            Check.equal one two
        | other -> failtest $"%A{other}")

let ``a stream's messages may come in pieces, and nonsense hangs it up`` =
    example (fun () ->
        let table = table 5
        let responder = NgResponder.create honest table
        let message = Ng.encodeRequest "c" NgRequest.Ping
        let struct (responder, none) = responder.Advance epoch table (Octets(4, message[..5]))
        Check.equal 0 none.Length
        let rest = Array.append message[6..] (Ng.encodeRequest "d" NgRequest.Ping)
        let struct (responder, both) = responder.Advance epoch table (Octets(4, rest))
        Check.equal 2 both.Length

        match responder.Advance epoch table (Octets(4, Encoding.ASCII.GetBytes "c {}")) with
        | struct (_, [ HangUp 4 ]) -> ()
        | struct (_, other) -> failtest $"%A{other}")

let ``codec and packets come with the media, a while after the call`` =
    example (fun () ->
        let before = table 0

        let struct (table, connection, _) =
            Table.openOne TimeSpan.Zero (epoch + TimeSpan.FromSeconds 1.0) before

        let responder = NgResponder.create honest table
        let media at = (call at table connection responder).Tags[0].Media.Value
        let atFirst = media (epoch + TimeSpan.FromSeconds 1.1)
        Check.equal ValueNone atFirst.Codec
        Check.equal 0L atFirst.Stream.Value.Packets
        let later = media (epoch + TimeSpan.FromSeconds 9.0)
        later.Codec.Value |> Check.startsWith (SimCodec.name connection.Codec)
        later.Stream.Value.Packets |> Check.above 200L

        Check.equal
            (ValueSome((epoch + TimeSpan.FromSeconds 9.0).Micros / 1_000_000L))
            later.Stream.Value.LastPacket)

let ``created is stamped by a clock that is a little stale, and off as ordered`` =
    example (fun () ->
        let table = table 40

        for ahead in [ 0.0; 5000.0; -70.0 ] do
            let ahead = TimeSpan.FromMilliseconds ahead
            let responder = NgResponder.create (withVices { NgVices.none with ClockAhead = ahead }) table

            for connection in table.Connections do
                let created = (call epoch table connection responder).Created
                let late = (connection.Start + ahead).Micros - created
                late |> Check.between 0L 40_000L)

let ``a delete tells the last of the call and ends it; one that matches nothing only warns`` =
    example (fun () ->
        let table = table 5
        let responder = NgResponder.create honest table
        let connection = table.Connections[1]
        let id = Encoding.ASCII.GetBytes connection.CallId

        let delete (tag: string) =
            let request = NgRequest.Delete(id, Encoding.ASCII.GetBytes tag)

            let struct (_, commands) =
                responder.Advance epoch table (Datagram("peer", Ng.encodeRequest "c" request))

            let ended =
                commands
                |> List.exists (fun command ->
                    match command with
                    | EndConnection serial -> serial = connection.Serial
                    | _ -> false)

            ended, body (replies commands).Head

        let ended, reply = delete (NgCalls.answeringTag connection)
        ended |> Check.isTrue
        Check.equal 2 (NgReplies.readCall reply |> Result.map _.Tags.Length |> Result.defaultValue 0)
        let ended, reply = delete "no such tag"
        not ended |> Check.isTrue

        match Ng.result reply with
        | NgResult.Done(ValueSome _) -> ()
        | other -> failtest $"%A{other}")

let ``errors have rtpengine's words`` =
    example (fun () ->
        let table = table 1
        let responder = NgResponder.create honest table
        let result request = Ng.result (answer epoch table request responder)
        Check.equal (NgResult.Refused "Unknown call-id") (result (NgRequest.Query [| 'x'B |]))
        Check.equal (NgResult.Done ValueNone) (result NgRequest.Ping)

        let raw (text: string) =
            let struct (_, commands) =
                responder.Advance epoch table (Datagram("peer", Encoding.ASCII.GetBytes text))

            replies commands |> List.map (body >> Ng.result)

        Check.equal [ NgResult.Refused "Unrecognized command" ] (raw "c1 d7:command5:bloope")
        Check.equal [ NgResult.Refused "Dictionary contains no key \"command\"" ] (raw "c2 de")
        Check.equal [] (raw "nothing")

        match raw "c3 d1:" with
        | [ NgResult.Refused _ ] -> ()
        | other -> failtest $"%A{other}")

let ``asked in JSON it answers in JSON`` =
    example (fun () ->
        let table = table 3
        let responder = NgResponder.create honest table
        let request = Encoding.ASCII.GetBytes """c {"command":"list","limit":2}"""
        let struct (_, commands) = responder.Advance epoch table (Datagram("peer", request))
        let reply = (replies commands).Head
        Encoding.ASCII.GetString reply |> Check.startsWith "c {"
        Check.equal 2 (ids (body reply)).Length)

let ``no octets make it throw`` =
    lawBy ngLaws (fun (AnyDictionary value) (seed: uint64) ->
        let table = table 3
        let mutable responder = NgResponder.create honest table
        let request = Ng.encodeRequest "c" (query table.Connections[0])

        for attempt in 0UL .. 4UL do
            let octets = Mutation.some (Ng.encode "d" AsBencode value) request (seed + attempt)
            let struct (next, _) = responder.Advance epoch table (Datagram("peer", octets))
            let struct (next, _) = next.Advance epoch table (Octets(1, octets))
            responder <- next)

module CallServer.Tests.Wire.NgTests

open System
open System.Text
open CallServer.Model
open CallServer.Wire
open CallServer.Tests

let private ascii (text: string) = Encoding.ASCII.GetBytes text

let private decoded (octets: byte[]) : NgMessage =
    match Ng.decode octets with
    | Ok message -> message
    | Error error -> failwith (string error)

let private body (text: string) : BencodeView = (decoded (ascii ("c " + text))).Body

let private requests =
    [ NgRequest.Ping
      NgRequest.Statistics
      NgRequest.List 4500
      NgRequest.Query(ascii "one@example.net")
      NgRequest.Query [| 0uy; 255uy; 10uy |]
      NgRequest.Delete(ascii "one", ascii "tag") ]

let ``requests are read as they were meant`` =
    example (fun () ->
        for request in requests do
            let message = decoded (Ng.encodeRequest "cafe01" request)
            Check.equal "cafe01" message.Cookie
            Ng.readRequest message.Body |> Check.equal (Ok request))

let ``a request is what rtpengine documents`` =
    example (fun () ->
        Ng.encodeRequest "0a1b" (NgRequest.List 7)
        |> Encoding.ASCII.GetString
        |> Check.equal "0a1b d7:command4:list5:limiti7ee"

        Ng.encodeRequest "0a1b" (NgRequest.Delete(ascii "id", ascii "t"))
        |> Encoding.ASCII.GetString
        |> Check.equal "0a1b d7:command6:delete7:call-id2:id8:from-tag1:t12:delete-delayi0ee")

let ``a message without cookie or dictionary is named`` =
    example (fun () ->
        let problem (text: string) =
            match Ng.decode (ascii text) with
            | Ok _ -> failwith "read"
            | Error error -> error.Problem, error.Offset

        problem "" |> Check.equal (NgProblem.NoCookie, 0)
        problem " de" |> Check.equal (NgProblem.NoCookie, 0)
        problem "cookie" |> Check.equal (NgProblem.NoCookie, 0)
        problem (String('x', 300) + " de") |> Check.equal (NgProblem.NoCookie, 0)
        problem "c le" |> Check.equal (NgProblem.NotDictionary, 2)
        problem "c " |> Check.equal (NgProblem.NotDictionary, 2)
        problem "c d1:a" |> Check.equal (NgProblem.Unreadable BencodeProblem.Unfinished, 6)
        problem "c {\"a\":" |> fst |> Check.equal (NgProblem.Unreadable BencodeProblem.NotJson))

let ``results are told apart`` =
    example (fun () ->
        Ng.result (body "d6:result2:oke") |> Check.equal (NgResult.Done ValueNone)
        Ng.result (body "d6:result4:ponge") |> Check.equal (NgResult.Done ValueNone)
        Ng.result (body "d7:warning3:no!6:result2:oke") |> Check.equal (NgResult.Done(ValueSome "no!"))
        Ng.result (body "d6:result5:error12:error-reason3:whye") |> Check.equal (NgResult.Refused "why")
        Ng.result (body "d6:result10:load limite") |> Check.equal (NgResult.Refused "load limit")
        Ng.result (body "de") |> Check.equal (NgResult.Refused "a reply without a result"))

let ``statistics are read from either notation, up-time as text`` =
    example (fun () ->
        let told: NgStatistics =
            { Sessions = ValueSome 12L
              Foreign = ValueSome 2L
              Managed = ValueSome 3L
              UpTime = ValueSome 86400L }

        body
            "d10:statisticsd17:currentstatisticsd15:sessionsforeigni2e13:sessionstotali12ee15:totalstatisticsd6:uptime5:8640015:managedsessionsi3eee6:result2:oke"
        |> NgReplies.readStatistics
        |> Check.equal told

        body
            """{"statistics":{"totalstatistics":{"managedsessions":3,"uptime":"86400"},"currentstatistics":{"sessionsforeign":2,"sessionstotal":12}}}"""
        |> NgReplies.readStatistics
        |> Check.equal told

        body "d6:result2:oke"
        |> NgReplies.readStatistics
        |> Check.equal { Sessions = ValueNone; Foreign = ValueNone; Managed = ValueNone; UpTime = ValueNone })

let private call =
    """{"created":1769767200,"created_us":250001,"last signal":1769767201,"SSRC":{},"tags":{
    "z":{"tag":"z","label":"trunkA","created":1769767200,"medias":[
      {"index":1,"type":"video","streams":[]},
      {"index":2,"type":"audio","codec":"PCMU/8000","flags":["initialized","send","recv"],"streams":[
       {"local port":10084,"local address":"192.0.2.1","family":"IPv4","endpoint":{"family":"IPv4","address":"198.51.100.7","port":20200},
        "last packet":1769767209,"flags":["RTP"],"stats":{"packets":99,"bytes":17028,"errors":0},"stats_out":{"packets":98,"bytes":16856}},
       {"local port":10085,"local address":"192.0.2.1"}]}]},
    "<untagged 1>":{"tag":"","created":1769767200,"medias":[{"type":"audio","flags":[],"streams":[
       {"local port":10118,"local address":"192.0.2.1","endpoint":{},"last packet":1769767200,"stats":{"packets":0}}]}]}},
    "totals":{},"result":"ok"}"""

let ``a list is read in its order, and one without calls is told apart`` =
    example (fun () ->
        let ids text =
            body text
            |> NgReplies.foldCallIds (fun ids (id: Slice) -> Encoding.ASCII.GetString id.Span :: ids) []
            |> ValueOption.map List.rev

        ids "d5:callsl2:zz1:ae6:result2:oke" |> Check.equal (ValueSome [ "zz"; "a" ])
        ids "d5:callsle6:result2:oke" |> Check.equal (ValueSome [])
        ids "d6:result2:oke" |> Check.equal ValueNone)

let ``a call is read with its parties in their order`` =
    example (fun () ->
        match NgReplies.readCall (body call) with
        | Error error -> failtest (string error)
        | Ok call ->
            Check.equal 1769767200250001L call.Created
            Check.equal 1L call.Resolution
            Check.equal (ValueSome 1769767201L) call.LastSignal
            let first, second = call.Tags[0], call.Tags[1]
            Check.equal "z" (Encoding.UTF8.GetString first.Tag.Span)
            Check.equal "trunkA" (Encoding.UTF8.GetString first.Label.Value.Span)
            let media = first.Media.Value
            Check.equal (ValueSome "PCMU/8000") media.Codec
            (media.Sends && media.Receives) |> Check.isTrue
            let stream = media.Stream.Value
            Check.equal (ValueSome { Host = "192.0.2.1"; Port = 10084 }) stream.Local
            Check.equal (ValueSome { Host = "198.51.100.7"; Port = 20200 }) stream.Remote
            Check.equal (99L, 17028L) (stream.Packets, stream.Octets)
            Check.equal (ValueSome 98L, ValueSome 16856L) (stream.PacketsOut, stream.OctetsOut)
            Check.equal (ValueSome 1769767209L) stream.LastPacket
            Check.equal 0 second.Tag.Length
            Check.equal "<untagged 1>" (Encoding.UTF8.GetString second.Key.Span)
            Check.equal ValueNone second.Media.Value.Stream.Value.Remote)

let ``times are taken as finely as they are told`` =
    example (fun () ->
        let created text =
            match NgReplies.readCall (body text) with
            | Ok call -> Ok(call.Created, call.Resolution)
            | Error error -> Error error.Problem

        created "d7:createdi5e10:created_usi7e4:tagsdee" |> Check.equal (Ok(5000007L, 1L))
        created "d10:created_tsi5000009e7:createdi5e4:tagsdee" |> Check.equal (Ok(5000009L, 1L))
        created "d7:createdi5e4:tagsdee" |> Check.equal (Ok(5000000L, 1_000_000L))
        created "d7:createdi-5e4:tagsdee" |> Check.equal (Error(NgProblem.Lacks "created"))
        created "d7:createdi9223372036854775807e4:tagsdee" |> Check.equal (Error(NgProblem.Lacks "created"))
        created "d7:createdi5ee" |> Check.equal (Error(NgProblem.Lacks "tags")))

/// Octets cut at these places, modulo what is left.
let private pieces (cuts: byte list) (octets: byte[]) : byte[] list =
    let rec cut (rest: byte[]) cuts =
        match cuts with
        | _ when rest.Length = 0 -> []
        | [] -> [ rest ]
        | (size: byte) :: more ->
            let size = min rest.Length (int size % 11 + 1)
            rest[.. size - 1] :: cut rest[size..] more

    cut octets cuts

let private feedAll (pieces: byte[] list) : byte[] list =
    let feed (struct (framing, messages)) piece =
        match NgFraming.feed piece framing with
        | Ok(struct (framing, more)) -> struct (framing, messages @ more)
        | Error error -> failwith (string error)

    let struct (_, messages) = List.fold feed (struct (NgFraming.empty, [])) pieces
    messages

let ``messages of a stream come out whole, however it is cut`` =
    lawBy ngLaws (fun (values: AnyDictionary list) (cuts: byte list) ->
        let messages =
            values
            |> List.mapi (fun place (AnyDictionary value) -> Ng.encode $"cookie{place}" AsBencode value)

        feedAll (pieces cuts (Array.concat messages)) |> Check.equal messages

        feedAll (messages |> Array.concat |> Array.map Array.singleton |> List.ofArray)
        |> Check.equal messages)

let ``ends of lines between messages do not matter`` =
    example (fun () -> feedAll [ ascii "\r\na de\nb de\r\n" ] |> Check.equal [ ascii "a de"; ascii "b de" ])

let ``a stream may be read on from any state more than once`` =
    example (fun () ->
        let struct (framing, _) =
            NgFraming.feed (ascii "a d1:") NgFraming.empty |> Result.toOption |> Option.get

        let rest (text: string) =
            match NgFraming.feed (ascii text) framing with
            | Ok(struct (_, messages)) -> messages |> List.map Encoding.ASCII.GetString
            | Error error -> failwith (string error)

        rest "xi1ee" |> Check.equal [ "a d1:xi1ee" ]
        rest "yi2ee" |> Check.equal [ "a d1:yi2ee" ]
        rest "xi1ee" |> Check.equal [ "a d1:xi1ee" ])

let ``a long string in pieces takes room in proportion`` =
    example (fun () ->
        let size = 1_000_000
        let message = ascii ("a d1:x" + string size + ":" + String('l', size) + "e")
        let pieces = message |> Array.chunkBySize 65_536 |> List.ofArray
        let before = GC.GetAllocatedBytesForCurrentThread()
        let messages = feedAll pieces
        let allocated = GC.GetAllocatedBytesForCurrentThread() - before
        messages.Length |> Check.equal 1
        // Once to gather the message, and once for the message itself.
        allocated |> Check.below (int64 size * 5L / 2L))

let ``no announced length makes much room by itself`` =
    example (fun () ->
        let before = GC.GetAllocatedBytesForCurrentThread()
        feedAll [ ascii "a d1:x16000000:"; ascii "y" ] |> Check.equal []
        GC.GetAllocatedBytesForCurrentThread() - before |> Check.below 65_536L)

let ``a stream that cannot be read says why`` =
    example (fun () ->
        let problem (text: string) =
            match NgFraming.feed (ascii text) NgFraming.empty with
            | Ok _ -> failwith "read"
            | Error error -> error.Problem

        problem "a {\"x\":1}" |> Check.equal NgProblem.NotDictionary
        problem "\u0001 de" |> Check.equal NgProblem.NoCookie
        problem "a d1:ae" |> Check.equal (NgProblem.Unreadable BencodeProblem.ValueDue))

let private bound (size: int) : int64 = 65536L + 4L * int64 size

let private check (what: string) (read: byte[] -> unit) (octets: byte[]) : unit =
    let before = GC.GetAllocatedBytesForCurrentThread()
    read octets
    let allocated = GC.GetAllocatedBytesForCurrentThread() - before

    if allocated > bound octets.Length then
        failtest
            $"{what}: {octets.Length} octets took {allocated}: {Convert.ToHexString(Array.truncate 200 octets)}"

let private readers: (string * (byte[] -> unit)) list =
    let over (read: BencodeView -> unit) octets =
        match Ng.decode octets with
        | Ok message -> read message.Body
        | Error _ -> ()

    [ "result", over (fun body -> Ng.result body |> ignore)
      "statistics", over (fun body -> NgReplies.readStatistics body |> ignore)
      "list", over (fun body -> NgReplies.foldCallIds (fun count _ -> count + 1) 0 body |> ignore)
      "query", over (fun body -> NgReplies.readCall body |> ignore)
      "request", over (fun body -> Ng.readRequest body |> ignore)
      "stream", (fun octets -> NgFraming.feed octets NgFraming.empty |> ignore) ]

/// The call above in bencode.
let callOctets: byte[] = Ng.encode "0123456789abcdef" AsBencode (BencodeGenerators.tree (body call))

/// Caches are filled before anything is measured.
let private madeOnce =
    lazy
        (for octets in [ callOctets; ascii ("c " + call); ascii "c d" ] do
            for _, read in readers do
                read octets)

let private checkAll (octets: byte[]) =
    madeOnce.Force()

    for what, read in readers do
        check what read octets

let ``damage throws nothing and takes no memory`` =
    lawBy ngLaws (fun (AnyDictionary other) (seed: uint64) ->
        let other = Ng.encode "c" AsBencode other

        for attempt in 0UL .. 9UL do
            checkAll (Mutation.some other callOctets (seed + attempt))
            checkAll (Mutation.some callOctets (ascii ("c " + call)) (seed + attempt)))

let ``calls with parties as dense as can be stay within the bound at every size`` =
    examples
        [ "0:de"
          "1:ade"
          "1:ad6:mediasld7:streamsld8:endpointd7:address9:127.0.0.14:porti1eeeeeee"
          "1:ad6:mediasld5:codec4:PCMU7:streamsld5:statsd7:packetsi1eeeeeee" ]
        (fun (party: string) ->
            for count in [ 1; 10; 100; 300; 500; 1000; 5000 ] do
                let text = "c d7:createdi5e4:tagsd" + String.replicate count party + "e6:result2:oke"
                checkAll (ascii text))

let ``lists as dense as can be stay within the bound at every size`` =
    examples [ "0:"; "1:a"; "le"; "i0e" ] (fun (item: string) ->
        for count in [ 1; 10; 1000; 20000; 100000 ] do
            checkAll (ascii ("c d5:callsl" + String.replicate count item + "ee")))

let ``more parties than a reply has room for are refused by name`` =
    example (fun () ->
        match NgReplies.readCall (body ("d7:createdi5e4:tagsd" + String.replicate 5000 "1:ade" + "ee")) with
        | Error { Problem = NgProblem.TooManyTags } -> ()
        | other -> failtest $"%A{Result.isOk other}")

let ``more media than a party has in use are left out`` =
    example (fun () ->
        let media = "d7:streamsld8:endpointd7:address9:127.0.0.14:porti4000eeee4:type5:audioe"
        let party = "1:ad6:mediasl" + String.replicate 20 media + "ee"

        match NgReplies.readCall (body ("d7:createdi5e4:tagsd" + party + "ee")) with
        | Ok call ->
            call.Tags[0].Media.IsSome |> Check.isTrue
            call.Tags[0].Others.Length |> Check.equal 8
        | Error error -> failtest (string error))

let ``a dictionary without end ends the stream`` =
    example (fun () ->
        // No single string of it is too long.
        let item = ascii ("12000000:" + String('x', 12_000_000))

        let rec pour (stream: NgFraming) (times: int) =
            match NgFraming.feed item stream with
            | Ok(struct (next, _)) when times < 9 -> pour next (times + 1)
            | Ok _ -> failtest "it is still read"
            | Error error ->
                error.Problem
                |> Check.equal (
                    NgProblem.Unreadable(BencodeProblem.StringTooLong(int64 NgFraming.MaxMessage))
                )

                times |> Check.equal 2

        match NgFraming.feed (ascii "c d1:al") NgFraming.empty with
        | Ok(struct (stream, _)) -> pour stream 0
        | Error error -> failtest (string error))

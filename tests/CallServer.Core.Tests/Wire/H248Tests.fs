/// H.248 in the text encoding, versions 1 to 3.
module CallServer.Tests.Wire.H248Tests

open System
open System.Text
open FsCheck
open FsCheck.FSharp
open CallServer.Wire
open CallServer.Tests

let private latin (text: string) : byte[] = Encoding.Latin1.GetBytes text

let private read (octets: byte[]) : H248Message =
    match H248.decode octets with
    | Ok message -> message
    | Error error -> failtest $"{error}: {Encoding.Latin1.GetString octets}"

let private transactions (octets: byte[]) : H248Transaction list =
    match (read octets).Body with
    | H248Body.Transactions transactions -> List.ofArray transactions
    | H248Body.Fault fault -> failtest $"%A{fault}"

let private replyIn (octets: byte[]) : H248Reply =
    match transactions octets with
    | [ H248Transaction.Reply reply ] -> reply
    | _ -> failtest "no reply"

/// Reads all of a reply, as it would be written.
let private contextsOf (actions: H248Part) : H248ContextText list =
    let stream (stream: H248Stream) : H248StreamText =
        { Number = stream.Number
          Mode = string stream.Mode
          Properties =
            (match stream.Dscp with
             | ValueSome dscp -> [ "ds/dscp", string dscp ]
             | ValueNone -> [])
          Local = H248Part.unescaped stream.Local
          Remote = H248Part.unescaped stream.Remote }

    let statistics (told: H248Statistics) =
        [ "nt/dur", told.Duration
          "nt/os", told.OctetsSent
          "nt/or", told.OctetsReceived
          "rtp/ps", told.PacketsSent
          "rtp/pr", told.PacketsReceived
          "rtp/pl", told.PacketLoss
          "rtp/jit", told.Jitter
          "rtp/delay", told.Delay ]
        |> List.choose (fun (name, value) ->
            match value with
            | ValueSome value -> Some(name, string value)
            | ValueNone -> None)

    let termination (found: H248TerminationText list) (told: H248Termination) : H248TerminationText list =
        { Id = string told.Id
          Fault = (if told.Fault = 0 then ValueNone else ValueSome { Code = told.Fault; Text = "" })
          ServiceState = string (H248Media.serviceState told.Media)
          Streams = H248Media.streams told.Media |> Array.map stream |> List.ofArray
          Statistics = statistics told.Statistics }
        :: found

    let context (found: H248ContextText list) (action: H248Action) =
        match H248Actions.foldTerminations termination [] action with
        | ValueSome(struct (terminations, fault)) ->
            { Context = action.Context; Terminations = List.rev terminations; Fault = fault } :: found
        | ValueNone -> failtest "no items"

    match H248Actions.fold context [] actions with
    | ValueSome found -> List.rev found
    | ValueNone -> failtest "no items"

type AnyMessage = AnyMessage of style: H248Style * reply: H248ReplyText

let private word = Gen.elements [ "a"; "rtp/00001"; "ds/ds1-1/24"; "A4444"; "Line-7_x" ]

let private session =
    Gen.elements
        [ ""
          "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nc=IN IP4 192.0.2.1\r\nm=audio 16384 RTP/AVP 8\r\na=fmtp:8 x=\"}\";y={1};\r\n"
          "v=0\r\ns=5\" {a}; {b,c\r\nm=audio 0 RTP/AVP 18\r\n" ]

let private stream: Gen<H248StreamText> =
    gen {
        let! number = Gen.choose (1, 3)
        let! mode = Gen.elements [ ""; "SendReceive"; "SO" ]
        let! dscp = Gen.elements [ []; [ "ds/dscp", "46" ] ]
        let! local = session
        let! remote = session

        return { Number = number; Mode = mode; Properties = dscp; Local = local; Remote = remote }
    }

let private statistics =
    Gen.elements
        [ []
          [ "nt/dur", "123456" ]
          [ "nt/dur", "0.5"; "nt/os", "1"; "nt/or", "2"; "rtp/ps", "3" ]
          [ "rtp/pr", "4"; "rtp/pl", "0.25"; "rtp/jit", "7"; "rtp/delay", "20" ] ]

let private fault = Gen.elements [ ValueNone; ValueSome { Code = 430; Text = "" } ]

let private termination: Gen<H248TerminationText> =
    gen {
        let! id = word
        let! fault = fault
        let! service = Gen.elements [ ""; "InService" ]
        let! count = Gen.choose (0, 2)
        let! streams = Gen.listOfLength count stream
        let! statistics = statistics

        return
            { Id = id
              Fault = fault
              ServiceState = service
              Streams = streams
              Statistics = statistics }
    }

let private contextText: Gen<H248ContextText> =
    gen {
        let! number = Gen.choose64 (1L, 4294967293L)
        let! context = Gen.elements [ H248Context.Numbered(uint32 number); H248Context.All; H248Context.Null ]
        let! count = Gen.choose (0, 3)
        let! terminations = Gen.listOfLength count termination
        let! fault = Gen.elements [ ValueNone; ValueSome { Code = 411; Text = "no such context: {1}" } ]

        return { Context = context; Terminations = terminations; Fault = fault }
    }

let private style: Gen<H248Style> =
    gen {
        let! version = Gen.choose (1, 3)
        let! sender = Gen.elements [ "[192.0.2.1]:2944"; "<gw.example.net>"; "mg1"; "[2001:db8::1]:55555" ]
        let! isLong = Gen.elements [ true; false ]
        let! isPretty = Gen.elements [ true; false ]

        return { Version = version; Sender = sender; IsLong = isLong; IsPretty = isPretty }
    }

type H248Arbitraries =
    static member Replies() : Arbitrary<AnyMessage> =
        gen {
            let! style = style
            let! number = Gen.choose64 (1L, 4294967295L)
            let! segment = Gen.choose (0, 3)
            let! isLast = Gen.elements [ true; false ]
            let! wants = Gen.elements [ true; false ]
            let! count = Gen.choose (0, 4)
            let! contexts = Gen.listOfLength count contextText

            let! failed =
                Gen.frequency
                    [ 9, Gen.constant ValueNone
                      1, Gen.constant (ValueSome { Code = 533; Text = "too long" }) ]

            return
                AnyMessage(
                    style,
                    { Transaction = uint32 number
                      Segment = segment
                      IsLast = segment > 0 && isLast
                      WantsAcknowledgement = wants
                      Fault = failed
                      Contexts = (if failed.IsSome then [] else contexts) }
                )
        }
        |> Arb.fromGen

let internal octetsOf (AnyMessage(style, reply)) : byte[] = H248Writing.reply style reply

let private laws = Laws.plain |> Laws.drawing [ typeof<H248Arbitraries> ] |> Laws.times 1000

let private readReply (octets: byte[]) : H248ReplyText =
    let reply = replyIn octets

    { Transaction = reply.Transaction
      Segment = reply.Segment
      IsLast = reply.IsLast
      WantsAcknowledgement = reply.WantsAcknowledgement
      Fault = reply.Fault
      Contexts = contextsOf reply.Actions }

let ``what is written is read again`` =
    lawBy laws (fun (AnyMessage(style, reply)) ->
        let octets = H248Writing.reply style reply
        let message = read octets
        message.Version |> Check.equal style.Version
        message.Sender |> Check.equal style.Sender
        readReply octets |> Check.equal reply)

/// Octets of a reply, its tokens in lower case, with comments, tabs and ends of lines wherever LWSP may stand; session descriptions untouched.
let private loose (text: string) : byte[] =
    let quiet = StringBuilder()
    let mutable isText = false
    let mutable isQuoted = false

    for at in 0 .. text.Length - 1 do
        let c = text[at]

        if isText then
            isText <- not (c = '}' && text[at - 1] <> '\\')
            quiet.Append c |> ignore
        elif isQuoted then
            isQuoted <- c <> '"'
            quiet.Append c |> ignore
        else
            isQuoted <- c = '"'

            match c with
            | '{' when
                at > 0
                && (text.Substring(0, at).TrimEnd().EndsWith("L", StringComparison.Ordinal)
                    || text.Substring(0, at).TrimEnd().EndsWith("R", StringComparison.Ordinal))
                ->
                isText <- true
                quiet.Append " \t;a {comment, \"1\"\r\n{" |> ignore
            | '{'
            | '}'
            | ','
            | '=' -> quiet.Append(";x}=\r\n \t").Append(c).Append("\n;y\r") |> ignore
            | _ -> quiet.Append c |> ignore

    latin (quiet.ToString())

let ``blanks, ends of lines and comments make no difference`` =
    lawBy laws (fun (AnyMessage(style, reply)) ->
        let compact = { style with IsLong = false; IsPretty = false; Sender = "mg1" }
        let plain = Encoding.Latin1.GetString(H248Writing.reply compact reply)
        readReply (loose plain) |> Check.equal reply)

let private request: Gen<H248Question list> =
    gen {
        let question =
            gen {
                let! context = Gen.elements [ H248Context.All; H248Context.Null; H248Context.Numbered 7u ]
                let! termination = Gen.elements [ "*"; "Root"; "ds/*"; "A1" ]
                let! media = Gen.elements [ true; false ]
                let! statistics = Gen.elements [ true; false ]
                let! isOptional = Gen.elements [ true; false ]

                return
                    { Context = context
                      Termination = termination
                      Media = media
                      Statistics = statistics
                      IsOptional = isOptional }
            }

        let! count = Gen.choose (1, 5)
        return! Gen.listOfLength count question
    }

type private Requests =
    static member Request() = Arb.fromGen request
    static member Style() = Arb.fromGen style

/// The questions of a request's actions.
let questionsOf (actions: H248Part) : H248Question list =
    let take (found: H248Question list) (action: H248Action) =
        let command (found: H248Question list) (command: H248Command) =
            command.IsAuditValue |> Check.isTrue

            { Context = action.Context
              Termination = string command.Termination
              Media = command.WantsMedia
              Statistics = command.WantsStatistics
              IsOptional = command.IsOptional }
            :: found

        H248Actions.foldCommands command found action |> ValueOption.defaultValue []

    H248Actions.fold take [] actions |> ValueOption.defaultValue [] |> List.rev

let ``what is asked is read again`` =
    lawBy
        (Laws.plain |> Laws.drawing [ typeof<Requests> ])
        (fun (style: H248Style) (questions: H248Question list) ->
            match transactions (H248Writing.request style 4294967295u questions) with
            | [ H248Transaction.Request(4294967295u, actions) ] ->
                questionsOf actions |> Check.equal questions
            | _ -> failtest "no request")

let private countCommand: int -> H248Command -> int = fun count _ -> count + 1

let private countTermination: int -> H248Termination -> int =
    fun count told -> count + (H248Media.serviceState told.Media).Length

let private countContext: int -> H248Action -> int =
    fun count action ->
        H248Actions.foldCommands countCommand 0 action |> ignore

        match H248Actions.foldTerminations countTermination count action with
        | ValueSome(struct (count, _)) -> count
        | ValueNone -> count

/// Reads a message with all that it holds but its streams; returns whether it is one.
let readAll (octets: byte[]) : bool =
    match H248.decode octets with
    | Ok { Body = H248Body.Transactions transactions } ->
        for transaction in transactions do
            match transaction with
            | H248Transaction.Request(_, actions) -> H248Actions.fold countContext 0 actions |> ignore
            | H248Transaction.Reply reply -> H248Actions.fold countContext 0 reply.Actions |> ignore
            | H248Transaction.Acknowledgement numbers -> H248Actions.acknowledges 7u numbers |> ignore
            | H248Transaction.Pending _
            | H248Transaction.SegmentArrived _ -> ()

        true
    | Ok { Body = H248Body.Fault _ } -> true
    | Error error ->
        if error.Offset < 0 || error.Offset > octets.Length then
            failwith $"{error.Offset} of {octets.Length}"

        false

/// Reads the Media descriptors of a message.
let readMedia (octets: byte[]) : bool =
    let terminations (count: int) (told: H248Termination) = count + (H248Media.streams told.Media).Length

    let contexts (count: int) (action: H248Action) =
        match H248Actions.foldTerminations terminations count action with
        | ValueSome(struct (count, _)) -> count
        | ValueNone -> count

    match H248.decode octets with
    | Ok { Body = H248Body.Transactions transactions } ->
        transactions
        |> Array.forall (fun transaction ->
            match transaction with
            | H248Transaction.Reply reply -> (H248Actions.fold contexts 0 reply.Actions).IsSome
            | _ -> true)
    | Ok _
    | Error _ -> false

let private bounded (times: int64) (read: byte[] -> bool) (octets: byte[]) =
    let before = GC.GetAllocatedBytesForCurrentThread()
    read octets |> ignore
    let allocated = GC.GetAllocatedBytesForCurrentThread() - before

    if allocated > times * (65536L + 4L * int64 octets.Length) then
        failtest
            $"{octets.Length} octets took {allocated}: {Encoding.Latin1.GetString(octets.AsSpan(0, min 300 octets.Length))}"

let ``damage is an error or another message, within bounds`` =
    lawBy laws (fun (message: AnyMessage) (other: AnyMessage) (seed: uint64) ->
        for attempt in 0UL .. 9UL do
            bounded 1L readAll (Mutation.some (octetsOf other) (octetsOf message) (seed + attempt)))

let ``datagrams as dense as can be stay within the bound`` =
    examples
        [ "!/1 a P=1{", "C=1,"
          "!/1 a P=1{", "C=1{},"
          "!/1 a P=1{", "C=1{AV=a},"
          "!/1 a P=1{", "ER=1{},"
          "!/1 a P=1{C=1{", "AV=a,"
          "!/1 a P=1{C=1{", "ER=1{},"
          "!/1 a P=1{C=1{AV=C{", "a,"
          "!/1 a P=1{C=1{AV=a{SA{", "nt/dur=1,"
          "!/1 a P=1{C=1{AV=a{M{", "ST=1{},"
          "!/1 a P=1{C=1{AV=a{M{", "L{},"
          "!/1 a ", "P=1{}"
          "!/1 a ", "K{1}"
          "!/1 a ", "{"
          "!/1 a P=1", "{"
          "!/1 a ", ";\n" ]
        (fun (head: string, piece: string) ->
            for size in [ 100; 4000; 20000; 65507 ] do
                let body = head + String.replicate ((size - head.Length) / piece.Length) piece

                for octets in [ body; body + "}"; body + "}}"; body + "}}}"; body + "}}}}}" ] do
                    bounded 1L readAll (latin octets))

let ``every beginning of a message is an error`` =
    lawBy laws (fun (message: AnyMessage) ->
        let octets = octetsOf message

        // A pretty message ends with blanks.
        let last = Array.FindLastIndex(octets, fun octet -> octet = 125uy)

        for stop in 0..last do
            match H248.decode octets[.. stop - 1] with
            | Error _ -> ()
            | Ok _ -> failtest (Encoding.Latin1.GetString octets[.. stop - 1]))

/// From RFC 3525, appendix I, with the session descriptions as they are sent.
let private example18 =
    "MEGACO/1 [124.124.124.222]:55555\r\nReply = 10005 {\r\n  Context = 2000 {\r\n    AuditValue = A4444 {\r\n      Media {\r\n        TerminationState { ServiceStates = InService },\r\n        Stream = 1 {\r\n          LocalControl { Mode = SendReceive, nt/jit=40 },\r\n          Local {\r\nv=0\r\nc=IN IP4 124.124.124.222\r\nm=audio 1111 RTP/AVP 4\r\na=ptime:30\r\n          },\r\n          Remote {\r\nv=0\r\nc=IN IP4 125.125.125.111\r\nm=audio 2222 RTP/AVP 4\r\n          } } },\r\n      Statistics { rtp/ps=1234, nt/os=56789, rtp/pr=987, rtp/pl=10, rtp/jit=27, rtp/delay=48, nt/dur=40500 }\r\n    },\r\n    AuditValue = A5555 { Packages { g-1 }, Statistics }\r\n  }\r\n}\r\n"

let ``a reply as the standard shows one is read`` =
    example (fun () ->
        match contextsOf (replyIn (latin example18)).Actions with
        | [ { Context = H248Context.Numbered 2000u
              Terminations = [ first; second ]
              Fault = ValueNone } ] ->
            first.Id |> Check.equal "A4444"
            first.ServiceState |> Check.equal "InService"
            first.Streams.Head.Mode |> Check.equal "SendReceive"
            first.Streams.Head.Local |> Check.startsWith "v=0\r\nc=IN IP4 124.124.124.222\r\n"
            first.Streams.Head.Remote |> Check.says "m=audio 2222 RTP/AVP 4"
            first.Statistics.Length |> Check.equal 7
            List.head first.Statistics |> Check.equal ("nt/dur", "40500")
            second.Id |> Check.equal "A5555"
            second.Statistics |> Check.isEmpty
        | other -> failtest $"%A{other}")

let ``a DSCP is decimal, or hexadecimal where it says so`` =
    examples
        [ "46", 46
          "0x2E", 46
          "0X0a", 10
          "2e", 46
          "0x00", 0
          "63", 63
          "64", -1
          "0x40", -1
          "0x", -1
          "EF", -1
          "46.5", -1 ]
        (fun (text: string, dscp: int) ->
            let told = latin $"!/1 a P=1{{C=1{{AV=a{{M{{O{{ds/dscp={text}}}}}}}}}}}"

            match contextsOf (replyIn told).Actions with
            | [ { Terminations = [ { Streams = [ stream ] } ] } ] ->
                stream.Properties |> Check.equal (if dscp < 0 then [] else [ "ds/dscp", string dscp ])
            | other -> failtest $"%A{other}")

let ``names alone, errors, pending, acknowledgements and segments are told apart`` =
    example (fun () ->
        let terminations (text: string) =
            match contextsOf (replyIn (latin text)).Actions with
            | [ told ] -> told.Terminations |> List.map _.Id, told.Fault |> ValueOption.map _.Code
            | other -> failtest $"%A{other}"

        terminations "!/1 <mg> P=5{C=7{AV=C{a/1,a/2}}}" |> Check.equal ([ "a/1"; "a/2" ], ValueNone)
        terminations "!/1 <mg> P=5{C=7{AV=C{ER=431{}}}}" |> Check.equal ([], ValueNone)

        terminations "!/1 <mg> P=5{C=7{PR=1,EG,TP{a,b,BW},AV=a/1,AV=a/2{},ER=500{\"x\"}}}"
        |> Check.equal ([ "a/1"; "a/2" ], ValueSome 500)

        let several =
            latin "!/3 mg1 PN=4{} SM=5/2/END SM=5/1 K{1,3-5} P=5/2/&{C=7{AV=a}}P=6{IA,ER=403{\"no\"}}"

        match transactions several with
        | [ H248Transaction.Pending 4u
            H248Transaction.SegmentArrived(5u, 2, true)
            H248Transaction.SegmentArrived(5u, 1, false)
            H248Transaction.Acknowledgement numbers
            H248Transaction.Reply segment
            H248Transaction.Reply failed ] ->
            [ for number in 0u .. 6u -> H248Actions.acknowledges number numbers ]
            |> Check.equal [ false; true; false; true; true; true; false ]

            (segment.Transaction, segment.Segment, segment.IsLast) |> Check.equal (5u, 2, true)
            failed.WantsAcknowledgement |> Check.isTrue
            failed.Fault |> Check.equal (ValueSome { Code = 403; Text = "no" })
        | _ -> failtest "other transactions"

        match
            (read (latin "Au = 0x00000001:0x00000002:0x0123 megaco/2 MTP{0a0b} eR = 406 { \"version\" }"))
                .Body
        with
        | H248Body.Fault fault -> fault |> Check.equal { Code = 406; Text = "version" }
        | H248Body.Transactions _ -> failtest "no error")

let ``what is no message is an error with its place`` =
    examples
        [ "", H248Problem.NotMegaco, 0, 0u
          "200 7 OK", H248Problem.NotMegaco, 0, 0u
          "MEGACO/x a T=1{}", H248Problem.NotMegaco, 0, 0u
          "MEGACO/100 a T=1{}", H248Problem.NotMegaco, 0, 0u
          "!/1", H248Problem.NoSender, 3, 0u
          "!/1 a", H248Problem.NoBody, 5, 0u
          "!/1 a P=77{C=1{", H248Problem.Unclosed, 5, 77u
          "!/1 a PN=4{}P=78{ER=400{\"x}}", H248Problem.Unclosed, 12, 78u
          "!/1 a P=0{}", H248Problem.BadTransaction, 5, 0u
          "!/1 a P=4294967296{}", H248Problem.BadTransaction, 5, 0u
          "!/1 a P=5/0{}", H248Problem.BadTransaction, 5, 0u
          "!/1 a X=5{}", H248Problem.BadTransaction, 5, 0u ]
        (fun (text: string, problem: H248Problem, offset: int, transaction: uint32) ->
            match H248.decode (latin text) with
            | Error error ->
                error |> Check.equal { Offset = offset; Problem = problem; Transaction = transaction }
            | Ok _ -> failtest "is read")

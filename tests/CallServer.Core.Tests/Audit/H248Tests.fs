/// Audits over H.248, in virtual time.
module CallServer.Tests.Audit.H248Tests

open System
open System.Collections.Generic
open System.Text
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange
open CallServer.Protocols.H248
open CallServer.Gateway
open CallServer.Tests

let private start = Instant.ofMicros 1_796_000_000_000_000L
let private seconds (count: float) = TimeSpan.FromSeconds count
let private lan = Network.steady (TimeSpan.FromMilliseconds 2.0)
let private rough = Network.rough 0.03 (TimeSpan.FromMilliseconds 250.0)

let private target: H248Gateway =
    { Gateway = GatewayId.create "gw"
      Sender = ValueNone
      Version = 1
      Timeout = seconds 1.0
      Attempts = 4
      FactsEvery = 20 }

[<NoEquality; NoComparison>]
type private Run = { Snapshot: Snapshot; Memory: H248Audit.Memory; Sent: byte[] list; Took: TimeSpan }

let private runOf target network memory known (at: Instant) (peer: Peer) : Run =
    let given: AuditStart =
        { At = Moment.at at
          Rng = Rng.create (uint64 at.Micros)
          Local = "192.0.2.1:40000"
          Known = known
          Afresh = false
          History = ValueNone }

    let loop =
        DatagramLoop(
            at,
            uint64 at.Micros,
            network,
            peer,
            200_000,
            H248Audit.advance,
            H248Audit.start target memory given
        )

    match loop.Run() with
    | [ snapshot ] ->
        { Snapshot = snapshot
          Memory = H248Audit.memory loop.State
          Sent = loop.Sent
          Took = loop.Took }
    | outcomes -> failwith $"{outcomes.Length} outcomes after {loop.Events} events"

let private complete (snapshot: Snapshot) = snapshot.Completeness |> Check.equal (Complete [ EndOfTable ])

let private reasons (snapshot: Snapshot) = Completeness.shortfalls snapshot.Completeness

let private ids (snapshot: Snapshot) =
    snapshot.Observations |> Array.map (fun seen -> string seen.Id) |> List.ofArray

/// A message that was asked, as text.
let private texts (run: Run) = run.Sent |> List.map Encoding.Latin1.GetString
let private asksFor (part: string) (run: Run) = texts run |> List.filter _.Contains(part) |> List.length

// ---- A gateway that says what a test wants

/// A termination of a small gateway, and since when it has been in its context.
type private Small =
    { Context: uint32; Id: string; Since: Instant; Until: Instant; Text: H248TerminationText }

let private small context id (age: float) : Small =
    { Context = context
      Id = id
      Since = start - seconds age
      Until = Instant.distantFuture
      Text = { Id = id; Fault = ValueNone; ServiceState = ""; Streams = []; Statistics = [] } }

let private style: H248Style = { Version = 1; Sender = "<small>"; IsLong = true; IsPretty = false }

let private failed context code : H248ContextText =
    { Context = context; Terminations = []; Fault = ValueSome { Code = code; Text = "" } }

/// What a small gateway with these terminations says to a question.
let private honest (all: Small list) (now: Instant) (question: H248Question) : H248ContextText list =
    let alive = all |> List.filter (fun one -> one.Since <= now && now < one.Until)

    let told (one: Small) =
        let age = int64 (now - one.Since).TotalMilliseconds

        { one.Text with
            Streams = (if question.Media then one.Text.Streams else [])
            Statistics =
                (if question.Statistics then
                     ("nt/dur", string age) :: one.Text.Statistics
                 else
                     []) }

    let contexts (some: Small list) =
        some
        |> List.groupBy _.Context
        |> List.map (fun (number, some) ->
            { Context = H248Context.Numbered number
              Terminations = some |> List.map told
              Fault = ValueNone })

    match question.Context, question.Termination with
    | H248Context.All, _ when alive.IsEmpty -> [ failed H248Context.All 411 ]
    | H248Context.All, "Root" ->
        contexts alive
        |> List.map (fun context -> { context with Terminations = [ (small 0u "Root" 0.0).Text ] })
    | H248Context.All, _ -> contexts alive
    | H248Context.Numbered number, termination ->
        match alive |> List.filter (fun one -> one.Context = number) with
        | [] -> [ failed question.Context 411 ]
        | some ->
            match some |> List.filter (fun one -> termination = "*" || one.Id = termination) with
            | [] -> [ failed question.Context 435 ]
            | matching -> contexts matching
    | _ -> [ failed question.Context 421 ]

let private reply number (fault: H248Fault voption) contexts : byte[] =
    H248Writing.reply
        style
        { Transaction = number
          Segment = 0
          IsLast = false
          WantsAcknowledgement = false
          Fault = fault
          Contexts = contexts }

/// Reads the questions of a request, lets them be answered, and writes the reply.
let private serve
    (answer: Instant -> H248Question -> H248ContextText list)
    (now: Instant)
    (octets: byte[])
    : byte[] list =
    match H248.decode octets with
    | Ok { Body = H248Body.Transactions [| H248Transaction.Request(number, actions) |] } ->
        [ CallServer.Tests.Wire.H248Tests.questionsOf actions
          |> List.collect (answer now)
          |> reply number ValueNone ]
    | Ok _ -> []
    | Error error -> failwith (string error)

let private auditSmall memory known at answer =
    runOf target lan memory known at (Peer.answering (serve answer))

let private audit answer = auditSmall H248Audit.Memory.none [||] start answer

/// Several audits of one gateway ten seconds apart, with the record that they make.
type private Record(?version: int, ?network: Network) =
    let target = { target with Version = defaultArg version 1 }
    let network = defaultArg network lan
    let mutable ledger = GatewayLedger.empty target.Gateway
    let mutable memory = H248Audit.Memory.none
    let changes = List<Change>()

    member _.Ledger = ledger
    member _.Changes = changes

    member _.Audit(at: Instant, peer: Peer) : Run =
        let run = runOf target network memory ledger.Connections at peer
        memory <- run.Memory
        let struct (next, made) = Reconcile.apply run.Snapshot ledger
        ledger <- next
        changes.Clear()
        changes.AddRange made
        run

    member this.Audit(at: Instant, answer: Instant -> H248Question -> H248ContextText list) : Run =
        this.Audit(at, Peer.answering (serve answer))

let private later (count: float) = start + seconds count

let ``a termination in a context is a connection, with all that its descriptors tell`` =
    example (fun () ->
        let sdp host port =
            $"v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio {port} RTP/AVP 18\r\n"

        let stream: H248StreamText =
            { Number = 1
              Mode = "SendReceive"
              Properties = [ "ds/dscp", "46" ]
              Local = sdp "192.0.2.8" 16384
              Remote = sdp "192.0.2.9" 20000 }

        let video =
            { stream with
                Number = 2
                Local = (sdp "192.0.2.8" 16400).Replace("audio", "video")
                Remote = "" }

        let rtp = small 7u "rtp/1" 61.5

        let rtp =
            { rtp with
                Text =
                    { rtp.Text with
                        ServiceState = "InService"
                        Streams = [ stream; video ]
                        Statistics = [ "rtp/pl", "0.25"; "rtp/jit", "4"; "rtp/delay", "20" ] } }

        let run = audit (honest [ rtp; small 7u "ds/ds1-1/1" 61.5 ])
        complete run.Snapshot
        ids run.Snapshot |> Check.equal [ "7/ds/ds1-1/1"; "7/rtp/1" ]
        run.Snapshot.Remarks |> Check.isEmpty
        let line, media = run.Snapshot.Observations[0], run.Snapshot.Observations[1]

        line.Facts
        |> Check.equal
            { Facts.none with
                Call = ValueSome(CallId.create "7")
                Endpoint = ValueSome "ds/ds1-1/1"
                State = ValueSome "active" }

        media.Facts
        |> Check.equal
            { Call = ValueSome(CallId.create "7")
              Endpoint = ValueSome "rtp/1"
              // Nobody tells who calls whom.
              Originator = ValueNone
              Remote = ValueNone
              Direction = ValueNone
              Codec = ValueSome { Name = "G729"; ClockRate = ValueSome 8000 }
              Qos =
                { Dscp = ValueSome 46
                  Service = ValueNone
                  Reported = ValueSome "loss 0.25 %, jitter 4 ms, delay 20 ms" }
              Mode = ValueSome "sendrecv"
              State = ValueSome "active"
              LocalMedia = ValueSome { Host = "192.0.2.8"; Port = 16384 }
              RemoteMedia = ValueSome { Host = "192.0.2.9"; Port = 20000 }
              OtherMedia =
                ValueSome
                    [ { Kind = "video"
                        Codec = ValueSome { Name = "G729"; ClockRate = ValueSome 8000 }
                        Local = ValueSome { Host = "192.0.2.8"; Port = 16400 }
                        Remote = ValueNone } ] }

        let began = media.Start.Value
        began.Evidence |> Check.equal Reported
        Interval.contains (start - seconds 61.5) began.Within |> Check.isTrue
        // The answer was under way for 4 ms, and counts milliseconds, or tens of them.
        Interval.width began.Within |> Check.atMost (TimeSpan.FromMilliseconds 14.0))

let ``an empty gateway is believed when two lists say so`` =
    examples [ 411; 430; 431 ] (fun (code: int) ->
        let run = audit (fun _ question -> [ failed question.Context code ])
        complete run.Snapshot
        run.Snapshot.Observations |> Check.isEmpty
        asksFor "AuditValue=Root" run |> Check.equal 1
        asksFor "Context=*{AuditValue=*" run |> Check.equal 1)

let ``one that only says that it cannot tell its contexts is not empty`` =
    example (fun () ->
        let answer _ (question: H248Question) =
            [ failed question.Context (if question.Termination = "Root" then 430 else 501) ]

        let run = audit answer

        match reasons run.Snapshot with
        | [ Refused(RefusalCause.Code 501, _) ] -> ()
        | other -> failtest $"%A{other}")

let ``contexts that its root does not list are listed by their terminations`` =
    example (fun () ->
        let all = [ for number in 1u .. 30u -> small number $"rtp/{number}" 10.0 ]

        let answer now (question: H248Question) =
            if question.Termination = "Root" then
                [ failed question.Context 430 ]
            else
                honest all now question

        let run = audit answer
        complete run.Snapshot
        run.Snapshot.Observations.Length |> Check.equal 30)

let ``a known gateway is asked twice, and for the media of what is new`` =
    example (fun () ->
        let all = [ for number in 1u .. 40u -> small number $"rtp/{number}" 10.0 ]
        let fresh = { small 41u "rtp/41" 0.0 with Since = later 5.0 }
        let record = Record()
        let first = record.Audit(start, honest (fresh :: all))
        complete first.Snapshot
        // The list, and ten requests for four contexts each.
        first.Snapshot.Requests |> Check.equal 11
        let second = record.Audit(later 10.0, honest (fresh :: all))
        complete second.Snapshot
        second.Snapshot.Observations.Length |> Check.equal 41
        second.Snapshot.Requests |> Check.equal 3
        asksFor "Audit{Media" second |> Check.equal 1
        asksFor "Context=41{AuditValue=*{Audit{Media,Statistics}}}" second |> Check.equal 1)

let ``a connection ends when its gateway denies it, and not because a list lacks it`` =
    examples [ true; false ] (fun (isThere: bool) ->
        let all = [ for number in 1u .. 8u -> small number $"rtp/{number}" 10.0 ]
        let ending = if isThere then Instant.distantFuture else later 5.0
        let all = { all.Head with Until = ending } :: all.Tail
        let record = Record()
        complete (record.Audit(start, honest all)).Snapshot

        // Its lists lack context 1 from now on.
        let lists now (question: H248Question) =
            honest all now question
            |> List.filter (fun context ->
                question.Context <> H248Context.All || context.Context <> H248Context.Numbered 1u)

        let run = record.Audit(later 10.0, lists)
        asksFor "Context=1{" run |> Check.equal 1

        if isThere then
            match reasons run.Snapshot with
            | [ Hidden words ] -> words |> Check.says "context 1"
            | other -> failtest $"%A{other}"

            record.Ledger.Connections.Length |> Check.equal 8
        else
            complete run.Snapshot
            run.Snapshot.Denied |> Array.map string |> Check.equal [| "1/rtp/1" |]
            record.Ledger.Connections.Length |> Check.equal 7)

let ``a termination that leaves its context ends there, and the others stay`` =
    example (fun () ->
        let all =
            [ for number in 1u .. 8u do
                  yield! [ small number $"rtp/{number}" 10.0; small number $"line/{number}" 10.0 ] ]

        let all = { all.Head with Until = later 5.0 } :: all.Tail
        let record = Record()
        complete (record.Audit(start, honest all)).Snapshot
        let run = record.Audit(later 10.0, honest all)
        complete run.Snapshot
        run.Snapshot.Denied |> Array.map string |> Check.equal [| "1/rtp/1" |]
        record.Ledger.Connections.Length |> Check.equal 15)

let ``a number that is used again is another connection, because its duration went back`` =
    example (fun () ->
        let record = Record()
        complete (record.Audit(start, honest [ small 1u "rtp/1" 600.0 ])).Snapshot
        // The gateway restarted in between, and counts its contexts from 1 again.
        let again = { small 1u "rtp/1" 0.0 with Since = later 4.0 }
        let run = record.Audit(later 10.0, honest [ again ])
        complete run.Snapshot

        let closed =
            record.Changes
            |> Seq.choose (fun change ->
                match change with
                | Change.Closed(c, _) -> Some c
                | _ -> None)
            |> Seq.exactlyOne

        Interval.contains (start - seconds 600.0) closed.Start.Within |> Check.isTrue

        Interval.contains (later 4.0) (Seq.exactlyOne record.Ledger.Connections).Start.Within
        |> Check.isTrue)

let ``a termination that moves to another context goes on there`` =
    example (fun () ->
        let record = Record()
        let line = { small 1u "line/1" 60.0 with Until = later 5.0 }
        complete (record.Audit(start, honest [ line; small 1u "rtp/1" 60.0 ])).Snapshot
        // Its duration goes on: it never was in the null context.
        let moved = { small 2u "line/1" 60.0 with Since = line.Since }
        let other = { small 2u "rtp/2" 0.0 with Since = later 5.0 }
        let all = [ small 1u "rtp/1" 60.0; other; moved ]

        for at in [ 10.0; 20.0 ] do
            let run = record.Audit(later at, honest all)
            complete run.Snapshot

            record.Changes |> Seq.filter _.IsConflicted |> Check.isEmpty

            let seen = record.Ledger.Connections |> Array.find (fun c -> string c.Id = "2/line/1")
            Interval.contains (later 5.0) seen.Start.Within |> Check.isTrue
            Interval.contains line.Since seen.Setup.Value.Within |> Check.isTrue)

let ``a termination that cannot be told is left out, and a context that cannot is a fault`` =
    example (fun () ->
        let all = [ small 1u "rtp/1" 10.0; small 2u "rtp/2" 10.0; small 3u "rtp/3" 10.0 ]

        let answer now (question: H248Question) =
            if question.Context = H248Context.Numbered 2u then
                [ failed question.Context 529 ]
            else
                honest all now question

        let run = audit answer
        ids run.Snapshot |> Check.equal [ "1/rtp/1"; "3/rtp/3" ]

        match reasons run.Snapshot with
        | [ CutShort words ] -> words |> Check.all [ Check.says "context 2"; Check.says "529" ]
        | other -> failtest $"%A{other}")

let ``a list in pieces proves nothing, but what it shows is there`` =
    example (fun () ->
        let all = [ for number in 1u .. 6u -> small number $"rtp/{number}" 10.0 ]

        let pieces (now: Instant) (octets: byte[]) =
            if (Encoding.Latin1.GetString octets).Contains "AuditValue=Root" then
                let half keep =
                    serve (fun now question -> honest (List.filter keep all) now question) now octets

                half (fun one -> one.Context <= 3u) @ half (fun one -> one.Context > 3u)
            else
                serve (honest all) now octets

        let run = runOf target lan H248Audit.Memory.none [||] start (Peer.answering pieces)
        run.Snapshot.Observations.Length |> Check.equal 6

        match reasons run.Snapshot with
        | [ CutShort words ] -> words |> Check.says "pieces"
        | other -> failtest $"%A{other}")

// ---- The simulated gateway and its vices

let private vicesOf (words: string list) : H248Vices =
    (H248Vices.none, words)
    ||> List.fold (fun vices word ->
        match H248Vices.add word vices with
        | Ok vices -> vices
        | Error mistake -> failwith mistake)

/// A simulated gateway in virtual time, with the truth about it.
type private World(connections: int, churn: float, words: string list) =
    let vices = vicesOf words

    let table =
        Table.create 5UL { TableOptions.standard with Connections = connections; Churn = churn } start

    let mutable gateway =
        MultiGateway.create
            ValueNone
            [ H248Responder.create { H248Options.standard with Vices = vices } ]
            table

    let truth = Dictionary<int64, SimConnection>()
    let ends = Dictionary<int64, Instant>()

    do
        for connection in table.Connections do
            truth[connection.Serial] <- connection

    let step now event : struct (TimeSpan * byte[]) list =
        let struct (next, commands, events) = MultiGateway.advance now event gateway
        gateway <- next

        for event in events do
            match event with
            | Opened connection -> truth[connection.Serial] <- connection
            | TruthEvent.Closed(connection, at) -> ends[connection.Serial] <- at

        [ for command in commands do
              match command with
              | SendDatagram(_, "auditor", after, octets) -> struct (after, octets)
              | SendDatagram _
              | WriteStream _
              | CloseStream _ -> () ]

    member _.Peer: Peer =
        { Serve = fun now octets -> step now (DatagramCame("h248", "auditor", octets))
          NextTick = fun () -> gateway.NextTick
          Tick = fun now -> step now TimePassed }

    member _.Pass(now: Instant) = step now TimePassed |> ignore

    /// Everything in a snapshot that contradicts the truth.
    member _.Wrongs(snapshot: Snapshot) : string list =
        let endOf (connection: SimConnection) =
            match ends.TryGetValue connection.Serial with
            | true, at -> at
            | _ -> Instant.distantFuture

        let named =
            [ for connection in truth.Values do
                  for struct (_, identities) in MultiGateway.identities gateway connection do
                      for identity in identities -> identity.Id, connection ]

        let seen = snapshot.Observations |> Array.map (fun seen -> string seen.Id) |> HashSet

        [ for observation in snapshot.Observations do
              let id = string observation.Id

              let fits (connection: SimConnection) =
                  connection.Start <= observation.Heard.Latest
                  && endOf connection >= observation.Heard.Earliest
                  && match observation.Start with
                     | ValueSome start -> Interval.contains connection.Start start.Within
                     | ValueNone -> true

              if not (named |> List.exists (fun (name, connection) -> name = id && fits connection)) then
                  $"{id} never was so: {observation.Start}"

          if Snapshot.isComplete snapshot then
              for id, connection in named do
                  if
                      connection.Start < snapshot.Asked
                      && endOf connection > snapshot.Answered
                      && not (seen.Contains id)
                  then
                      $"{id} is missing from a complete snapshot"

          for denied in snapshot.Denied do
              for id, connection in named do
                  if id = string denied && endOf connection > snapshot.Answered then
                      $"{id} is denied and goes on" ]

let private auditsOf network connections churn (words: string list) : Run list =
    let world = World(connections, churn, words)
    let version = if words |> List.exists _.StartsWith("segments") then 3 else 1
    let record = Record(version, network)

    [ for at in [ 0.0; 60.0; 120.0 ] do
          let at = later at
          world.Pass at
          let run = record.Audit(at, world.Peer)
          world.Wrongs run.Snapshot |> Check.isEmpty
          record.Changes |> Seq.filter _.IsConflicted |> Check.isEmpty
          run ]

let ``what is unusual makes no difference`` =
    examples
        [ ""
          "short"
          "pretty"
          "short pretty"
          "no-root"
          "idle=431"
          "pending-every=3"
          "too-large-at=3000"
          "silent-above=3000"
          "segments-at=700"
          "segments-at=700 short pretty"
          "stops-at-error"
          "one-action"
          "busy-every=9"
          "swallows-every=9"
          "answers-twice"
          "forgets"
          "garbage"
          "talks"
          "pieces-at=4000"
          "no-durations"
          "second-durations"
          "no-media"
          "speaks=2"
          "speaks=3"
          "reuses"
          "ms-per-request=300" ]
        (fun (words: string) ->
            let words = words.Split(' ', StringSplitOptions.RemoveEmptyEntries) |> List.ofArray

            for network, connections, churn in [ lan, 60, 0.0; lan, 60, 5.0; rough, 40, 1.0; lan, 0, 0.0 ] do
                for run in auditsOf network connections churn words do
                    complete run.Snapshot)

let ``a context whose answer does not arrive is told one termination after the other`` =
    examples [ "too-large-at=680"; "silent-above=680"; "truncates-at=680" ] (fun (word: string) ->
        let runs = auditsOf lan 12 0.1 [ word ]

        for run in runs do
            complete run.Snapshot

        // Each has a circuit, whose media fit, and an RTP stream, whose media do too.
        asksFor "{AuditValue=rtp/" runs.Head |> Check.atLeast 4)

let ``a list that does not fit is asked for in version 3, which divides it`` =
    example (fun () ->
        let world = World(60, 0.0, [ "too-large-at=1000"; "segments-at=600" ])
        let run = runOf target lan H248Audit.Memory.none [||] start world.Peer
        // Segments come before the size is looked at.
        asksFor "MEGACO/3" run |> Check.atLeast 1
        world.Wrongs run.Snapshot |> Check.isEmpty
        complete run.Snapshot)

let ``a reply that wants it is acknowledged, once for each time that it comes`` =
    example (fun () ->
        let run = auditsOf lan 4 0.0 [ "pending-every=1" ] |> List.head
        complete run.Snapshot
        // The list, and all four contexts.
        asksFor "TransactionResponseAck{" run |> Check.equal 2
        run.Snapshot.Requests |> Check.equal 4)

let ``an answer that may be too large is awaited twice, and not asked for again so soon`` =
    example (fun () ->
        let runs = auditsOf lan 60 0.0 [ "silent-above=3000" ]
        runs |> List.map (asksFor "Context=*{AuditValue=*") |> Check.equal [ 0; 2; 0 ])

let ``several refusals of one version are one`` =
    example (fun () ->
        let all = [ for number in 1u .. 40u -> small number $"rtp/{number}" 10.0 ]

        // Its first connections are looked at less closely.
        let versioned (now: Instant) (octets: byte[]) =
            let text = Encoding.Latin1.GetString octets

            match H248.decode octets with
            | Ok { Version = 3; Body = H248Body.Transactions [| H248Transaction.Request(number, _) |] } when
                text.Contains "Media"
                ->
                [ reply number (ValueSome { Code = 406; Text = "" }) [] ]
            | _ -> serve (honest all) now octets

        let target = { target with Version = 3 }
        let run = runOf target lan H248Audit.Memory.none [||] start (Peer.answering versioned)
        complete run.Snapshot
        run.Snapshot.Observations.Length |> Check.equal 40
        run.Memory.Version |> Check.equal 1)

/// A gateway of version 3 whose list of contexts comes in two segments, each of half of those that it has. `sends` says what it sends to each
/// request for it, repeated or not: a segment of its list as it was at first, or when some contexts had ended.
let private halves (all: Small list) (sends: int -> (Instant * int) list) : Peer =
    let asked = List<uint32>()

    let segment number (at: Instant, segment: int) =
        let alive = all |> List.filter (fun one -> one.Since <= at && at < one.Until)

        let contexts =
            [ for one in (List.splitInto 2 alive)[segment - 1] ->
                  { Context = H248Context.Numbered one.Context
                    Terminations = [ (small 0u "Root" 0.0).Text ]
                    Fault = ValueNone } ]

        H248Writing.reply
            { style with Version = 3 }
            { Transaction = number
              Segment = segment
              IsLast = (segment = 2)
              WantsAcknowledgement = false
              Fault = ValueNone
              Contexts = contexts }

    Peer.answering (fun now octets ->
        match H248.decode octets with
        | Ok { Body = H248Body.Transactions [| H248Transaction.Request(number, _) |] } when
            (Encoding.Latin1.GetString octets).Contains "AuditValue=Root"
            ->
            asked.Add number
            sends asked.Count |> List.map (segment number)
        | _ -> serve (honest all) now octets)

let ``segments of two replies are no reply`` =
    let first, second = start, later 0.6
    let whole = [ second, 1; second, 2 ]

    namedExamples
        [ // Half of the first reply is lost, and the repeated request is carried out again.
          "lost", (fun request -> if request = 1 then [ first, 1 ] else whole)
          "lost twice",
          (fun request ->
              match request with
              | 1 -> [ first, 1 ]
              | 2 -> [ second, 2 ]
              | _ -> whole)
          // The request came twice, and each was carried out.
          "mixed", (fun request -> if request = 1 then [ second, 1; first, 1; second, 2 ] else whole) ]
        (fun (sends: int -> (Instant * int) list) ->
            let all =
                [ for number in 1u .. 8u ->
                      { small number $"rtp/{number}" 10.0 with
                          Until = (if number <= 3u then later 0.5 else Instant.distantFuture) } ]

            let run =
                runOf { target with Version = 3 } lan H248Audit.Memory.none [||] start (halves all sends)

            // Contexts 5 and 6 are in the second half of the first list, and in the first half of the second.
            ids run.Snapshot |> Check.contains "5/rtp/5"
            complete run.Snapshot
            run.Snapshot.Observations |> Array.filter (fun seen -> string seen.Id > "4") |> Check.hasLength 5)

let ``what a late answer repeats takes nothing from what came since`` =
    example (fun () ->
        let session = "v=0\r\nc=IN IP4 192.0.2.8\r\nm=audio 16384 RTP/AVP 18\r\n"

        let withMedia (one: Small) =
            let stream: H248StreamText =
                { Number = 1; Mode = "SendReceive"; Properties = []; Local = session; Remote = "" }

            { one with Text = { one.Text with Streams = [ stream ] } }

        let old = [ for number in 1u .. 8u -> withMedia (small number $"rtp/{number}" 10.0) ]

        let fresh =
            [ for number in 9u .. 40u ->
                  { withMedia (small number $"rtp/{number}" 0.0) with Since = later 5.0 } ]

        let first = auditSmall H248Audit.Memory.none [||] start (honest (old @ fresh))
        let struct (ledger, _) = Reconcile.apply first.Snapshot (GatewayLedger.empty target.Gateway)

        // It carries a transaction out again that it has answered already, with other durations.
        let twice: Peer =
            { Serve =
                fun now octets ->
                    let answers at = [ for answer in serve (honest (old @ fresh)) at octets -> answer ]
                    let isAll = (Encoding.Latin1.GetString octets).Contains "Context=*{AuditValue=*"
                    let late = TimeSpan.FromMilliseconds 6.0

                    [ for answer in answers now -> struct (TimeSpan.Zero, answer)
                      if isAll then
                          for answer in answers (now + late) -> struct (late, answer) ]
              NextTick = fun () -> Instant.distantFuture
              Tick = fun _ -> [] }

        let run = runOf target lan first.Memory ledger.Connections (later 10.0) twice
        complete run.Snapshot

        run.Snapshot.Observations
        |> Array.filter (fun seen -> (string seen.Id).Length > "9/rtp/9".Length)
        |> Array.forall (fun seen -> seen.Facts.Codec.IsSome)
        |> Check.isTrue)

let ``an error that names no transaction answers none, unless nothing else does`` =
    example (fun () ->
        let all = [ for number in 1u .. 8u -> small number $"rtp/{number}" 10.0 ]
        let complaint = H248Writing.fault' style { Code = 400; Text = "" }
        // Somebody else's message was not understood.
        let distracted now (octets: byte[]) = complaint :: serve (honest all) now octets
        let run = runOf target lan H248Audit.Memory.none [||] start (Peer.answering distracted)
        complete run.Snapshot
        run.Snapshot.Observations.Length |> Check.equal 8
        let deaf _ _ = [ complaint ]
        let run = runOf target lan H248Audit.Memory.none [||] start (Peer.answering deaf)
        run.Snapshot.Requests |> Check.equal 4

        match reasons run.Snapshot with
        | [ Refused(RefusalCause.Code 400, _) ] -> ()
        | other -> failtest $"%A{other}")

let ``what is wrong is found out, and named`` =
    examples
        [ "mute-after=0", "silent"
          "mute-after=1", "cut-short"
          "too-large-at=300", "too-large"
          "wrong-transactions", "silent"
          "refuses=505", "refused"
          "refuses=502", "refused"
          "refuses=403", "refused"
          "refuses-messages=400", "refused"
          "speaks=9", "refused"
          "truncates-at=300", "cut-short"
          "hides-every=5", "hidden" ]
        (fun (word: string, kind: string) ->
            let world = World(40, 0.0, [])
            let first = runOf target lan H248Audit.Memory.none [||] start world.Peer
            let struct (ledger, _) = Reconcile.apply first.Snapshot (GatewayLedger.empty target.Gateway)
            let bad = World(40, 0.0, [ word ])
            bad.Pass(later 10.0)
            let run = runOf target lan first.Memory ledger.Connections (later 10.0) bad.Peer
            bad.Wrongs run.Snapshot |> Check.isEmpty
            reasons run.Snapshot |> List.map _.Kind |> List.distinct |> Check.contains kind
            run.Snapshot.Denied |> Check.isEmpty
            // Nothing is closed.
            let struct (after, _) = Reconcile.apply run.Snapshot ledger
            after.Connections.Length |> Check.equal 80)

let ``a gateway of a thousand contexts is told whole, a few at a time`` =
    example (fun () ->
        match auditsOf lan 1000 0.0 [] with
        | [ first; second; _ ] ->
            complete first.Snapshot
            first.Snapshot.Observations.Length |> Check.equal 2000
            // The list, and contexts by fours.
            first.Snapshot.Requests |> Check.between 251 260
            // More than what one answer may have: sixteen at a time.
            second.Snapshot.Requests |> Check.between 63 80
        | _ -> failtest "three audits")

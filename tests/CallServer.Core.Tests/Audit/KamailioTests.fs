/// Audits of the simulated Kamailio: what it reports, what that proves, and its vices.
module CallServer.Tests.Audit.KamailioTests

open System
open System.Text
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange
open CallServer.Protocols.Kamailio
open CallServer.Gateway
open CallServer.Tests

let private start = Instant.ofMicros 1_790_000_000_000_000L

let private options (words: string list) : KamailioOptions =
    let vices =
        (KamailioVices.none, words)
        ||> List.fold (fun vices word ->
            match KamailioVices.add word vices with
            | Ok vices -> vices
            | Error mistake -> failwith mistake)

    { KamailioOptions.standard with Vices = vices }

/// A simulated Kamailio in virtual time, with the truth about it.
type private World(connections: int, churn: float, words: string list) =
    inherit TrueNode(connections, churn, start, KamailioResponder.create (options words))

    member this.Serve(peer: string, now: Instant, octets: byte[]) : struct (TimeSpan * byte[]) list =
        this.AdvanceTo now

        [ for command in this.Tell(Datagram(peer, octets)) do
              match command with
              | SendTo(_, after, octets) -> struct (after, octets)
              | WriteTo _
              | HangUp _
              | TickAt _
              | EndConnection _ -> () ]

    /// The same run from now on with these vices.
    member this.Turn(words: string list) =
        let options = options words

        this.Become(fun table ->
            KamailioResponder.create { options with UpTime = table.Now - start + options.UpTime } table)

let private target transport : KamailioGateway =
    { Gateway = GatewayId.create "gw"
      Transport = transport
      Timeout = TimeSpan.FromSeconds 1.0
      Attempts = 4 }

let private given (at: Instant) : AuditStart =
    { At = Moment.at at
      Rng = Rng.create 9UL
      Local = ""
      Known = [||]
      Afresh = false
      History = ValueSome(HistoryMark.since start) }

[<NoEquality; NoComparison>]
type private Run = { Snapshot: Snapshot; State: KamailioAudit.State; Sent: byte[] list; Took: TimeSpan }

let private peerOf transport (world: World) : Peer =
    { Serve =
        fun now octets ->
            let peer = if transport = KamailioTransport.Http then "http:1" else "192.0.2.1:9"
            world.Serve(peer, now, octets)
      NextTick = fun () -> Instant.distantFuture
      Tick = fun _ -> [] }

let private auditGiven transport network memory (given: AuditStart) (world: World) : Run =
    let at = given.At.Steady
    world.AdvanceTo at

    let loop =
        DatagramLoop(
            at,
            7UL,
            network,
            peerOf transport world,
            10_000,
            KamailioAudit.advance,
            KamailioAudit.start (target transport) memory given
        )

    match loop.Run() with
    | [ snapshot ] -> { Snapshot = snapshot; State = loop.State; Sent = loop.Sent; Took = loop.Took }
    | other -> failwith $"{other.Length} results after {loop.Events} events"

let private auditBy transport network memory (at: Instant) (world: World) : Run =
    auditGiven transport network memory (given at) world

let private lan = Network.steady (TimeSpan.FromMilliseconds 2.0)

/// Everything in a snapshot that contradicts the truth.
let private wrongs (world: World) (snapshot: Snapshot) : string list =
    [ yield! world.Wrongs snapshot

      for ended in snapshot.Ended do
          let id = string ended.Observation.Id
          let within = ended.End.Within

          match world.TruthOf id, world.EndOf id with
          | ValueSome connection, at when Interval.contains at within ->
              let start = ended.Observation.Start.Value.Within

              if connection.Start <= at && not (Interval.contains connection.Start start) then
                  $"{id} started {connection.Start}, not in {start}"

              if connection.Start > at && start.Latest <> Instant.distantFuture then
                  $"{id} was never answered, and started {start}"
          | _, at -> $"{id} ended {at}, not in {within}" ]

let private auditOf transport connections words : Run =
    let world = World(connections, 0.0, words)
    let run = auditBy transport lan KamailioAudit.Memory.none (start + TimeSpan.FromSeconds 1.0) world
    wrongs world run.Snapshot |> Check.equal []
    run

let private audit = auditOf KamailioTransport.Udp

let private kinds (run: Run) = Completeness.shortfalls run.Snapshot.Completeness |> List.map _.Kind

let private whole = Complete [ EndOfTable; SameBoot; CountAgrees ]

let ``at rest every dialog is listed, over datagrams as far as they fit`` =
    example (fun () ->
        for transport in [ KamailioTransport.Udp; KamailioTransport.Http ] do
            for connections in [ 0; 1; 70; 150 ] do
                let run = auditOf transport connections []
                run.Snapshot.Completeness |> Check.equal whole
                run.Snapshot.Observations |> Check.hasLength connections

        (auditOf KamailioTransport.Http 3000 []).Snapshot.Observations |> Check.hasLength 3000)

let ``facts are those of the dialog, and what is not told is not known`` =
    example (fun () ->
        let world = World(50, 0.0, [])
        let run = auditBy KamailioTransport.Udp lan KamailioAudit.Memory.none start world

        for seen in run.Snapshot.Observations do
            let connection = world.Truth[string seen.Id]
            seen.Facts.Call |> Check.equal (ValueSome(CallId.create connection.CallId))
            seen.Facts.Originator |> Check.equal (ValueSome $"sip:{connection.Calling}@example.net")
            seen.Facts.Remote |> Check.equal (ValueSome $"sip:{connection.Called}@example.net")
            seen.Stamp |> Check.equal (ValueSome $"f{connection.Serial:x6}")
            seen.Facts.Codec |> Check.equal ValueNone
            seen.Facts.Qos |> Check.equal QualityOfService.unknown

            if seen.Facts.State = ValueSome "confirmed" then
                let start = seen.Start.Value
                start.Evidence |> Check.equal Reported
                (start.Within.Latest - start.Within.Earliest) |> Check.atMost (TimeSpan.FromSeconds 2.1))

let ``no bound is wrong while calls come and go, however far its clock is`` =
    lawBy (Laws.plain |> Laws.times 60) (fun (seed: byte) (ahead: int16) ->
        let world = World(40, 3.0, [ $"clock-ahead-ms={1000 * int ahead}" ])
        let rough = Network.rough 0.1 (TimeSpan.FromMilliseconds 300.0)
        let mutable memory = KamailioAudit.Memory.none
        let mutable at = start + TimeSpan.FromMilliseconds(float seed)

        for _ in 1..4 do
            let run = auditBy KamailioTransport.Udp rough memory at world
            wrongs world run.Snapshot |> Check.equal []
            memory <- KamailioAudit.memory run.State
            at <- at + run.Took + TimeSpan.FromSeconds 3.0)

let ``calls that come and go make no audit partial`` =
    example (fun () ->
        let world = World(100, 20.0, [ "ms-per-request=30" ])

        for place in 1..20 do
            let at = start + TimeSpan.FromSeconds(float place)
            let run = auditBy KamailioTransport.Http lan KamailioAudit.Memory.none at world
            run.Snapshot.Completeness |> Check.equal whole
            wrongs world run.Snapshot |> Check.equal [])

let ``what does not matter is told whole`` =
    example (fun () ->
        for words in [ [ "doubles" ]; [ "padding=3000" ]; [ "ms-per-request=400" ]; [ "keeps-ended" ] ] do
            let run = audit 70 words
            run.Snapshot.Completeness |> Check.because $"%A{words}" (Check.equal whole)
            run.Snapshot.Observations |> Check.hasLength 70)

let ``dialogs that are over are no connections, and say that they ended`` =
    example (fun () ->
        let world = World(40, 4.0, [ "keeps-ended" ])
        let at = start + TimeSpan.FromSeconds 20.0
        let run = auditBy KamailioTransport.Http lan KamailioAudit.Memory.none at world
        run.Snapshot.Completeness |> Check.equal whole
        run.Snapshot.Denied |> Check.isNotEmpty
        wrongs world run.Snapshot |> Check.equal [])

let private widest (ended: Ended[]) : TimeSpan =
    ended |> Array.map (fun one -> one.End.Within.Latest - one.End.Within.Earliest) |> Array.max

let ``dialogs that are over tell when they ended, to a second where the clock was read some times`` =
    lawBy (Laws.plain |> Laws.times 60) (fun (seed: byte) (ahead: int16) ->
        let world = World(40, 4.0, [ "keeps-ended"; $"clock-ahead-ms={1000 * int ahead}" ])
        let mutable memory = KamailioAudit.Memory.none
        let mutable at = start + TimeSpan.FromSeconds 20.0

        for place in 1..40 do
            let run = auditBy KamailioTransport.Http lan memory at world
            wrongs world run.Snapshot |> Check.equal []
            let over = run.Snapshot.Ended
            over |> Check.isNotEmpty
            over |> Array.map _.Observation.Id |> Check.equal run.Snapshot.Denied

            widest over |> Check.atMost (TimeSpan.FromSeconds(if place < 30 then 2.1 else 1.25))
            memory <- KamailioAudit.memory run.State
            at <- at + run.Took + TimeSpan.FromMilliseconds(1000.0 + 7.0 * float seed + 30.0 * float place))

let ``what does not say when it ended is over all the same`` =
    example (fun () ->
        let world = World(40, 4.0, [ "keeps-ended"; "ends-untold" ])
        let at = start + TimeSpan.FromSeconds 20.0
        let run = auditBy KamailioTransport.Http lan KamailioAudit.Memory.none at world
        run.Snapshot.Ended |> Check.isEmpty
        run.Snapshot.Denied |> Check.isNotEmpty)

let ``where no history is wanted, only connections of the record get their ends`` =
    example (fun () ->
        let world = World(40, 4.0, [ "keeps-ended" ])
        let first = auditBy KamailioTransport.Http lan KamailioAudit.Memory.none start world

        let struct (ledger, _) = Reconcile.apply first.Snapshot (GatewayLedger.empty (GatewayId.create "gw"))
        let at = start + TimeSpan.FromSeconds 20.0
        let given = { given at with Known = ledger.Connections; History = ValueNone }
        let run = auditGiven KamailioTransport.Http lan KamailioAudit.Memory.none given world
        let known = ledger.Connections |> Array.map _.Id |> set
        run.Snapshot.Ended |> Check.isNotEmpty
        run.Snapshot.Ended |> Array.forall (fun one -> known.Contains one.Observation.Id) |> Check.isTrue
        run.Snapshot.Denied |> Array.forall known.Contains |> Check.isFalse
        run.Snapshot.History |> Check.equal (ValueSome { Until = ValueNone; Cursor = ValueNone }))

let ``a clock that was set dates nothing that was stamped before`` =
    example (fun () ->
        for hours in [ -1; 1 ] do
            let world = World(40, 4.0, [ "keeps-ended" ])
            let mutable at = start + TimeSpan.FromSeconds 20.0
            let first = auditBy KamailioTransport.Http lan KamailioAudit.Memory.none at world
            first.Snapshot.Ended |> Check.isNotEmpty
            at <- at + TimeSpan.FromSeconds 10.0
            world.AdvanceTo at
            world.Turn [ "keeps-ended"; $"clock-set-ms={hours * 3_600_000}" ]
            let second = auditBy KamailioTransport.Http lan (KamailioAudit.memory first.State) at world
            second.Snapshot.Ended |> Check.isEmpty
            second.Snapshot.Denied |> Check.isNotEmpty
            let set = second.Snapshot.Asked
            at <- at + TimeSpan.FromSeconds 10.0
            let third = auditBy KamailioTransport.Http lan (KamailioAudit.memory second.State) at world
            third.Snapshot.Ended |> Check.isNotEmpty
            third.Snapshot.Ended |> Array.forall (fun one -> one.End.Within.Earliest >= set) |> Check.isTrue
            wrongs world third.Snapshot |> Check.equal [])

let ``the total is that of before the list and of after it, and the lower half of what is counted`` =
    example (fun () ->
        let total words = (auditOf KamailioTransport.Udp 20 words).Snapshot.Total

        let told before after' : RunningTotal voption =
            ValueSome
                { Of = TotalOf.Connections
                  Before = before
                  After = after'
                  Wraps = ValueSome 4294967296L }

        total [] |> Check.equal (told 20L 20L)
        total [ "total-wraps-in=15" ] |> Check.equal (told 5L 5L)
        total [ "no-total" ] |> Check.equal ValueNone

        // Version 5.6 prints it with a sign.
        let counted: CallCounts = { Active = ValueNone; Begun = ValueSome -2L }
        KamailioProof.total counted counted |> Check.equal (told 4294967294L 4294967294L))

let ``older ones and those without kex prove less, and still prove it`` =
    example (fun () ->
        (audit 20 [ "no-total" ]).Snapshot.Completeness |> Check.equal whole

        (audit 20 [ "no-count" ]).Snapshot.Completeness |> Check.equal (Complete [ EndOfTable; SameBoot ]))

let ``a list that is not as long as the count says proves nothing`` =
    example (fun () ->
        for words in [ "count-off-by=3"; "count-off-by=-3"; "list-short-by=1"; "misses-bucket=3" ] do
            let run = audit 70 [ words ]
            kinds run |> Check.because words (Check.equal [ "count-disagrees" ])
            run.Snapshot.Observations.Length |> Check.between 30 70)

let ``an error is no empty list`` =
    example (fun () ->
        let refused = audit 20 [ "refuses" ]
        kinds refused |> Check.equal [ "refused" ]
        Completeness.isSilent refused.Snapshot.Completeness |> Check.isTrue
        kinds (audit 20 [ "no-dialogs" ]) |> Check.equal [ "not-served" ]

        for every in 2..7 do
            let run = audit 20 [ $"error-every={every}" ]

            // The seventh question is for the clock, which only dates.
            if every < 7 then
                kinds run |> Check.because $"{every}" (Check.equal [ "refused" ]))

let ``a gateway that dies meanwhile leaves what it told`` =
    example (fun () ->
        for answers in 0..7 do
            let run = audit 20 [ $"mute-after={answers}" ]
            let expected = if answers = 0 then "silent" else "cut-short"
            kinds run |> Check.because $"{answers}" (Check.contains expected)
            run.Snapshot.Observations |> Check.hasLength (if answers < 4 then 0 else 20)
            run.Took |> Check.below (TimeSpan.FromSeconds 10.0))

let ``a list that cannot fit a datagram is not asked for, and one that did not arrive is named`` =
    example (fun () ->
        let run = audit 600 []
        kinds run |> Check.equal [ "too-large" ]
        run.Sent |> Check.hasLength 3

        let run = audit 300 [ "silent-above=9000" ]
        kinds run |> Check.contains "cut-short"
        string (Completeness.shortfalls run.Snapshot.Completeness).Head |> Check.says "jsonrpc+http://")

let ``a reply that is cut off, or no JSON, is no list and no answer`` =
    example (fun () ->
        for words in [ "truncates"; "garbage"; "deep" ] do
            let run = audit 20 [ words ]
            kinds run |> Check.because words (Check.equal [ "silent" ])
            KamailioAudit.strays run.State |> Check.above 0
            run.Snapshot.Observations |> Check.isEmpty

            string (Completeness.shortfalls run.Snapshot.Completeness).Head
            |> Check.says "no whole JSON, at octet")

let ``answers to others' questions are dropped and counted`` =
    example (fun () ->
        let run = audit 20 [ "wrong-ids" ]
        kinds run |> Check.equal [ "silent" ]
        KamailioAudit.strays run.State |> Check.above 0)

let ``rows that lost their Call-ID are missed, and the others told`` =
    example (fun () ->
        let run = audit 70 [ "nameless-every=7" ]
        kinds run |> Check.contains "unreadable"
        run.Snapshot.Observations |> Check.hasLength 60)

let ``where no dialog shows the clock, starts are bounded by when they were heard`` =
    example (fun () ->
        let run = audit 20 [ "hides-dialog" ]
        run.Snapshot.Completeness |> Check.equal whole

        for seen in run.Snapshot.Observations do
            seen.Setup |> Check.equal ValueNone
            seen.Start.Value.Evidence |> Check.notEqual Inferred)

let ``a restart meanwhile makes it partial`` =
    example (fun () -> kinds (audit 20 [ "restarts-after=3" ]) |> Check.equal [ "restarted-meanwhile" ])

let ``a restart between two audits is a restart, and a clock that is set is none`` =
    example (fun () ->
        let world = World(20, 0.0, [])
        let first = auditBy KamailioTransport.Udp lan KamailioAudit.Memory.none start world
        let memory = KamailioAudit.memory first.State
        let later = start + TimeSpan.FromSeconds 30.0
        let second = auditBy KamailioTransport.Udp lan memory later world

        Boot.judge first.Snapshot.Boot second.Snapshot.Boot |> Check.equal SameRun
        world.RestartAt(later + TimeSpan.FromSeconds 5.0)
        let third = auditBy KamailioTransport.Udp lan memory (later + TimeSpan.FromSeconds 20.0) world

        match Boot.judge second.Snapshot.Boot third.Snapshot.Boot with
        | BootVerdict.Restarted at -> Interval.contains (later + TimeSpan.FromSeconds 5.0) at |> Check.isTrue
        | other -> failtest $"%A{other}"

        // The text is the same, and the clock that counts its seconds was set ten minutes ahead.
        let told = (KamailioAudit.memory third.State).Run.Value

        let reading: UpTimeReading =
            { Told = { Since = told.Token; Seconds = 3600L }
              Within =
                Interval.create (later + TimeSpan.FromSeconds 60.0) (later + TimeSpan.FromSeconds 60.0) }

        GatewayRun.ofUpTime (ValueSome told) reading |> Check.equal told)

let ``counts prove what they must`` =
    example (fun () ->
        let counts active begun : CallCounts = { Active = ValueSome active; Begun = ValueSome begun }

        let judge listed before after = CallCounts.judge listed before after
        judge 10 (counts 10L 50L) (counts 10L 50L) |> Check.equal CountVerdict.Agrees
        judge 9 (counts 10L 50L) (counts 10L 50L) |> Check.equal (CountVerdict.Disagrees 10L)
        // Two began and two ended.
        judge 8 (counts 10L 50L) (counts 10L 52L) |> Check.equal CountVerdict.Agrees
        judge 7 (counts 10L 50L) (counts 10L 52L) |> Check.equal (CountVerdict.Disagrees 10L)
        judge 12 (counts 10L 50L) (counts 10L 52L) |> Check.equal CountVerdict.Agrees
        judge 13 (counts 10L 50L) (counts 10L 52L) |> Check.equal (CountVerdict.Disagrees 10L)
        // More go on than can have begun, or the total went back.
        judge 12 (counts 10L 50L) (counts 14L 52L) |> Check.equal (CountVerdict.Disagrees 14L)
        judge 10 (counts 10L 50L) (counts 10L 3L) |> Check.equal (CountVerdict.Disagrees 10L)
        judge 10 CallCounts.nothing CallCounts.nothing |> Check.equal CountVerdict.Untold)

/// A Kamailio that loaded its dialogs from its database made their rows at its own start.
let ``a row that is younger than its answer tells no setup, and no end if it was over then`` =
    example (fun () ->
        let dialog: KamailioDialog =
            { Entry = 1L
              Number = 2L
              CallId = "a"
              FromTag = ""
              From = ""
              To = ""
              State = ProxyDialogState.Confirmed
              Created = 2000L
              Answered = 1000L
              Ended = 0L }

        let heard = Interval.create start (start + TimeSpan.FromSeconds 0.1)

        let clock = StampClock.learn heard.Latest (SecondClock.read 3000L heard) StampClock.unknown

        match KamailioObserving.observe clock heard dialog with
        | Some seen ->
            seen.Setup |> Check.equal ValueNone
            seen.Stamp |> Check.equal ValueNone
            Interval.contains (start - TimeSpan.FromSeconds 2000.0) seen.Start.Value.Within |> Check.isTrue
        | None -> failtest "no observation"

        let over = { dialog with State = ProxyDialogState.Deleted; Ended = 2001L }
        KamailioObserving.ended clock heard over |> Check.equal None

        // Nobody answered it.
        match KamailioObserving.observe clock heard { over with Answered = 0L } with
        | Some seen -> seen.Start.Value.Within.Latest |> Check.equal Instant.distantFuture
        | None -> failtest "no observation"

        match KamailioObserving.ended clock heard { over with Ended = 2500L } with
        | Some ended ->
            Interval.contains (start - TimeSpan.FromSeconds 500.0) ended.End.Within |> Check.isTrue
        | None -> failtest "no end")

let ``a flood of strangers' messages changes nothing`` =
    example (fun () ->
        let state, _ =
            KamailioAudit.start (target KamailioTransport.Udp) KamailioAudit.Memory.none (given start)

        let stranger = Encoding.ASCII.GetBytes """{"jsonrpc":"2.0","result":[],"id":"x"}"""

        let after =
            (state, [ 1..100 ])
            ||> List.fold (fun state _ ->
                let state, commands = KamailioAudit.advance (Received(Moment.at start, stranger)) state
                commands |> List.forall _.IsWakeAt |> Check.isTrue
                state)

        KamailioAudit.strays after |> Check.equal 100
        KamailioAudit.requests after |> Check.equal 1)

let private release (world: World) (network: Network) (connection: string) : Release =
    let begun =
        KamailioRelease.start (target KamailioTransport.Udp) (ConnectionId.create connection) (given start)

    let peer = peerOf KamailioTransport.Udp world

    match DatagramLoop(start, 7UL, network, peer, 1000, KamailioRelease.advance, begun).Run() with
    | [ outcome ] -> outcome
    | other -> failwith $"{other.Length} results"

let private kindOf (outcome: Release) =
    match outcome with
    | Release.Ended _ -> "ended"
    | Release.NotReleased shortfall -> shortfall.Kind

let ``a release ends the dialog that is meant, even where messages are lost`` =
    example (fun () ->
        for network in [ lan; Network.rough 0.2 (TimeSpan.FromMilliseconds 300.0) ] do
            let world = World(20, 0.0, [])
            let meant = Seq.item 7 world.Truth.Keys

            match release world network meant with
            | Release.Ended ended ->
                string ended.Observation.Id |> Check.equal meant
                world.Ends.Keys |> List.ofSeq |> Check.equal [ meant ]
                Interval.contains world.Ends[meant] ended.End.Within |> Check.isTrue
            // The first answer was lost, and the second one says that there is no such dialog any more.
            | Release.NotReleased shortfall -> shortfall.Kind |> Check.equal "refused")

let ``what is not there, or is another call's, is not released`` =
    example (fun () ->
        let world = World(20, 0.0, [])
        let meant = Seq.item 7 world.Truth.Keys
        let place = meant.Substring(meant.IndexOf ';')

        for name in [ "nobody@h" + place; meant + "1"; "no name"; "a;b:c"; meant.Replace(";", ";x") ] do
            release world lan name |> kindOf |> Check.because name (Check.equal "refused")

        world.Ends.Count |> Check.equal 0)

let ``a Kamailio that says yes and keeps the dialog has not released it`` =
    example (fun () ->
        for word, kind in
            [ "keeps-released", "refused"
              "refuses", "refused"
              "mute-after=1", "silent"
              "mute-after=0", "silent"
              "garbage", "silent" ] do
            let world = World(20, 0.0, [ word ])
            release world lan (Seq.head world.Truth.Keys) |> kindOf |> Check.because word (Check.equal kind)
            world.Ends.Count |> Check.equal 0)

/// Audits of the simulated Asterisk: what it reports, what that proves, and its vices.
module CallServer.Tests.Audit.AriTests

open System
open System.Text
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange
open CallServer.Protocols.Ari
open CallServer.Gateway
open CallServer.Tests

let private start = Instant.ofMicros 1_796_000_000_000_000L

let private options (login: struct (string * string) option) (words: string list) : AriOptions =
    let vices =
        (AriVices.none, words)
        ||> List.fold (fun vices word ->
            match AriVices.add word vices with
            | Ok vices -> vices
            | Error mistake -> failwith mistake)

    { AriOptions.standard with Vices = vices; Login = ValueOption.ofOption login }

/// A simulated Asterisk in virtual time, with the truth about it.
type private World(connections: int, churn: float, words: string list, ?login: struct (string * string)) =
    inherit TrueNode(connections, churn, start, AriResponder.create (options login words))

    let asked = ResizeArray<HttpRequest>()

    /// What it was asked, in order.
    member _.Asked = asked

    member this.Serve(now: Instant, octets: byte[]) : struct (TimeSpan * byte[]) list =
        this.AdvanceTo now

        match HttpMessage.decodeRequest octets with
        | Ok request -> asked.Add request
        | Error error -> failwith (string error)

        [ for command in this.Tell(Datagram("192.0.2.1:9", octets)) do
              match command with
              | SendTo(_, after, octets) -> struct (after, octets)
              | WriteTo _
              | HangUp _
              | TickAt _
              | EndConnection _ -> () ]

    /// The same run from now on with these vices.
    member this.Turn(words: string list) =
        let options = options login words

        this.Become(fun table ->
            AriResponder.create { options with UpTime = table.Now - start + options.UpTime } table)

let private target: AriGateway =
    { Gateway = GatewayId.create "gw"
      Prefix = ""
      Login = ValueNone
      Timeout = TimeSpan.FromSeconds 1.0
      Attempts = 4
      Details = 1000
      AsksAnswers = false }

let private knownOf (snapshot: Snapshot) : Connection[] =
    let struct (ledger, _) = Reconcile.apply snapshot (GatewayLedger.empty snapshot.Gateway)
    ledger.Connections

[<NoEquality; NoComparison>]
type private Run = { Snapshot: Snapshot; State: AriAudit.State }

let private lan = Network.steady (TimeSpan.FromMilliseconds 2.0)

let private auditOf target network memory known (at: Instant) (world: World) : Run =
    world.AdvanceTo at

    let given: AuditStart =
        { At = Moment.at at
          Rng = Rng.create (uint64 at.Micros)
          Local = ""
          Known = known
          Afresh = false
          History = ValueNone }

    let peer =
        { Serve = fun now octets -> world.Serve(now, octets)
          NextTick = fun () -> Instant.distantFuture
          Tick = fun _ -> [] }

    let loop =
        DatagramLoop(at, 7UL, network, peer, 100_000, AriAudit.advance, AriAudit.start target memory given)

    match loop.Run() with
    | [ snapshot ] -> { Snapshot = snapshot; State = loop.State }
    | other -> failwith $"{other.Length} results after {loop.Events} events"

let private checkedIn (world: World) (run: Run) : Run =
    world.Wrongs run.Snapshot |> Check.equal []
    run

let private audit connections words : Run =
    let world = World(connections, 0.0, words)
    auditOf target lan AriAudit.Memory.none [||] start world |> checkedIn world

let private kinds (run: Run) = Completeness.shortfalls run.Snapshot.Completeness |> List.map _.Kind

let private reasons (run: Run) =
    Completeness.shortfalls run.Snapshot.Completeness |> List.map string |> String.concat "; "

let private whole = Complete [ EndOfTable; SameBoot ]

let private later (seconds: float) = start + TimeSpan.FromSeconds seconds

let ``at rest every channel is listed, with what it tells`` =
    example (fun () ->
        for connections in [ 0; 1; 70; 500 ] do
            let run = audit connections []
            run.Snapshot.Completeness |> Check.equal whole
            run.Snapshot.Observations |> Check.hasLength connections

        let world = World(50, 0.0, [])
        let run = auditOf target lan AriAudit.Memory.none [||] start world

        for seen in run.Snapshot.Observations do
            let connection = world.Truth[string seen.Id]
            seen.Facts.Call |> Check.equal (ValueSome(CallId.create connection.CallId))
            seen.Facts.Originator |> Check.equal (ValueSome connection.Calling)
            seen.Facts.Remote |> Check.equal (ValueSome connection.Called)
            seen.Facts.Codec.Value.Name |> Check.equal (SimCodec.name connection.Codec)
            seen.Facts.Qos.Reported.Value |> Check.says "loss 0 %, jitter 2 ms, round trip 24 ms"
            seen.Setup.Value.Evidence |> Check.equal Reported
            Interval.width seen.Setup.Value.Within |> Check.atMost (TimeSpan.FromSeconds 1.1))

let ``no bound is wrong while calls come and go, whatever its clock and its zone`` =
    example (fun () ->
        for words in
            [ []
              [ "clock-ahead-ms=7000123"; "zone-minutes=345" ]
              [ "clock-ahead-ms=-86400000"; "zone-minutes=-210" ]
              [ "proxied"; "clock-ahead-ms=5000" ]
              [ "stale-ms=900" ]
              [ "tells-formats"; "no-times" ] ] do
            for asksAnswers in [ false; true ] do
                let world = World(40, 2.0, words)
                let mutable memory = AriAudit.Memory.none
                let mutable known = [||]

                for round in 1..12 do
                    let run =
                        auditOf
                            { target with AsksAnswers = asksAnswers }
                            lan
                            memory
                            known
                            (later (float round * 7.3))
                            world
                        |> checkedIn world

                    run.Snapshot.Completeness |> Check.equal whole
                    memory <- AriAudit.memory run.State
                    known <- knownOf run.Snapshot)

let ``starts are exact where its CDRs are asked, and setups become exact from audit to audit`` =
    example (fun () ->
        let world = World(40, 2.0, [])
        let mutable memory = AriAudit.Memory.none
        let mutable last = Unchecked.defaultof<Run>

        for round in 1..40 do
            last <-
                auditOf { target with AsksAnswers = true } lan memory [||] (later (float round * 7.37)) world
                |> checkedIn world

            memory <- AriAudit.memory last.State

        for seen in last.Snapshot.Observations do
            Interval.width seen.Setup.Value.Within |> Check.atMost (TimeSpan.FromMilliseconds 100.0)

            if seen.Facts.State = ValueSome "Up" then
                seen.Start.Value.Evidence |> Check.equal Reported
                Interval.width seen.Start.Value.Within |> Check.atMost (TimeSpan.FromMilliseconds 100.0))

let ``a clock that was set is no restart, and what it stamped before is not dated anew`` =
    example (fun () ->
        // Without churn the channels of before outlive the hour that the clock lost.
        for set, churn in [ 3_600_000, 1.0; -3_600_000, 1.0; -3_600_000, 0.0; 5_000, 1.0 ] do
            let world = World(40, churn, [])
            let first = auditOf target lan AriAudit.Memory.none [||] (later 1.0) world |> checkedIn world
            world.Turn [ $"clock-set-ms={set}" ]
            let mutable memory = AriAudit.memory first.State
            let mutable known = knownOf first.Snapshot

            for round in 1..3 do
                let run =
                    auditOf target lan memory known (later (float round * 3000.0)) world |> checkedIn world

                run.Snapshot.Completeness |> Check.equal whole
                Boot.judge first.Snapshot.Boot run.Snapshot.Boot |> Check.equal SameRun

                for seen in run.Snapshot.Observations do
                    let connection = world.Truth[string seen.Id]

                    if connection.Setup < start then
                        seen.Setup |> Check.equal ValueNone

                memory <- AriAudit.memory run.State)

let ``a restart is seen, and dated between the two audits`` =
    example (fun () ->
        let world = World(40, 1.0, [ "zone-minutes=345" ])
        let first = auditOf target lan AriAudit.Memory.none [||] (later 1.0) world
        world.RestartAt(later 60.0)
        let second = auditOf target lan (AriAudit.memory first.State) [||] (later 100.0) world

        match Boot.judge first.Snapshot.Boot second.Snapshot.Boot with
        | BootVerdict.Restarted at ->
            Interval.contains (later 60.0) at |> Check.isTrue
            Interval.width at |> Check.atMost (TimeSpan.FromSeconds 1.1)
        | other -> failtest $"%A{other}"

        // In the middle of an audit.
        (audit 10 [ "restarts-after=3" ]) |> kinds |> Check.equal [ "restarted-meanwhile" ])

let ``a channel that ends between list and question is that row's verdict, and never the audit's failure`` =
    example (fun () ->
        let run =
            let world = World(20, 0.0, [ "denies-channels" ])
            auditOf target lan AriAudit.Memory.none [||] start world

        run.Snapshot.Completeness |> Check.equal whole
        run.Snapshot.Observations |> Check.hasLength 0

        let run = audit 20 [ "no-rtp" ]
        run.Snapshot.Completeness |> Check.equal whole
        run.Snapshot.Observations |> Check.hasLength 20)

let ``ghosts of a stale cache are no connections`` =
    example (fun () ->
        let world = World(20, 5.0, [ "ghosts=5" ])
        let run = auditOf target lan AriAudit.Memory.none [||] (later 60.0) world |> checkedIn world
        run.Snapshot.Completeness |> Check.equal whole)

let ``what the list lacks is asked for by name`` =
    example (fun () ->
        let world = World(20, 0.0, [])
        let first = auditOf target lan AriAudit.Memory.none [||] start world
        let known = knownOf first.Snapshot
        known |> Check.hasLength 20

        world.EndOneAt(later 5.0)

        let second =
            auditOf target lan (AriAudit.memory first.State) known (later 10.0) world |> checkedIn world

        second.Snapshot.Completeness |> Check.equal whole
        second.Snapshot.Denied |> Array.map string |> Check.equal (Array.ofSeq world.Ends.Keys)

        world.Turn [ "list-short-by=3" ]

        let third =
            auditOf target lan (AriAudit.memory second.State) known (later 20.0) world |> checkedIn world

        third |> kinds |> Check.equal [ "hidden" ]
        third.Snapshot.Observations |> Check.hasLength 19)

let ``what stalls is not asked again for a while, and nothing else waits for it`` =
    example (fun () ->
        let world = World(20, 0.0, [ "statistics-stall" ])

        let stalls () =
            world.Asked |> Seq.filter (fun asked -> asked.Target.EndsWith "rtp_statistics") |> Seq.length

        let first = auditOf target lan AriAudit.Memory.none [||] start world |> checkedIn world
        first.Snapshot.Completeness |> Check.equal whole
        first.Snapshot.Observations |> Array.forall _.Facts.Codec.IsSome |> Check.isTrue
        let asked = stalls ()
        asked |> Check.atMost 16

        let second = auditOf target lan (AriAudit.memory first.State) [||] (later 30.0) world
        stalls () |> Check.equal asked
        let third = auditOf target lan (AriAudit.memory second.State) [||] (later 90.0) world
        let again = stalls ()
        (again > asked) |> Check.isTrue
        // It rests twice as long now.
        let fourth = auditOf target lan (AriAudit.memory third.State) [||] (later 170.0) world
        stalls () |> Check.equal again

        world.Turn []
        let fifth = auditOf target lan (AriAudit.memory fourth.State) [||] (later 400.0) world

        fifth.Snapshot.Observations
        |> Array.forall (fun seen -> seen.Facts.Qos.Reported.IsSome)
        |> Check.isTrue)

let ``an audit asks about few channels, the new ones first and then the others in turn`` =
    example (fun () ->
        let world = World(10, 0.0, [])
        let target = { target with Details = 4 }
        let mutable memory = AriAudit.Memory.none
        let mutable known = [||]
        let seen = Collections.Generic.HashSet<string>()

        for round in 0..2 do
            world.Asked.Clear()
            let run = auditOf target lan memory known (later (float round * 10.0)) world
            memory <- AriAudit.memory run.State
            known <- knownOf run.Snapshot

            let about =
                [ for asked in world.Asked do
                      if asked.Target.EndsWith "rtp_statistics" then
                          asked.Target ]

            about |> Check.hasLength 4
            seen.UnionWith about

        // Four at first, and two rounds of others, which may begin with those.
        seen.Count |> Check.atLeast 8)

let ``what answers in Asterisk's place, or refuses, is named`` =
    example (fun () ->
        for word, kind, words in
            [ "unauthorized", "refused", "Authentication required (401)"
              "forbidden", "refused", "Access denied by ACL (403)"
              "boots-for=100", "refused", "Asterisk not booted (503)"
              "error-every=1", "refused", "Allocation failed (500)"
              "no-ari", "not-served", "Not Found (404)"
              "html", "unreadable", "text/html"
              "truncates", "unreadable", "application/json"
              "bad-gateway-every=1", "refused", "Bad Gateway (502)"
              "nameless-every=3", "unreadable", "channels without an id"
              "mute-after=0", "silent", "no answer"
              "mute-after=1", "cut-short", "no answer"
              "wrong-ids", "silent", "no request of this audit"
              "garbage", "silent", "no head" ] do
            let run = audit 10 [ word ]
            kinds run |> Check.because word (Check.equal [ kind ])
            reasons run |> Check.because word (Check.says words))

let ``a start or a proxy that answers 503 for a moment delays an audit, and spoils nothing`` =
    example (fun () ->
        for word in [ "boots-for=2"; "bad-gateway-every=3"; "doubles"; "padding=100000" ] do
            let run = audit 10 [ word ]
            run.Snapshot.Completeness |> Check.because word (Check.equal whole)
            run.Snapshot.Observations |> Check.hasLength 10)

let ``user and password are told`` =
    example (fun () ->
        let login = struct ("callserver", "päss:word")
        let world = World(5, 0.0, [], login)
        let (struct (user, password)) = login

        let by password =
            auditOf
                { target with Login = ValueSome(struct (user, Secret.ofText password)) }
                lan
                AriAudit.Memory.none
                [||]
                start
                world

        (by password).Snapshot.Completeness |> Check.equal whole
        by "another" |> kinds |> Check.equal [ "refused" ])

let ``no bound is wrong where messages are lost, doubled and late`` =
    example (fun () ->
        for seed in 1..40 do
            let network = Network.rough 0.2 (TimeSpan.FromMilliseconds 400.0)
            let world = World(seed, 3.0, [ "clock-ahead-ms=1234567" ])
            let mutable memory = AriAudit.Memory.none

            for round in 1..4 do
                let run =
                    auditOf target network memory [||] (later (float (seed + 60 * round))) world
                    |> checkedIn world

                memory <- AriAudit.memory run.State)

let ``a flood of strangers' messages changes nothing`` =
    example (fun () ->
        let given: AuditStart =
            { At = Moment.at start
              Rng = Rng.create 9UL
              Local = ""
              Known = [||]
              Afresh = false
              History = ValueNone }

        let state, _ = AriAudit.start target AriAudit.Memory.none given

        let stranger =
            HttpMessage.encodeResponse 200 "OK" [ HttpMessage.Id, "x" ] (Encoding.ASCII.GetBytes "[]")

        let after =
            (state, [ 1..100 ])
            ||> List.fold (fun state _ ->
                let state, commands = AriAudit.advance (Received(Moment.at start, stranger)) state
                commands |> List.forall _.IsWakeAt |> Check.isTrue
                state)

        AriAudit.strays after |> Check.equal 100
        AriAudit.requests after |> Check.equal 1)

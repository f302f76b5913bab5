module CallServer.Tests.Audit.CiscoTests

open System
open FsCheck
open FsCheck.FSharp
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange
open CallServer.Protocols.Snmp
open CallServer.Tests.Audit
open CallServer.Tests

let private cisco = (Profiles.tryFind "cisco-voice").Value
let private steady = Network.steady (TimeSpan.FromMilliseconds 2.0)
let private boot = Bench.start - TimeSpan.FromDays 3.0

/// An agent with the legs of each moment.
let private serve (boot: Instant) (legsAt: Instant -> Leg list) : Bench.Server =
    Bench.v2c "public" (fun now request -> SmallAgent.answer (CiscoTable.agent boot now (legsAt now)) request)

/// An agent with the same legs all the time.
let private serveStill (boot: Instant) (legs: Leg list) : Bench.Server =
    let agent = CiscoTable.agent boot Bench.start legs

    Bench.v2c "public" (fun now request ->
        SmallAgent.answer (SmallAgent.at (CiscoTable.scalars boot now 1 legs.Length) agent) request)

let private ids (snapshot: Snapshot) = [ for observation in snapshot.Observations -> string observation.Id ]

let private sorted (ids: string list) = ids |> List.sortWith (fun a b -> String.CompareOrdinal(a, b))

let private reasons (snapshot: Snapshot) =
    match snapshot.Completeness with
    | Complete _ -> []
    | Partial reasons -> reasons |> List.map (fun reason -> reason.Kind)

let ``a thousand legs are listed whole, with every proof`` =
    example (fun () ->
        let legs = CiscoTable.legs 1 Bench.start 1000
        let still = CiscoTable.agent boot Bench.start legs
        let server = Bench.v2c "public" (fun _ request -> SmallAgent.answer still request)
        let run = Bench.run 1UL steady server (Bench.target (Some cisco))
        (run.Snapshot.Completeness = Complete [ EndOfTable; SameBoot; CountAgrees ]) |> Check.isTrue
        (ids run.Snapshot = sorted (legs |> List.map (CiscoTable.id boot))) |> Check.isTrue
        run.Snapshot.Requests |> Check.below 180)

let ``every fact of a leg is where the contract puts it`` =
    example (fun () ->
        let now = Bench.start

        let leg: Leg =
            { Setup = now - TimeSpan.FromSeconds 70.0
              Number = 7u
              Connect = ValueSome(now - TimeSpan.FromSeconds 60.0)
              Guid = Array.create 16 0xABuy
              Peer = "14155550100"
              Reversed = "442070000000"
              Origin = 2
              Coder = 10
              Qos = 5
              Media = [| 192uy; 0uy; 2uy; 9uy |]
              Port = 20000 }

        let run = Bench.run 1UL steady (serve boot (fun _ -> [ leg ])) (Bench.target (Some cisco))
        let seen = run.Snapshot.Observations[0]
        string seen.Id |> Check.equal (CiscoTable.id boot leg)
        (seen.Stamp = ValueSome(string ((CiscoTable.instance boot leg)[0]))) |> Check.isTrue

        let expected: Facts =
            { Call = ValueSome(CallId.create (String.replicate 16 "ab"))
              Endpoint = ValueSome "3"
              Originator = ValueSome "14155550100"
              Remote = ValueSome "442070000000"
              Direction = ValueSome Incoming
              Codec = ValueSome(Codec.ofName "G729")
              Qos = QualityOfService.ofService ControlledLoad "controlledLoad"
              Mode = ValueNone
              State = ValueSome "active"
              LocalMedia = ValueNone
              RemoteMedia = ValueSome { Host = "192.0.2.9"; Port = 20000 }
              OtherMedia = ValueNone }

        (seen.Facts = expected) |> Check.because $"{seen.Facts}" Check.isTrue
        let originated = { leg with Origin = 1; Peer = "called"; Reversed = "caller" }
        let run = Bench.run 1UL steady (serve boot (fun _ -> [ originated ])) (Bench.target (Some cisco))
        (run.Snapshot.Observations[0].Facts.Originator = ValueSome "caller") |> Check.isTrue
        run.Snapshot.Observations[0].Facts.Direction |> Check.equal (ValueSome Outgoing))

let ``a leg that is not connected is listed, its start unknown`` =
    example (fun () ->
        let legs =
            CiscoTable.legs 1 Bench.start 3
            |> List.mapi (fun number leg -> if number = 1 then { leg with Connect = ValueNone } else leg)

        let run = Bench.run 1UL steady (serveStill boot legs) (Bench.target (Some cisco))

        let ringing =
            run.Snapshot.Observations
            |> Array.find (fun observation -> string observation.Id = CiscoTable.id boot legs[1])

        // It connected no earlier than the request that was answered, and perhaps never.
        (ringing.Start.Value.Within.Latest = Instant.distantFuture) |> Check.isTrue
        (ringing.Start.Value.Within.Earliest >= Bench.start) |> Check.isTrue
        ringing.Setup.IsSome |> Check.isTrue
        (ringing.Facts.State = ValueSome "connecting") |> Check.isTrue
        Snapshot.isComplete run.Snapshot |> Check.isTrue)

/// Up-times that matter: small ones, 2^31, and those around the wrap at 2^32 hundredths of a second.
let private upTimes =
    Gen.oneof
        [ Gen.choose (70, 100_000) |> Gen.map float
          Gen.choose (-300, 300) |> Gen.map (fun offset -> 21474836.48 + float offset)
          Gen.choose (-300, 300) |> Gen.map (fun offset -> 42949672.96 + float offset)
          Gen.choose (0, 60_000) |> Gen.map (fun offset -> 42949672.96 + float offset) ]

let ``the true times are within the bounds, whatever the latency and the up-time`` =
    lawBy (Laws.plain |> Laws.times 1000 |> Laws.seeded 20261122UL 1123UL) (fun () ->
        let cases =
            gen {
                let! upTime = upTimes
                let! seed = Gen.choose (0, 1_000_000)
                let! fraction = Gen.choose (0, 9999)
                let! ages = Gen.resize 12 (Gen.nonEmptyListOf (Gen.choose (0, 50_000_000)))
                let! latency = Gen.choose (1, 400)
                return upTime, seed, fraction, ages, latency
            }

        Prop.forAll (Arb.fromGen cases) (fun (upTime, seed, fraction, ages, latency) ->
            let boot = Bench.start - TimeSpan.FromSeconds upTime - TimeSpan.FromMicroseconds(float fraction)

            let legs =
                CiscoTable.legs seed Bench.start ages.Length
                |> List.map2
                    (fun (age: int) leg ->
                        let setup = Bench.start - TimeSpan.FromMicroseconds(float age)

                        { leg with
                            Setup = setup
                            Connect = ValueSome(setup + TimeSpan.FromMicroseconds(float (age / 3))) })
                    ages

            let network = Network.rough 0.1 (TimeSpan.FromMilliseconds(float latency))
            let run = Bench.run (uint64 seed) network (serveStill boot legs) (Bench.target (Some cisco))

            // A connect time of 0 ticks also means "not connected". In an active row this is the one moment in 497
            // days that is known only from the setup on.
            let truths =
                legs
                |> List.map (fun leg -> CiscoTable.id boot leg, (leg.Setup, leg.Connect.Value))
                |> Map.ofList

            let within (interval: Interval) (instant: Instant) = Interval.contains instant interval

            let holds (observation: Observation) =
                let setup, connect = truths[string observation.Id]

                let started =
                    match observation.Start with
                    | ValueSome start when (connect.Micros - boot.Micros) / 10_000L % 4294967296L = 0L ->
                        within start.Within connect
                    | ValueSome start ->
                        within start.Within connect
                        && Interval.width start.Within
                           <= TimeSpan.FromMilliseconds(float (2 * latency + 21))
                    | ValueNone -> false

                within observation.Setup.Value.Within setup && started

            let complete =
                match run.Snapshot.Completeness with
                | Complete _ -> run.Snapshot.Observations.Length = legs.Length
                | Partial _ -> true

            (complete && Array.forall holds run.Snapshot.Observations)
            |> Prop.label $"{run.Snapshot.Completeness} {run.Snapshot.Observations}"))

let ``an empty table is complete where the count says 0`` =
    example (fun () ->
        let run = Bench.run 1UL steady (serve boot (fun _ -> [])) (Bench.target (Some cisco))
        (run.Snapshot.Completeness = Complete [ EndOfTable; SameBoot; CountAgrees ]) |> Check.isTrue)

let ``a table that is not served is no empty table`` =
    example (fun () ->
        let objects =
            [ CiscoTable.scalar "1.3.6.1.2.1.1.3.0" (TimeTicks 100u)
              CiscoTable.scalar "1.3.6.1.6.3.16.1.1.1.1.0" (Integer 1L) ]

        let agent = { SmallAgent.create objects with Implemented = [] }
        let server = Bench.v2c "public" (fun _ request -> SmallAgent.answer agent request)

        for profile in Profiles.builtIn.Value do
            let run = Bench.run 1UL steady server (Bench.target (Some profile))
            reasons run.Snapshot |> Check.because profile.Name (Check.contains "not-served"))

let ``a count that never agrees makes the snapshot partial after three walks`` =
    example (fun () ->
        let legs = CiscoTable.legs 1 Bench.start 10

        let server =
            Bench.v2c "public" (fun now request ->
                let objects = CiscoTable.scalars boot now 1 12 @ List.collect (CiscoTable.rows boot) legs
                SmallAgent.answer (SmallAgent.create objects) request)

        let run = Bench.run 1UL steady server (Bench.target (Some cisco))

        match run.Snapshot.Completeness with
        | Partial [ CountDisagrees(counted, listed) ] ->
            counted |> Check.equal 12
            listed |> Check.equal 10
        | other -> failtest (string other)

        run.Snapshot.Observations.Length |> Check.equal 10)

let ``calls of one protocol that no table lists refute an empty one, whatever the total says`` =
    example (fun () ->
        for total in [ []; [ CiscoTable.scalar "1.3.6.1.4.1.9.9.63.1.3.8.2.0" (Gauge32 0u) ] ] do
            let gauge = CiscoTable.scalar "1.3.6.1.4.1.9.9.63.1.3.8.1.1.2.2" (Gauge32 2u)

            let server =
                Bench.v2c "public" (fun now request ->
                    let rest =
                        CiscoTable.scalars boot now 1 0 |> List.filter (fun v -> not (v.Value.IsGauge32))

                    SmallAgent.answer (SmallAgent.create (gauge :: total @ rest)) request)

            let run = Bench.run 1UL steady server (Bench.target (Some cisco))

            match run.Snapshot.Completeness with
            | Partial reasons ->
                (List.contains (CountDisagrees(2, 0)) reasons) |> Check.because $"{reasons}" Check.isTrue
            | Complete proof -> failtest $"{proof}")

let ``a gauge of calls may be less than the legs that the table lists`` =
    example (fun () ->
        let legs = CiscoTable.legs 1 Bench.start 10
        let gauge = CiscoTable.scalar "1.3.6.1.4.1.9.9.63.1.3.8.1.1.2.2" (Gauge32 5u)

        let server =
            Bench.v2c "public" (fun now request ->
                let objects =
                    gauge :: CiscoTable.scalars boot now 1 10 @ List.collect (CiscoTable.rows boot) legs

                SmallAgent.answer (SmallAgent.create objects) request)

        let run = Bench.run 1UL steady server (Bench.target (Some cisco))
        (run.Snapshot.Completeness = Complete [ EndOfTable; SameBoot; CountAgrees ]) |> Check.isTrue)

let ``a row that a walk missed by bad luck is found by the next walk of the same audit`` =
    example (fun () ->
        let legs = CiscoTable.legs 1 Bench.start 10
        let hidden = ref true

        let server =
            Bench.v2c "public" (fun now request ->
                let shown = if hidden.Value && request.Kind = GetBulk then legs.Tail else legs
                let rows = List.collect (CiscoTable.rows boot) shown
                // The second walk sees everything.
                if request.Kind = Get && now > Bench.start + TimeSpan.FromMilliseconds 10.0 then
                    hidden.Value <- false

                SmallAgent.answer (SmallAgent.create (CiscoTable.scalars boot now 1 10 @ rows)) request)

        let run = Bench.run 1UL steady server (Bench.target (Some cisco))
        (run.Snapshot.Completeness = Complete [ EndOfTable; SameBoot; CountAgrees ]) |> Check.isTrue
        run.Snapshot.Observations.Length |> Check.equal 10)

let ``under churn a complete snapshot lists every leg that was there all along, and none that was not there`` =
    lawBy (Laws.plain |> Laws.times 300 |> Laws.seeded 20261122UL 1123UL) (fun () ->
        let cases = Gen.zip3 (Gen.choose (0, 1_000_000)) (Gen.choose (1, 40)) (Gen.choose (0, 40))

        Prop.forAll (Arb.fromGen cases) (fun (seed, lasting, fleeting) ->
            let random = Random seed
            let old = CiscoTable.legs seed Bench.start lasting

            // Each begins and ends within the first second, on either side of the audit's beginning.
            let others =
                CiscoTable.legs (seed + 1) Bench.start fleeting
                |> List.map (fun leg ->
                    let from = Bench.start + TimeSpan.FromMilliseconds(float (random.Next(-500, 500)))

                    { leg with Setup = from; Number = leg.Number + 1000u; Connect = ValueSome from },
                    from + TimeSpan.FromMilliseconds(float (random.Next(1, 800))))

            let there now =
                old
                @ [ for leg, until in others do
                        if leg.Setup <= now && now < until then
                            leg ]

            let network = Network.rough 0.02 (TimeSpan.FromMilliseconds 30.0)
            let run = Bench.run (uint64 seed) network (serve boot there) (Bench.target (Some cisco))
            let listed = Set.ofList (ids run.Snapshot)
            let all = Set.ofList (List.map (CiscoTable.id boot) (old @ List.map fst others))
            let lasts = Set.ofList (List.map (CiscoTable.id boot) old)

            let right =
                match run.Snapshot.Completeness with
                | Complete _ -> Set.isSubset lasts listed
                | Partial _ -> true

            (right && Set.isSubset listed all)
            |> Prop.classify (Snapshot.isComplete run.Snapshot) "complete"
            |> Prop.label $"{run.Snapshot.Completeness}"))

let ``an agent that restarts in mid-audit is noticed`` =
    example (fun () ->
        let legs = CiscoTable.legs 1 Bench.start 200

        let server =
            Bench.v2c "public" (fun now request ->
                let restarted = now > Bench.start + TimeSpan.FromMilliseconds 30.0

                let boot, boots =
                    if restarted then Bench.start + TimeSpan.FromMilliseconds 29.0, 2 else boot, 1

                let objects =
                    CiscoTable.scalars boot now boots 200 @ List.collect (CiscoTable.rows boot) legs

                SmallAgent.answer (SmallAgent.create objects) request)

        let run = Bench.run 1UL steady server (Bench.target (Some cisco))
        reasons run.Snapshot |> Check.contains "restarted-meanwhile")

let ``a wrap of the up-time in mid-audit is no restart`` =
    example (fun () ->
        let boot = Bench.start - TimeSpan.FromMilliseconds(42949672960.0 - 20.0)
        let legs = CiscoTable.legs 1 Bench.start 100
        let run = Bench.run 1UL steady (serveStill boot legs) (Bench.target (Some cisco))

        (run.Snapshot.Completeness = Complete [ EndOfTable; SameBoot; CountAgrees ])
        |> Check.because $"{run.Snapshot.Completeness}" Check.isTrue)

let ``without a profile the fullest one that is served is taken`` =
    example (fun () ->
        let legs = CiscoTable.legs 1 Bench.start 3
        let run = Bench.run 1UL steady (serveStill boot legs) (Bench.target None)
        run.Snapshot.Profile |> Check.equal "cisco-voice"

        let bare =
            Bench.v2c "public" (fun now request ->
                let objects =
                    CiscoTable.scalars boot now 1 0 @ List.collect (CiscoTable.rows boot) legs
                    |> List.filter (fun varBind ->
                        not (Oid.isPrefixOf (Oid.parse "1.3.6.1.4.1") varBind.Name))

                SmallAgent.answer (SmallAgent.create objects) request)

        let run = Bench.run 1UL steady bare (Bench.target None)
        run.Snapshot.Profile |> Check.equal "dial-control"
        run.Snapshot.Observations.Length |> Check.equal 3)

let ``an up-time that stands still tells neither a restart nor a time`` =
    example (fun () ->
        let legs = CiscoTable.legs 1 Bench.start 300
        let still = CiscoTable.agent boot Bench.start legs
        let server = Bench.v2c "public" (fun _ request -> SmallAgent.answer still request)
        let slow = Network.steady (TimeSpan.FromMilliseconds 200.0)
        let run = Bench.run 1UL slow server (Bench.target (Some cisco))
        (run.Snapshot.Completeness = Complete [ EndOfTable; SameBoot; CountAgrees ]) |> Check.isTrue
        run.Snapshot.Boot.Began.IsNone |> Check.isTrue

        for observation in run.Snapshot.Observations do
            (observation.Start.Value.Evidence = Bounded) |> Check.isTrue)

let ``a slow reply's times are as exact as those of the quick ones`` =
    example (fun () ->
        let legs = CiscoTable.legs 1 Bench.start 100

        // Every third datagram takes 300 ms.
        let number = ref 0

        let uneven: Network =
            fun rng ->
                number.Value <- number.Value + 1
                struct ([ TimeSpan.FromMilliseconds(if number.Value % 3 = 0 then 300.0 else 2.0) ], rng)

        let run = Bench.run 1UL uneven (serveStill boot legs) (Bench.target (Some cisco))
        run.Snapshot.Observations.Length |> Check.equal 100

        for observation in run.Snapshot.Observations do
            let leg = legs |> List.find (fun leg -> CiscoTable.id boot leg = string observation.Id)
            let start = observation.Start.Value.Within
            Interval.contains leg.Connect.Value start |> Check.isTrue
            Interval.width start |> Check.below (TimeSpan.FromMilliseconds 40.0))

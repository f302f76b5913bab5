/// What audits over ng learn about the gateway's clock, and what that does to the bounds of starts.
module CallServer.Tests.Audit.NgClockTests

open System
open CallServer.Tests
open CallServer.Model
open CallServer.Ledger
open CallServer.Exchange
open CallServer.Protocols.Ng
open CallServer.Gateway
open CallServer.Tests.Wire

let private none: NgVices = NgVices.none

let private skewed (milliseconds: float) : NgVices =
    { none with ClockAhead = TimeSpan.FromMilliseconds milliseconds }

let private isRight (world: NgWorld) (snapshot: Snapshot) =
    match NgBench.wrongs world snapshot with
    | [] -> ()
    | wrongs ->
        let shown = wrongs |> List.truncate 5 |> String.concat "\n"
        failtest $"{snapshot.Completeness}\n{shown}"

let private setups (snapshot: Snapshot) : Interval[] =
    snapshot.Observations |> Array.map (fun observation -> observation.Setup.Value.Within)

let private at micros = Instant.ofMicros micros

let ``bounds of the skew hold the skew, whatever was read and however it aged`` =
    law (fun (skew: int) (readings: (int64 * int64 * int64) list) ->
        let skew = int64 skew
        let mutable bounds = GatewayClock.unknown

        for sent, wait, jitter in readings do
            // Something happened between the request and its reply, and the gateway stamped it with its own clock.
            let moment = 1_700_000_000_000_000L + sent % 1_000_000_000L
            let after = at (moment - abs (jitter % 1_000_000L))
            let before = at (moment + abs (wait % 1_000_000L))
            let stamp = moment + skew
            bounds <- GatewayClock.stamped stamp before bounds
            let second = stamp / 1_000_000L * 1_000_000L
            bounds <- GatewayClock.read second (second + 1_000_000L) after before bounds
            bounds <- GatewayClock.aged (TimeSpan.FromSeconds(float (abs (wait % 1000L)))) bounds

        (bounds.Least <= skew && skew <= bounds.Most) |> Check.isTrue)

let ``what was known of a clock holds it later too, though it drifts by 200 parts per million`` =
    law (fun (skew: int) (least: int64) (most: int64) (seconds: int) (isFast: bool) ->
        let skew, elapsed = int64 skew, int64 (abs (seconds % 1_000_000))
        let bounds = { Least = skew - abs (least % 10_000_000L); Most = skew + abs (most % 10_000_000L) }
        let later = if isFast then skew + 200L * elapsed else skew - 200L * elapsed
        let aged = GatewayClock.aged (TimeSpan.FromSeconds(float elapsed)) bounds
        (aged.Least <= later && later <= aged.Most) |> Check.because $"{later} {aged}" Check.isTrue)

let ``what happened lies within what is said of it`` =
    law (fun (skew: int) (least: int64) (most: int64) (age: int64) ->
        let skew = int64 skew
        let bounds = { Least = skew - abs (least % 10_000_000L); Most = skew + abs (most % 10_000_000L) }
        let received = 1_700_000_000_000_000L
        let truth = received - abs (age % 10_000_000_000L)
        let stamp = truth + skew - abs (age % NgClock.Staleness)
        let within = GatewayClock.happened stamp (stamp + NgClock.Staleness) (at received) bounds
        Interval.contains (at truth) within |> Check.because $"{at truth} {within}" Check.isTrue)

let ``discipline is taken for granted only where evidence is coarser, and not refuted`` =
    example (fun () ->
        let believed least most = GatewayClock.believed { Least = least; Most = most }
        let tolerance = GatewayClock.Tolerance
        Check.equal { Least = -tolerance; Most = tolerance } (GatewayClock.believed GatewayClock.unknown)
        Check.equal { Least = -5L; Most = tolerance } (believed -5L Int64.MaxValue)
        Check.equal { Least = -tolerance; Most = 7L } (believed -9_000_000L 7L)
        Check.equal { Least = 600_000L; Most = 2_400_000L } (believed 600_000L 2_400_000L)
        Check.equal { Least = 1_000_001L; Most = Int64.MaxValue } (believed 1_000_001L Int64.MaxValue)
        Check.equal { Least = -9_000_000L; Most = -2_000_000L } (believed -9_000_000L -2_000_000L))

let ``a clock that was set makes earlier evidence void`` =
    example (fun () ->
        let held = { Least = -5L; Most = 5L }
        Check.equal { Least = 0L; Most = 5L } (GatewayClock.learn held { Least = 0L; Most = 9L })
        Check.equal { Least = 100L; Most = 200L } (GatewayClock.learn held { Least = 100L; Most = 200L })
        Check.equal GatewayClock.unknown (GatewayClock.learn held { Least = 200L; Most = 100L }))

let ``media shows a clock that is wrong by whatever much in the first audit`` =
    lawBy (Laws.plain |> Laws.times 200) (fun (seed: uint64) (milliseconds: int) ->
        let world = NgBench.world seed 20 0.5 (skewed (float milliseconds * 37.0))
        let first = NgBench.audit world NgPath.udp seed
        isRight world first.Outcome
        world.AdvanceTo(world.Now + TimeSpan.FromSeconds 10.0)

        isRight
            world
            (NgBench.auditKnowing [||] world NgPath.udp (seed + 1UL) (NgAudit.memory first.State)).Outcome)

let ``without media a clock within the tolerance is enough`` =
    lawBy (Laws.plain |> Laws.times 200) (fun (seed: uint64) (milliseconds: int) ->
        let vices = { skewed (float (milliseconds % 990)) with NoMedia = true }
        let world = NgBench.world seed 20 1.0 vices
        let mutable memory = NgAudit.Memory.none

        for round in 1UL .. 6UL do
            let run = NgBench.auditKnowing [||] world NgPath.tcp (seed + round) memory
            memory <- NgAudit.memory run.State
            isRight world run.Outcome
            world.AdvanceTo(world.Now + TimeSpan.FromSeconds 10.0))

let ``the first audit of an idle gateway gives setups to a second or so, and says reported`` =
    example (fun () ->
        let world = NgBench.world 3UL 20 0.0 { none with NoMedia = true }
        let snapshot = (NgBench.audit world NgPath.udp 1UL).Outcome
        isRight world snapshot

        for observation in snapshot.Observations do
            Check.equal Reported observation.Setup.Value.Evidence

            Interval.width observation.Setup.Value.Within |> Check.atMost (TimeSpan.FromSeconds 2.06))

let ``media and new calls narrow the setups from audit to audit`` =
    example (fun () ->
        for media in [ true; false ] do
            let world = NgBench.world 3UL 40 2.0 { none with NoMedia = not media }
            let mutable memory = NgAudit.Memory.none
            let mutable widths = []

            for round in 1UL .. 25UL do
                let run = NgBench.auditKnowing [||] world NgPath.udp round memory
                memory <- NgAudit.memory run.State
                isRight world run.Outcome
                let widest = setups run.Outcome |> Array.map Interval.width |> Array.max
                widths <- widest :: widths
                world.AdvanceTo(world.Now + TimeSpan.FromSeconds 2.3)

            List.head widths
            |> Check.because $"media {media}: %A{List.rev widths}" (Check.below (TimeSpan.FromSeconds 0.4)))

let ``stamps of the future refute the discipline, and leave the setup open`` =
    example (fun () ->
        let world = NgBench.world 3UL 10 0.0 { skewed 3_600_000.0 with NoMedia = true }
        let snapshot = (NgBench.audit world NgPath.udp 1UL).Outcome
        isRight world snapshot

        for within in setups snapshot do
            Check.equal Instant.distantPast within.Earliest
            (within.Latest <= snapshot.Answered) |> Check.isTrue)

let ``whole seconds are told as such`` =
    example (fun () ->
        let world = NgBench.world 3UL 10 0.0 { none with NoMicros = true; NoMedia = true }
        let snapshot = (NgBench.audit world NgPath.udp 1UL).Outcome
        isRight world snapshot

        for within in setups snapshot do
            Interval.width within |> Check.above (TimeSpan.FromSeconds 2.5))

let ``a record of many audits holds every start, without a conflict`` =
    example (fun () ->
        for seed in 1UL .. 10UL do
            let world = NgBench.world seed 40 2.0 (skewed (float seed * 170.0 - 900.0))
            let mutable memory = NgAudit.Memory.none
            let mutable ledger = GatewayLedger.empty (GatewayId.create "gw")

            for round in 1UL .. 20UL do
                let run =
                    NgBench.auditKnowing ledger.Connections world NgPath.udp (seed * 100UL + round) memory

                memory <- NgAudit.memory run.State
                let struct (after, _) = Reconcile.apply run.Outcome ledger
                ledger <- after
                world.AdvanceTo(world.Now + TimeSpan.FromSeconds 3.0)

            Check.equal 0L ledger.ConflictsTotal

            let owners =
                world.Truth.Values
                |> Seq.collect (fun c -> world.Responder.Identify c |> Seq.map (fun i -> i.Id, c))
                |> Map.ofSeq

            for connection in ledger.Connections do
                let truth = owners[string connection.Id]

                Interval.contains truth.Start connection.Start.Within
                |> Check.because $"{truth.Start} {connection.Start}" Check.isTrue

                Interval.contains truth.Setup connection.Setup.Value.Within |> Check.isTrue)

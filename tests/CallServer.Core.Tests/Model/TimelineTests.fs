/// What two hosts know of each other's timeline through a clock that both can ask.
module CallServer.Tests.Model.TimelineTests

open System
open CallServer.Model
open CallServer.Tests

/// A host whose timeline runs behind a common clock, by so much at the clock's beginning, and fast by so many
/// parts per million.
type private Host = { Behind: TimeSpan; Ppm: float }

let private commonAt (seconds: float) : Instant = Instant.ofMicros (int64 (seconds * 1e6))

/// What the host's timeline shows when the clock shows this.
let private own (host: Host) (clock: Instant) : Instant =
    clock - host.Behind + TimeSpan.FromMicroseconds(floor (float clock.Micros * host.Ppm * 1e-6))

/// A reading that took so long there and back, of a clock that shows this moment in between.
let private ask (host: Host) (there: TimeSpan) (told: Instant) (back: TimeSpan) : ClockReading =
    ClockReading.ofExchange (own host (told - there)) told (own host (told + back))

let private host (behind: TimeSpan) (ppm: byte) : Host =
    // Two such hosts, and the clock, drift apart by no more than quartz does.
    { Behind = behind * 3600.0; Ppm = float ppm / 255.0 * 80.0 - 40.0 }

let ``an instant of one host lies where the shift says on the other's timeline`` =
    law
        (fun
            ((behindA: TimeSpan, behindB: TimeSpan),
             ppmA: byte,
             ppmB: byte,
             delays: TimeSpan list,
             later: TimeSpan) ->
            let delay place = delays |> List.tryItem place |> Option.defaultValue TimeSpan.Zero
            let a, b = host behindA ppmA, host behindB ppmB
            let readA = commonAt 1000.0
            // Up to a day passes between the readings.
            let readB = readA + later * 86_400.0

            let shift =
                TimelineShift.between (ask a (delay 0) readA (delay 1)) (ask b (delay 2) readB (delay 3))

            let inside = TimelineShift.interval shift (Interval.point (own a readB))
            Interval.contains (own b readB) inside)

let ``a shift that lasts holds as long as it says`` =
    law
        (fun (behindA: TimeSpan, behindB: TimeSpan, ppmA: byte, ppmB: byte, delay: TimeSpan, lasts: TimeSpan) ->
            let a, b = host behindA ppmA, host behindB ppmB
            let read = commonAt 1000.0
            let lasts = lasts.Duration() * 60.0
            let shift = TimelineShift.between (ask a delay read delay) (ask b delay read delay)
            let later = read + lasts

            let inside =
                TimelineShift.interval (TimelineShift.lasting lasts shift) (Interval.point (own a later))

            Interval.contains (own b later) inside)

let ``later readings only narrow what is known while no clock is stepped`` =
    law (fun (behind: TimeSpan, ppm: byte, delays: (TimeSpan * TimeSpan) list) ->
        let one = host behind ppm

        let readings =
            delays
            |> List.mapi (fun place (there, back) -> ask one there (commonAt (float (10 * place))) back)

        match readings with
        | [] -> true
        | first :: rest ->
            let all = List.scan ClockReading.after first rest

            List.forall2
                (fun (known: ClockReading) (alone: ClockReading) ->
                    let truth = known.Told - own one known.Told

                    known.Least <= truth
                    && truth <= known.Most
                    && known.Least >= alone.Least
                    && known.Most <= alone.Most)
                all
                readings)

let ``after a step of the clock the later reading counts alone`` =
    example (fun () ->
        let one = host TimeSpan.Zero 128uy
        let soon = TimeSpan.FromMilliseconds 1.0
        let before = ask one soon (commonAt 10.0) soon

        let stepped =
            { before with
                Least = before.Least + TimeSpan.FromHours 1.0
                Most = before.Most + TimeSpan.FromHours 1.0 }

        ClockReading.after before stepped |> Check.equal stepped)

let ``a shift there and back holds where it began`` =
    law (fun (behindA: TimeSpan, behindB: TimeSpan, delay: TimeSpan, i: Interval) ->
        let a = ask (host behindA 128uy) delay (commonAt 100.0) delay
        let b = ask (host behindB 128uy) delay (commonAt 100.0) delay
        let there = TimelineShift.interval (TimelineShift.between a b) i
        let back = TimelineShift.interval (TimelineShift.between b a) there
        Interval.intersect back i = ValueSome i && Interval.isBounded back = Interval.isBounded i)

/// The parts that a dispute is judged by: numbers, times, looks, pairs and money.
module CallServer.Tests.Disputes.DisputeTests

open System
open System.Collections.Generic
open CallServer.Model
open CallServer.Disputes
open CallServer.Tests

let ``a number is its last seven digits, however it is written`` =
    examples
        [ "+41791234567", 1234567
          "0041 79 123 45 67", 1234567
          "'+41791234567", 1234567
          "(079) 123-45-67", 1234567
          "sip:+41791234567@192.0.2.1;user=phone", 1234567
          "\"Ann 7\" <sip:0791234567@example.net>;tag=3847362738", 1234567
          "tel:+41-79-123-45-67", 1234567
          "555.123.4567", 1234567 ]
        (fun (text, tail) -> (PartyNumber.ofText text).Tail |> Check.equal tail)

let ``what is no number with seven digits tells nothing`` =
    examples
        [ null
          ""
          "anonymous"
          "sip:anonymous@1234567890.invalid"
          "123456"
          "192.168.100.200"
          "192.0.2.1:16384"
          "[2001:db8::12]:16384"
          "aaln/1@gw1.example.net"
          "…4567"
          "+4179…4567"
          "ext 1234567890" ]
        (fun (text: string) -> PartyNumber.ofText text |> Check.equal PartyNumber.untold)

let private parties caller called : Parties = { Caller = { Tail = caller }; Called = { Tail = called } }

let ``numbers rule out a connection only where the rule says so`` =
    examples
        [ OneAgrees, parties 1 2, parties 3 4, true
          OneAgrees, parties 1 2, parties 3 2, false
          OneAgrees, parties 1 2, parties 2 1, false
          OneAgrees, parties 1 2, parties 3 -1, false
          OneAgrees, parties -1 2, parties 3 4, false
          ToldAgrees, parties 1 2, parties 3 -1, true
          ToldAgrees, parties 1 2, parties -1 -1, false
          ToldAgrees, parties 1 -1, parties 3 4, false
          NeverTrusted, parties 1 2, parties 3 4, false ]
        (fun (trust, claim, connection, isContradicted) ->
            Parties.contradict trust claim connection |> Check.equal isContradicted)

let ``how many numbers agree does not depend on who is asked`` =
    lawBy Laws.plain (fun (a: byte, b: byte, c: byte, d: byte) ->
        let small (n: byte) = int (n % 4uy) - 1
        let one, other = parties (small a) (small b), parties (small c) (small d)
        Parties.agreeing one other = Parties.agreeing other one)

let private second = 1_000_000L
let private at seconds = Instant.ofMicros (seconds * second)
let private within a b = Interval.create (at a) (at b)

/// A true call lies within what its row claims, whatever the clock and the rounding did within their limits.
let ``a row's times hold what is true, for every skew and rounding`` =
    lawBy (Laws.times 2000 Laws.plain) (fun (seed: int) ->
        let random = Random seed
        let skew = random.Next(0, 10_000_000)
        let rounding = int64 (random.Next(1, 61)) * second

        let tolerance: Tolerance =
            { Skew = TimeSpan.FromMicroseconds(float skew)
              Rounding = TimeSpan.FromMicroseconds(float rounding)
              Ring = TimeSpan.FromMinutes 3.0 }

        let start = random.NextInt64(10L * second, 10_000L * second)
        let talk = random.NextInt64(0L, 4000L * second)
        let ring = random.NextInt64(0L, 180L * second)
        let lapse () = int64 (random.Next(-skew, skew + 1))
        let point (time: int64) = ValueSome(Interval.point (Instant.ofMicros (time + lapse ())))

        let rounded (time: int64) =
            let down = time / rounding * rounding
            ValueSome(TimeSpan.FromMicroseconds(float (if random.Next 2 = 0 then down else down + rounding)))

        let told: Told =
            match random.Next 6 with
            | 0 ->
                { Answer = point start
                  Setup = ValueNone
                  End = ValueNone
                  Talk = rounded talk
                  Duration = ValueNone }
            | 1 ->
                { Answer = point start
                  Setup = point (start - ring)
                  End = point (start + talk)
                  Talk = rounded talk
                  Duration = rounded (talk + ring) }
            | 2 ->
                { Answer = ValueNone
                  Setup = point (start - ring)
                  End = ValueNone
                  Talk = rounded talk
                  Duration = ValueNone }
            | 3 ->
                { Answer = ValueNone
                  Setup = point (start - ring)
                  End = ValueNone
                  Talk = ValueNone
                  Duration = rounded (talk + ring) }
            | 4 ->
                { Answer = ValueNone
                  Setup = point (start - ring)
                  End = point (start + talk)
                  Talk = rounded talk
                  Duration = ValueNone }
            | _ ->
                { Answer = ValueNone
                  Setup = ValueNone
                  End = point (start + talk)
                  Talk = rounded talk
                  Duration = ValueNone }

        match Claim.times tolerance told with
        | Ok(struct (started, ended, _)) ->
            Interval.contains (Instant.ofMicros start) started
            && Interval.contains (Instant.ofMicros (start + talk)) ended
        | Error _ -> false)

let ``a row without a duration or a time says what it lacks`` =
    example (fun () ->
        let nothing: Told =
            { Answer = ValueNone
              Setup = ValueNone
              End = ValueNone
              Talk = ValueNone
              Duration = ValueNone }

        let tolerance: Tolerance = { Skew = TimeSpan.Zero; Rounding = TimeSpan.Zero; Ring = TimeSpan.Zero }

        Claim.times tolerance nothing |> Check.equal (Error "it has no duration")

        Claim.times tolerance { nothing with Talk = ValueSome(TimeSpan.FromSeconds 3.0) }
        |> Check.equal (Error "it has no time")

        Claim.times tolerance { nothing with Talk = ValueSome(TimeSpan.FromSeconds -3.0) }
        |> Check.equal (Error "its duration is negative"))

/// Every way to give rows calls.
let private waysOf (rows: int) (candidates: Candidate[]) =
    let rec go row taken =
        if row = rows then
            [ [] ]
        else
            [ yield! go (row + 1) taken
              for candidate in candidates do
                  if candidate.Row = row && not (Set.contains candidate.Call taken) then
                      for rest in go (row + 1) (Set.add candidate.Call taken) do
                          candidate :: rest ]

    go 0 Set.empty

let private someCandidates (random: Random) rows calls =
    [| for row in 0 .. rows - 1 do
           for call in 0 .. calls - 1 do
               if random.Next 2 = 0 then
                   { Row = row; Call = call; Leg = 0; Cost = int64 (random.Next 20) } |]

let ``as many pairs as possible, and of those the cheapest, as trying all ways shows`` =
    lawBy (Laws.times 500 Laws.plain) (fun (seed: int) ->
        let random = Random seed
        let rows, calls = random.Next(1, 6), random.Next(1, 6)
        let candidates = someCandidates random rows calls

        let best =
            waysOf rows candidates |> List.map (fun way -> -way.Length, way |> List.sumBy _.Cost) |> List.min

        let measured (chosen: int[]) =
            let pairs = chosen |> Array.filter (fun i -> i >= 0) |> Array.map (Array.get candidates)
            pairs |> Array.map _.Call |> Check.isUnique

            for row in 0 .. rows - 1 do
                if chosen[row] >= 0 then
                    candidates[chosen[row]].Row |> Check.equal row

            -pairs.Length, pairs |> Array.sumBy _.Cost

        measured (Assignment.choose rows calls candidates) = best
        && measured (Assignment.chooseInParts rows calls candidates) = best)

let ``too much to find the best way still gives each row and call once`` =
    example (fun () ->
        let side = 150

        let candidates =
            [| for row in 0 .. side - 1 do
                   for call in 0 .. side - 1 do
                       { Row = row; Call = call; Leg = 0; Cost = int64 ((row * 7 + call * 13) % 101) } |]

        candidates.Length |> Check.above Assignment.exactUpTo

        let chosen = Assignment.chooseInParts side side candidates
        chosen |> Array.map (fun i -> candidates[i].Call) |> Check.isUnique
        chosen |> Check.hasLength side)

let private someLeg (random: Random) : Leg =
    let start = random.Next 1000
    let early = random.Next 20
    let lasted = random.Next 100
    let late = random.Next 20

    { Cdr = Guid.Empty
      Gateway = 0
      Start =
        if random.Next 10 = 0 then
            Interval.upTo (at (int64 start))
        else
            within (int64 (start - early)) (int64 start)
      End =
        if random.Next 10 = 0 then
            Interval.from (at (int64 (start + lasted)))
        else
            within (int64 (start + lasted)) (int64 (start + lasted + late))
      Parties = parties (random.Next 5) (random.Next 6 - 1)
      Call = 0UL }

let private mayBeUp (period: Interval) (leg: Leg) =
    leg.Start.Earliest <= period.Latest && leg.End.Latest >= period.Earliest

let ``the index finds what may have been up, and nothing else`` =
    lawBy (Laws.times 300 Laws.plain) (fun (seed: int) ->
        let random = Random seed
        let legs = Array.init (random.Next 60) (fun _ -> someLeg random)
        let keys = legs |> Array.map (fun leg -> uint64 leg.Parties.Caller.Tail)
        let index = LegIndex.Create(legs, keys, Array.init legs.Length id)

        [ for key in 0..4 do
              let from = int64 (random.Next 1100)
              let period = within from (from + int64 (random.Next 50))
              let found = List<int>()
              index.TryFind(uint64 key, period, 1000, found) |> Check.isTrue

              let expected =
                  [ for i in 0 .. legs.Length - 1 do
                        if legs[i].Parties.Caller.Tail = key && mayBeUp period legs[i] then
                            i ]

              Set found = Set expected && found.Count = expected.Length ]
        |> List.forall id)

let ``the index says when it found too much`` =
    example (fun () ->
        let leg = someLeg (Random 3)
        let legs = Array.create 10 { leg with Start = within 0 1; End = within 9 10 }
        let index = LegIndex.Create(legs, Array.create 10 7UL, Array.init 10 id)
        let found = List<int>()
        index.TryFind(7UL, within 3 4, 9, found) |> Check.isFalse
        found.Clear()
        index.TryFind(7UL, within 3 4, 10, found) |> Check.isTrue)

let ``looks show nothing only where one by one nothing could have been there`` =
    lawBy (Laws.times 1000 Laws.plain) (fun (seed: int) ->
        let random = Random seed

        let looks =
            (0L, Array.zeroCreate<unit> (random.Next 30))
            ||> Array.mapFold (fun now () ->
                let from = now + int64 (random.Next(1, 60))
                let over = from + int64 (random.Next 10)
                within from over, over + 1L)
            |> fst

        let legs = Array.init (random.Next 6) (fun _ -> someLeg random)
        let watched = Looks.Create(OneAgrees, looks, legs)
        let from = int64 (random.Next 800)
        let period = within from (from + int64 (random.Next 400))
        let tellsBoth = random.Next 2 = 0
        let needed = random.Next(1, 4)

        let suspects =
            [| for leg in legs do
                   if not (Parties.isWild OneAgrees leg.Parties) && random.Next 2 = 0 then
                       leg |]

        let inside =
            looks
            |> Array.filter (fun look -> look.Earliest >= period.Earliest && look.Latest <= period.Latest)

        let isFree look =
            legs
            |> Array.forall (fun leg ->
                not (mayBeUp look leg)
                || (tellsBoth
                    && not (Parties.isWild OneAgrees leg.Parties)
                    && not (Array.contains leg suspects)))

        match watched.Within(period, tellsBoth, needed, suspects) with
        | Seen.TooSeldom -> inside.Length < needed
        | Seen.Something -> inside.Length >= needed && (inside |> Array.filter isFree).Length < needed
        | Seen.Nothing found -> found = (inside |> Array.filter isFree |> Array.truncate needed))

let ``of looks that overlap, one counts`` =
    example (fun () ->
        let watched = Looks.Create(OneAgrees, [ within 10 20; within 12 19; within 15 30 ], [||])

        match watched.Within(within 0 100, true, 2, [||]) with
        | Seen.TooSeldom -> ()
        | other -> failtest $"%A{other}")

let ``a rate is an amount for a unit, and the steps in which time counts`` =
    examples
        [ "0.012/min", 61, 61L, 0.0122m
          "0.012/min:60/60", 61, 120L, 0.024m
          "0.012 EUR/min:30/6", 1, 30L, 0.006m
          "0.012EUR/min:30/6", 31, 36L, 0.0072m
          "3.6/h", 1, 1L, 0.001m
          "0.5/s", 0, 0L, 0m ]
        (fun (text, seconds, counted, price) ->
            let rate = (Rate.tryParse text).Value
            Rate.counted rate (TimeSpan.FromSeconds(float seconds)) |> Check.equal counted
            Rate.price rate counted |> Check.equal price)

let ``what is no rate is refused`` =
    examples
        [ ""; "0.012"; "/min"; "-1/min"; "0.012/day"; "0.012/min:60"; "0.012/min:0/60"; "1e3/min"; "x/min" ]
        (fun (text: string) -> Rate.tryParse text |> Check.equal None)

let ``a clock that is an hour off is noticed, and one within the skew is not`` =
    example (fun () ->
        let leg i : Leg =
            { Cdr = Guid.Empty
              Gateway = 0
              Start = within (int64 i * 100L) (int64 i * 100L)
              End = within (int64 i * 100L + 50L) (int64 i * 100L + 50L)
              Parties = parties i (i + 1000)
              Call = 0UL }

        let claim (shift: int64) i : Claim =
            let leg = leg i

            { Row = i
              Start =
                Interval.widen (TimeSpan.FromSeconds 2.0) (TimeSpan.FromSeconds 2.0) leg.Start
                |> Interval.shift (TimeSpan.FromSeconds(float shift))
              End = leg.End
              Lasted = TimeSpan.FromSeconds 50.0
              Parties = leg.Parties
              Call = 0UL }

        let median shift =
            match ClockOffset.median (Array.init 20 leg) (Array.init 20 (claim shift)) with
            | ValueSome(struct (offset, _)) -> offset.TotalSeconds
            | ValueNone -> nan

        median 0L |> Check.equal 0.0
        median 2L |> Check.equal 0.0
        median 3602L |> Check.equal 3600.0
        median -3602L |> Check.equal -3600.0)

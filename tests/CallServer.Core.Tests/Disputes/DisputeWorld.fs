/// Networks with a known truth, the record that CallServer would have of them, and a partner who bills for it.
module CallServer.Tests.Disputes.DisputeWorld

open System
open CallServer.Model
open CallServer.Disputes

/// A call as it truly was, in microseconds.
type TrueCall = { Gateway: int; Start: int64; End: int64; Parties: Parties; Id: uint64 }

/// What a row is, as nobody but the simulation knows.
type Truth =
    /// The row of this call.
    | OfCall of int
    /// Another row for this call, with the same figures or nearly so.
    | Double of int
    /// This call, and much longer than it was.
    | Inflated of int
    | Invented

type World = { Measure: Measure; Looks: Interval[][]; Legs: Leg[]; Claims: Claim[]; Truths: Truth[] }

let private second = 1_000_000L
let private at (micros: int64) = Instant.ofMicros micros
let private span (micros: int64) = TimeSpan.FromMicroseconds(float micros)
let private number tail : PartyNumber = { Tail = tail }

/// One audit of a gateway: from the first question to the last answer, and whether it was complete.
type private Audit = { From: int64; To: int64; IsComplete: bool }

let private audits (random: Random) (until: int64) =
    let every = int64 (random.Next(2, 60)) * second
    let isFlaky = random.Next 4 = 0

    let audits = ResizeArray()
    let mutable now = int64 (random.Next(0, 60)) * second

    while now < until do
        let took = int64 (random.Next(20_000, 1_500_000))

        // Now and then the host is down for a while.
        if random.Next 200 = 0 then
            now <- now + int64 (random.Next(60, 1800)) * second

        audits.Add
            { From = now
              To = now + took
              IsComplete = random.Next 100 >= (if isFlaky then 40 else 3) }

        now <- now + every + took

    audits.ToArray()

/// What the record has of a call that was up from `start` to `over`: nothing if no audit listed it.
let private seen (random: Random) (isTorn: bool) (audits: Audit[]) (start: int64) (over: int64) =
    let mutable first = -1
    let mutable last = -1
    let mutable absences = 0
    let mutable closed = -1
    let mutable wasTorn = false
    let needed = if isTorn then 2 else 1

    for i in 0 .. audits.Length - 1 do
        let audit = audits[i]

        if closed < 0 && audit.To >= start then
            let isUp = start <= audit.From && audit.To <= over
            let isPartly = not isUp && start <= audit.To && audit.From <= over
            let tears = isTorn && not wasTorn && audit.IsComplete && random.Next 30 = 0

            let isListed =
                if isUp then
                    (audit.IsComplete && not tears) || (not audit.IsComplete && random.Next 10 < 7)
                elif isPartly then
                    random.Next 2 = 0
                else
                    false

            wasTorn <- isUp && tears

            if isListed then
                first <- if first < 0 then i else first
                last <- i
                absences <- 0
            elif first >= 0 && audit.IsComplete then
                absences <- absences + 1

                if absences = needed then
                    closed <- i

    if first < 0 then
        ValueNone
    else
        let before =
            audits[.. first - 1]
            |> Array.tryFindBack _.IsComplete
            |> Option.map (fun audit -> at audit.From)
            |> Option.defaultValue Instant.distantPast

        let told =
            if random.Next 2 = 0 then
                Interval.create
                    (at (start - int64 (random.Next 200_000)))
                    (at (start + int64 (random.Next 200_000)))
            else
                Interval.create before (at (max start audits[first].To))

        let heard = at (min over (max start audits[last].From))

        let ended =
            if closed >= 0 then
                Interval.create heard (at (max over audits[closed].To))
            else
                Interval.create heard Instant.distantFuture

        ValueSome(struct (told, ended))

let private legsOf (random: Random) (isTorn: bool[]) (audits: Audit[][]) (call: TrueCall) : Leg list =
    let leg gateway start over parties =
        match seen random isTorn[gateway] audits[gateway] start over with
        | ValueSome(struct (started, ended)) ->
            [ { Cdr = Guid.NewGuid()
                Gateway = gateway
                Start = started
                End = ended
                Parties = parties
                Call = call.Id } ]
        | ValueNone -> []

    // A gateway may not tell a number, or tell another one for one of the two.
    let parties =
        match random.Next 12 with
        | 0 -> { call.Parties with Caller = PartyNumber.untold }
        | 1 -> { call.Parties with Called = PartyNumber.untold }
        | 2 -> { call.Parties with Caller = number (random.Next 10_000_000) }
        | 3 -> { Caller = call.Parties.Called; Called = call.Parties.Caller }
        | _ -> call.Parties

    match random.Next 20 with
    // The gateway forgets to take it off its list.
    | 0 -> leg call.Gateway call.Start (call.End + int64 (random.Next(60, 7200)) * second) parties
    // It goes on as another connection.
    | 1 ->
        let middle = call.Start + (call.End - call.Start) / 2L
        leg call.Gateway call.Start middle parties @ leg call.Gateway middle call.End parties
    // It crosses another gateway too.
    | 2
    | 3 ->
        leg call.Gateway call.Start call.End parties
        @ leg (random.Next audits.Length) call.Start call.End parties
    | _ -> leg call.Gateway call.Start call.End parties

let private claimed
    (random: Random)
    (tolerance: Tolerance)
    (skew: int64)
    (row: int)
    (call: TrueCall)
    : Claim =
    let rounding = max 1L (tolerance.Rounding.Ticks / TimeSpan.TicksPerMicrosecond)
    let lasted = call.End - call.Start

    let lasted =
        match random.Next 3 with
        | 0 -> (lasted + rounding - 1L) / rounding * rounding
        | 1 -> lasted / rounding * rounding
        | _ -> (lasted + rounding / 2L) / rounding * rounding

    // A clock that its owner sets now and then.
    let now = skew + int64 (random.Next(-100_000, 100_000))
    let whole (time: int64) = (time + now) / second * second
    let coarse (time: int64) = Interval.create (at (whole time - second)) (at (whole time + second))

    let told: Told =
        match random.Next 4 with
        | 0 ->
            { Answer = ValueNone
              Setup = ValueSome(coarse (call.Start - int64 (random.Next 30) * second))
              End = ValueNone
              Talk = ValueSome(span lasted)
              Duration = ValueNone }
        | 1 ->
            { Answer = ValueNone
              Setup = ValueNone
              End = ValueSome(coarse call.End)
              Talk = ValueSome(span lasted)
              Duration = ValueNone }
        | _ ->
            { Answer = ValueSome(coarse call.Start)
              Setup = ValueNone
              End = if random.Next 2 = 0 then ValueSome(coarse call.End) else ValueNone
              Talk = ValueSome(span lasted)
              Duration = ValueNone }

    match Claim.times tolerance told with
    | Ok(struct (start, over, lasted)) ->
        { Row = row
          Start = start
          End = over
          Lasted = lasted
          Parties =
            (match random.Next 15 with
             | 0 -> { call.Parties with Caller = PartyNumber.untold }
             | _ -> call.Parties)
          Call = if random.Next 2 = 0 then call.Id else 0UL }
    | Error mistake -> failwith mistake

let create (seed: int) : World =
    let random = Random seed
    let gateways = random.Next(1, 4)
    let hours = random.Next(1, 4)
    let until = int64 hours * 3600L * second
    let count = random.Next(5, 400)
    // Few numbers, so that the same two talk again and again.
    let numbers = Array.init (random.Next(3, 400)) (fun _ -> number (random.Next 10_000_000))

    let tolerance: Tolerance =
        { Skew = TimeSpan.FromSeconds(float (random.Next(1, 6)))
          Rounding = TimeSpan.FromSeconds([| 1.0; 6.0; 60.0 |][random.Next 3])
          Ring = TimeSpan.FromMinutes 3.0 }

    let audits = Array.init gateways (fun _ -> audits random (until + 4L * 3600L * second))
    let isTorn = Array.init gateways (fun _ -> random.Next 3 = 0)

    let someCall () =
        let start = int64 (random.NextDouble() * float until)
        let lasted = int64 (-Math.Log(1.0 - random.NextDouble()) * 180.0 * float second) + 1L

        { Gateway = random.Next gateways
          Start = start
          End = start + lasted
          Parties =
            { Caller = numbers[random.Next numbers.Length]
              Called = numbers[random.Next numbers.Length] }
          Id = if random.Next 3 = 0 then 0UL else uint64 (random.NextInt64(1L, Int64.MaxValue)) }

    let calls = Array.init count (fun _ -> someCall ())
    let skewLimit = tolerance.Skew.Ticks / TimeSpan.TicksPerMicrosecond - 100_000L
    let skew = random.NextInt64(-skewLimit, skewLimit + 1L)
    let claimed = claimed random tolerance skew

    let rows =
        [| for i in 0 .. calls.Length - 1 do
               // Other partners' calls stand in no row.
               if random.Next 10 < 7 then
                   match random.Next 12 with
                   | 0 ->
                       let longer =
                           calls[i].Start + (calls[i].End - calls[i].Start) * int64 (random.Next(2, 9))

                       Inflated i, claimed 0 { calls[i] with End = longer + 30L * second }
                   | 1 ->
                       let row = claimed 0 calls[i]
                       OfCall i, row
                       Double i, (if random.Next 2 = 0 then row else claimed 0 calls[i])
                   | 2 -> Invented, claimed 0 (someCall ())
                   | _ -> OfCall i, claimed 0 calls[i] |]

    random.Shuffle rows

    { Measure =
        { Tolerance = tolerance
          Trust = (if random.Next 3 = 0 then NeverTrusted else OneAgrees)
          Looks = 2 }
      Looks =
        audits
        |> Array.map (fun audits ->
            audits
            |> Array.filter _.IsComplete
            |> Array.map (fun audit -> Interval.create (at audit.From) (at audit.To)))
      Legs = calls |> Seq.collect (legsOf random isTorn audits) |> Seq.toArray
      Claims = rows |> Array.mapi (fun i (_, claim) -> { claim with Row = i + 1 })
      Truths = rows |> Array.map fst }

namespace CallServer.Disputes

open System
open System.Collections.Generic
open CallServer.Model

/// What claims are judged by.
type Measure =
    {
        Tolerance: Tolerance
        Trust: NumberTrust
        /// How many complete looks at every gateway it takes to say that a call was not there, at least 1. Two, where a
        /// single list may miss a row because rows move.
        Looks: int
    }

/// Judges a partner's claims by the record. *A claim is disproved only if, at moments when it says that the call was going
/// on, every gateway gave its whole list, and nothing in any list can be that call.* So no true claim is ever disproved,
/// if our clock and the partner's agree within the skew, all gateways that may carry its calls are asked, and numbers rule
/// out only what they may (`NumberTrust`).
module Judging =
    /// How many connections are compared with one claim. If more have its number at that time, none is ruled out.
    let private most = 512

    let private pair (parties: Parties) =
        let a, b = parties.Caller.Tail, parties.Called.Tail
        uint64 (min a b) * 10_000_000UL + uint64 (max a b)

    /// How far two intervals are apart, in microseconds; 0 if they meet.
    let private apart (a: Interval) (b: Interval) : int64 =
        if a.Earliest > b.Latest then a.Earliest.Micros - b.Latest.Micros
        elif b.Earliest > a.Latest then b.Earliest.Micros - a.Latest.Micros
        else 0L

    let private isNamed (claim: Claim) (leg: Leg) = claim.Call <> 0UL && claim.Call = leg.Call
    let private isSure claim leg = isNamed claim leg || Parties.agreeing claim.Parties leg.Parties = 2

    /// An id outweighs numbers, two numbers outweigh one, and both outweigh how well the times fit.
    let private cost (claim: Claim) (leg: Leg) : int64 =
        let unlike =
            if isNamed claim leg then 0L
            elif Parties.agreeing claim.Parties leg.Parties = 2 then 1L
            else 2L

        let misfit = apart claim.Start leg.Start + apart claim.End leg.End
        unlike * 1_000_000_000_000_000L + min misfit 999_999_999_999_999L

    /// Whether the claim lies within what the bounds of the connection allow.
    let internal isInside (tolerance: Tolerance) (claim: Claim) (leg: Leg) : bool =
        claim.Start.Latest >= leg.Start.Earliest
        && claim.End.Earliest <= leg.End.Latest
        && (leg.Start.Earliest = Instant.distantPast
            || leg.End.Latest = Instant.distantFuture
            || claim.Lasted - tolerance.Rounding <= leg.End.Latest - leg.Start.Earliest)

    let private hasBounds (leg: Leg) = Interval.isBounded leg.Start && Interval.isBounded leg.End

    /// Connections with the same call id that were up together are one call. Any other is a call of its own.
    let internal calls (legs: Leg[]) : struct (int[] * int) =
        let callOf = Array.zeroCreate legs.Length
        let mutable count = 0
        let named = List<int>()

        for leg in 0 .. legs.Length - 1 do
            if legs[leg].Call = 0UL then
                callOf[leg] <- count
                count <- count + 1
            else
                named.Add leg

        named.Sort(fun a b ->
            compare
                struct (legs[a].Call, legs[a].Start.Earliest.Micros)
                struct (legs[b].Call, legs[b].Start.Earliest.Micros))

        let mutable until = Instant.distantPast

        for at in 0 .. named.Count - 1 do
            let leg = legs[named[at]]
            let isNext = at > 0 && legs[named[at - 1]].Call = leg.Call && leg.Start.Earliest <= until

            if not isNext then
                count <- count + 1
                until <- leg.End.Latest

            until <- Instant.max until leg.End.Latest
            callOf[named[at]] <- count - 1

        struct (callOf, count)

    /// The record, arranged so that a claim finds what it may be.
    type private Record(measure: Measure, looks: Interval[][], legs: Leg[]) =
        /// The legs for which there is a key; 0 is none.
        let index (key: Leg -> uint64) (also: Leg -> uint64) =
            let keys, order = List<uint64>(legs.Length), List<int>(legs.Length)

            let add at key =
                if key <> 0UL then
                    keys.Add key
                    order.Add at

            for at in 0 .. legs.Length - 1 do
                add at (key legs[at])
                add at (also legs[at])

            LegIndex.Create(legs, keys.ToArray(), order.ToArray())

        let none (_: Leg) = 0UL
        let byCall = index _.Call none
        let byPair = index (fun leg -> if leg.Parties.AreTold then 1UL + pair leg.Parties else 0UL) none
        let keyOf (number: PartyNumber) = if number.IsTold then 1UL + uint64 number.Tail else 0UL

        let byNumber =
            index (fun leg -> keyOf leg.Parties.Caller) (fun leg ->
                if leg.Parties.Called = leg.Parties.Caller then
                    0UL
                else
                    keyOf leg.Parties.Called)

        let watched =
            let carried = Array.init looks.Length (fun _ -> List<int>())

            for at in 0 .. legs.Length - 1 do
                carried[legs[at].Gateway].Add at

            looks
            |> Array.mapi (fun gateway looks ->
                Looks.Create(measure.Trust, looks, carried[gateway] |> Seq.map (fun at -> legs[at])))

        let found = List<int>()

        let numbersInto period (parties: Parties) =
            (not parties.Caller.IsTold || byNumber.TryFind(keyOf parties.Caller, period, most, found))
            && (not parties.Called.IsTold
                || parties.Called = parties.Caller
                || byNumber.TryFind(keyOf parties.Called, period, most, found))

        /// The connections that a claim may be, the likeliest kind only: those with its call id or both its numbers, or
        /// else those with one; some of them twice. The list is used again for the next claim.
        member _.Candidates(claim: Claim) : List<int> =
            found.Clear()

            match Interval.tryCreate claim.Start.Earliest claim.End.Latest with
            | ValueSome period ->
                if claim.Call <> 0UL then
                    byCall.TryFind(claim.Call, period, most, found) |> ignore

                if claim.Parties.AreTold then
                    byPair.TryFind(1UL + pair claim.Parties, period, most, found) |> ignore

                if found.Count = 0 then
                    numbersInto period claim.Parties |> ignore
            | ValueNone -> ()

            found

        /// Everything with the claim's call id or one of its numbers that may have been up at some moment of the period;
        /// ValueNone if there is too much of it.
        member _.Suspects(claim: Claim, period: Interval) : int[] voption =
            found.Clear()

            if
                (claim.Call = 0UL || byCall.TryFind(claim.Call, period, most, found))
                && numbersInto period claim.Parties
            then
                ValueSome(Seq.distinct found |> Seq.toArray)
            else
                ValueNone

        /// Looks at every gateway in this period in which neither a suspect nor anything that numbers cannot rule out was up.
        /// An error is why there are none: ValueNone if something was up, or which gateway was looked at too seldom.
        member _.Watch(claim: Claim, period: Interval, suspects: int[]) : Result<Witness[], Gap voption> =
            let near = suspects |> Array.map (fun suspect -> legs[suspect].Gateway)
            let witnesses = List<Witness>()
            let mutable gap = ValueNone
            let mutable isThere = false

            // Where it may have been is asked first: that settles most claims.
            let order = Seq.append (Seq.distinct near) (Seq.init watched.Length id |> Seq.except near)
            use gateways = order.GetEnumerator()

            while not isThere && gap.IsNone && gateways.MoveNext() do
                let gateway = gateways.Current

                let here =
                    suspects
                    |> Array.filter (fun suspect -> legs[suspect].Gateway = gateway)
                    |> Array.map (Array.get legs)

                match watched[gateway].Within(period, claim.Parties.AreTold, measure.Looks, here) with
                | Seen.Nothing looks -> witnesses.Add { Gateway = gateway; Looks = looks }
                | Seen.Something -> isThere <- true
                | Seen.TooSeldom -> gap <- ValueSome(Gap.Unwatched gateway)

            if isThere then Error ValueNone
            elif gap.IsSome then Error gap
            elif witnesses.Count = 0 then Error(ValueSome Gap.TooShort)
            else Ok(witnesses.ToArray())

    /// Of rows that claim the same call, those beyond the number of calls that were there.
    let private repeated
        (record: Record)
        (callOf: int[])
        (claims: Claim[])
        (chosen: int[])
        (verdicts: Verdict[])
        =
        let isKept row =
            chosen[row] >= 0
            && (match verdicts[row] with
                | Verdict.Proved _
                | Verdict.Possible _ -> true
                | Verdict.Disproved _
                | Verdict.Unknown _ -> false)

        let key row =
            let claim = claims[row]
            struct (claim.Call, claim.Parties.Caller.Tail, claim.Parties.Called.Tail)

        let pending =
            [| for row in 0 .. claims.Length - 1 do
                   match verdicts[row] with
                   | Verdict.Possible _ when chosen[row] < 0 -> row
                   | _ -> () |]

        if pending.Length > 0 then
            let wanted = HashSet(pending |> Seq.map key)
            let classes = Dictionary<struct (uint64 * int * int), List<int>>()

            for row in 0 .. claims.Length - 1 do
                if wanted.Contains(key row) then
                    match classes.TryGetValue(key row) with
                    | true, rows -> rows.Add row
                    | _ -> classes[key row] <- List [ row ]

            for rows in classes.Values do
                rows.Sort(fun a b -> compare claims[a].Start.Earliest.Micros claims[b].Start.Earliest.Micros)

                for at in 0 .. rows.Count - 1 do
                    let first = rows[at]

                    if isKept first then
                        let alike =
                            let near step =
                                Seq.initInfinite (fun i -> at + step * (i + 1))
                                |> Seq.takeWhile (fun i ->
                                    i >= 0
                                    && i < rows.Count
                                    && (Interval.intersect claims[rows[i]].Start claims[first].Start).IsSome)
                                |> Seq.map (fun i -> rows[i])

                            Seq.append (near -1) (near 1)
                            |> Seq.filter (fun row ->
                                Claim.isSame claims[row] claims[first] && not verdicts[row].IsDisproved)
                            |> Seq.append [ first ]
                            |> Seq.toArray

                        let others = alike |> Array.filter (fun row -> chosen[row] < 0) |> Array.sort

                        if others.Length > 0 then
                            let core =
                                Interval.tryCreate
                                    (alike
                                     |> Seq.map (fun row -> claims[row].Start.Latest)
                                     |> Seq.reduce Instant.max)
                                    (alike
                                     |> Seq.map (fun row -> claims[row].End.Earliest)
                                     |> Seq.reduce Instant.min)

                            match core with
                            | ValueSome core ->
                                match
                                    record.Suspects(claims[first], core),
                                    record.Watch(claims[first], core, [||])
                                with
                                | ValueSome suspects, Ok witnesses ->
                                    let there =
                                        suspects |> Seq.distinctBy (fun leg -> callOf[leg]) |> Seq.length

                                    let spare = max 0 (there - (alike.Length - others.Length))

                                    for row in Seq.skip (min spare others.Length) others do
                                        verdicts[row] <-
                                            Verdict.Disproved(Disproof.Repeated(claims[first].Row, witnesses))
                                | _ -> ()
                            | ValueNone -> ()

    /// Judges all claims of a partner together. `looks` are the complete audits of each gateway, each from its first question
    /// to its last answer; `legs` everything that the gateways carried, as far back as the looks reach.
    let judge (measure: Measure) (looks: Interval[][]) (legs: Leg[]) (claims: Claim[]) : Verdict[] =
        let record = Record(measure, looks, legs)
        let struct (callOf, callCount) = calls legs
        let firstCandidate = Array.zeroCreate (claims.Length + 1)
        let candidates = List<Candidate>()

        for row in 0 .. claims.Length - 1 do
            firstCandidate[row] <- candidates.Count

            for leg in record.Candidates claims[row] do
                let candidate =
                    { Row = row; Call = callOf[leg]; Leg = leg; Cost = cost claims[row] legs[leg] }

                let at = candidates.FindIndex(firstCandidate[row], fun other -> other.Call = candidate.Call)

                if at < 0 then
                    candidates.Add candidate
                elif candidate.Cost < candidates[at].Cost then
                    candidates[at] <- candidate

        firstCandidate[claims.Length] <- candidates.Count
        let candidates = candidates.ToArray()
        let chosen = Assignment.chooseInParts claims.Length callCount candidates
        let rowOf = Array.create callCount -1

        for row in 0 .. claims.Length - 1 do
            if chosen[row] >= 0 then
                rowOf[candidates[chosen[row]].Call] <- row

        let owner row =
            candidates[firstCandidate[row] .. firstCandidate[row + 1] - 1]
            |> Seq.tryFind (fun candidate -> rowOf[candidate.Call] >= 0 && rowOf[candidate.Call] <> row)
            |> Option.map (fun candidate -> claims[rowOf[candidate.Call]].Row)

        let verdict row : Verdict =
            let claim = claims[row]
            let leg = if chosen[row] < 0 then ValueNone else ValueSome candidates[chosen[row]].Leg
            let fits = leg.IsSome && isInside measure.Tolerance claim legs[leg.Value]

            if fits && hasBounds legs[leg.Value] && isSure claim legs[leg.Value] then
                Verdict.Proved leg.Value
            else
                let seen =
                    match Claim.core claim with
                    | ValueNone -> Error(ValueSome Gap.TooShort)
                    | ValueSome core ->
                        match record.Suspects(claim, core) with
                        | ValueSome suspects -> record.Watch(claim, core, suspects)
                        | ValueNone -> Error ValueNone

                match seen with
                | Ok witnesses ->
                    match leg with
                    | ValueSome leg when isSure claim legs[leg] ->
                        Verdict.Disproved(Disproof.TooLong(leg, witnesses))
                    | _ -> Verdict.Disproved(Disproof.NotThere witnesses)
                | Error _ when fits ->
                    let doubt = if isSure claim legs[leg.Value] then Doubt.OpenBounds else Doubt.OneNumber

                    Verdict.Possible(leg, doubt)
                | Error(ValueSome gap) -> Verdict.Unknown(leg, gap)
                | Error ValueNone ->
                    match owner row with
                    | Some other when leg.IsNone -> Verdict.Possible(ValueNone, Doubt.Shared other)
                    | _ -> Verdict.Possible(leg, Doubt.NotRuledOut)

        let verdicts = Array.init claims.Length verdict
        repeated record callOf claims chosen verdicts
        verdicts

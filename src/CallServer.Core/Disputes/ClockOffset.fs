namespace CallServer.Disputes

open System
open System.Collections.Generic
open CallServer.Model

/// Finds out how far a partner's clock is from ours, so that a forgotten time zone does not make every claim false.
module ClockOffset =
    /// Where a key stands in a list; -1 if it does so more than once.
    let private once (keys: struct (struct (uint64 * int64) * int) seq) =
        let at = Dictionary<struct (uint64 * int64), int>()

        for struct (key, index) in keys do
            at[key] <- if at.ContainsKey key then -1 else index

        at

    /// A record may have an id, two numbers, or both, and the partner's need not have the same.
    let private keysOf (call: uint64) (parties: Parties) : struct (uint64 * int64) list =
        [ if call <> 0UL then
              struct (call, 0L)
          if parties.AreTold then
              struct (0UL, int64 parties.Caller.Tail * 10_000_000L + int64 parties.Called.Tail) ]

    /// Of many calls, some tell enough: those whose key happens to be divisible.
    let private keyed (every: uint64) (count: int) (keys: int -> struct (uint64 * int64) list) =
        seq {
            for at in 0 .. count - 1 do
                for struct (call, pair) in keys at do
                    if (call + uint64 pair) % every = 0UL then
                        struct (struct (call, pair), at)
        }

    /// From how many calls on the offset means anything.
    let enough = 3

    /// The median of how much later the claims begin than tolerance allows, negative if earlier, over the calls that have an id
    /// or a pair of numbers of their own in both lists; ValueNone if there are fewer than `enough`.
    let median (legs: Leg[]) (claims: Claim[]) : struct (TimeSpan * int) voption =
        let keyed = keyed (uint64 (max 1 (claims.Length / 20_000)))
        let legOf = once (keyed legs.Length (fun at -> keysOf legs[at].Call legs[at].Parties))
        let claimOf = once (keyed claims.Length (fun at -> keysOf claims[at].Call claims[at].Parties))
        let offsets = List<int64>()

        for pair in claimOf do
            if pair.Value >= 0 then
                match legOf.TryGetValue pair.Key with
                | true, leg when leg >= 0 && Interval.isBounded legs[leg].Start ->
                    let ours, theirs = legs[leg].Start, claims[pair.Value].Start

                    offsets.Add(
                        if theirs.Earliest > ours.Latest then
                            theirs.Earliest.Micros - ours.Latest.Micros
                        elif ours.Earliest > theirs.Latest then
                            theirs.Latest.Micros - ours.Earliest.Micros
                        else
                            0L
                    )
                | _ -> ()

        if offsets.Count < enough then
            ValueNone
        else
            offsets.Sort()

            ValueSome(
                struct (TimeSpan.FromTicks(offsets[offsets.Count / 2] * TimeSpan.TicksPerMicrosecond),
                        offsets.Count)
            )

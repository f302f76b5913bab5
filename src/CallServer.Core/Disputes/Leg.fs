namespace CallServer.Disputes

open System
open System.Collections.Generic
open CallServer.Model

/// A connection of ours, ended or not, as far as a dispute asks.
[<Struct>]
type Leg =
    {
        /// The id of its CDR; empty while it is active.
        Cdr: Guid
        /// Which gateway carried it, as an index.
        Gateway: int
        /// When it became active.
        Start: Interval
        /// When it ended; open if it has not.
        End: Interval
        Parties: Parties
        /// What its call's id is compared by; 0 if it has none that means a thing elsewhere.
        Call: uint64
    }

/// Finds, among legs that have something in common, those that may have been up in a period. It holds a million of them in
/// 20 MB: keys are sorted, and no table of them is kept.
[<Sealed>]
type internal LegIndex private (legs: Leg[], keys: uint64[], order: int[], most: int64[]) =

    /// `order` holds for each key its legs by their earliest start. `most` holds for the middle of each part of them the latest
    /// end in that part, so that whole parts are passed over.
    static member Create(legs: Leg[], keys: uint64[], order: int[]) : LegIndex =
        Array.Sort(keys, order)
        let most = Array.zeroCreate keys.Length

        let byStart =
            Comparer<int>.Create(fun a b ->
                compare legs[a].Start.Earliest.Micros legs[b].Start.Earliest.Micros)

        let rec reach first last =
            if first >= last then
                Int64.MinValue
            else
                let middle = first + (last - first) / 2
                let own = legs[order[middle]].End.Latest.Micros
                most[middle] <- max own (max (reach first middle) (reach (middle + 1) last))
                most[middle]

        let mutable first = 0

        while first < keys.Length do
            let mutable last = first + 1

            while last < keys.Length && keys[last] = keys[first] do
                last <- last + 1

            if last - first > 1 then
                Array.Sort(order, first, last - first, byStart)

            reach first last |> ignore
            first <- last

        LegIndex(legs, keys, order, most)

    /// The first place with this key or a higher one.
    member private _.Place(key: uint64) : int =
        let mutable low, high = 0, keys.Length

        while low < high do
            let middle = low + (high - low) / 2
            if keys[middle] < key then low <- middle + 1 else high <- middle

        low

    /// Adds to `found` the legs with this key that may have been up at some moment of the period, at most `limit`
    /// altogether. False if there were more.
    member this.TryFind(key: uint64, period: Interval, limit: int, found: List<int>) : bool =
        let rec find first last =
            if first >= last then
                true
            else
                let middle = first + (last - first) / 2

                if most[middle] < period.Earliest.Micros then
                    true
                elif not (find first middle) then
                    false
                elif legs[order[middle]].Start.Earliest > period.Latest then
                    // So do all that come after it.
                    true
                elif legs[order[middle]].End.Latest < period.Earliest then
                    find (middle + 1) last
                elif found.Count >= limit then
                    false
                else
                    found.Add order[middle]
                    find (middle + 1) last

        let first = this.Place key

        if first = keys.Length || keys[first] <> key then
            true
        else
            find first (if key = UInt64.MaxValue then keys.Length else this.Place(key + 1UL))

namespace CallServer.Model

open System

/// An instant known to lie in [Earliest, Latest], both ends included. Either end may be open.
[<Struct>]
type Interval =
    { Earliest: Instant
      Latest: Instant }

    override this.ToString() = $"[{this.Earliest}, {this.Latest}]"

module Interval =
    /// [earliest, latest]; the order of its ends is our own invariant, so a wrong one throws.
    let create (earliest: Instant) (latest: Instant) : Interval =
        if earliest.Micros > latest.Micros then
            invalidArg (nameof earliest) $"an interval cannot begin at {earliest} and end at {latest}"

        { Earliest = earliest; Latest = latest }

    /// [earliest, latest], or nothing where they are out of order: for what a peer reported.
    let tryCreate (earliest: Instant) (latest: Instant) : Interval voption =
        if earliest.Micros > latest.Micros then
            ValueNone
        else
            ValueSome { Earliest = earliest; Latest = latest }

    let point (instant: Instant) : Interval = { Earliest = instant; Latest = instant }
    let upTo (latest: Instant) : Interval = { Earliest = Instant.distantPast; Latest = latest }
    let from (earliest: Instant) : Interval = { Earliest = earliest; Latest = Instant.distantFuture }
    let unbounded: Interval = { Earliest = Instant.distantPast; Latest = Instant.distantFuture }

    let contains (instant: Instant) (interval: Interval) =
        interval.Earliest.Micros <= instant.Micros && instant.Micros <= interval.Latest.Micros

    let isBounded (interval: Interval) =
        interval.Earliest.Micros <> Instant.distantPast.Micros
        && interval.Latest.Micros <> Instant.distantFuture.Micros

    /// The part that both leave possible; nothing where they contradict each other (rule 5 calls that a conflict).
    let intersect (a: Interval) (b: Interval) : Interval voption =
        tryCreate (Instant.max a.Earliest b.Earliest) (Instant.min a.Latest b.Latest)

    /// The smallest interval that holds both.
    let hull (a: Interval) (b: Interval) : Interval =
        { Earliest = Instant.min a.Earliest b.Earliest; Latest = Instant.max a.Latest b.Latest }

    /// Moved as a whole; open ends stay open.
    let shift (by: TimeSpan) (interval: Interval) : Interval =
        { Earliest = interval.Earliest + by; Latest = interval.Latest + by }

    /// Made wider on both sides.
    let widen (early: TimeSpan) (late: TimeSpan) (interval: Interval) : Interval =
        create (interval.Earliest - early) (interval.Latest + late)

    /// Latest - Earliest; TimeSpan.MaxValue where an end is open.
    let width (interval: Interval) : TimeSpan =
        if isBounded interval then
            interval.Latest - interval.Earliest
        else
            TimeSpan.MaxValue

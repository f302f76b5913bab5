namespace CallServer.Model

open System

/// An instant known to lie in [Earliest, Latest], both ends included. Either end may be open.
[<Struct>]
type Interval =
    { Earliest: Instant
      Latest: Instant }

    /// `[EARLIEST, LATEST]` in ISO 8601; an open end is `-` or `+`.
    override this.ToString() = "[" + string this.Earliest + ", " + string this.Latest + "]"

/// Makes and combines intervals.
module Interval =
    /// [earliest, latest]. Throws ArgumentException if they are out of order, which would be our own mistake.
    let create (earliest: Instant) (latest: Instant) : Interval =
        if earliest.Micros > latest.Micros then
            invalidArg (nameof earliest) $"an interval cannot begin at {earliest} and end at {latest}"

        { Earliest = earliest; Latest = latest }

    /// [earliest, latest] from what a peer reported; `ValueNone` if they are out of order.
    let tryCreate (earliest: Instant) (latest: Instant) : Interval voption =
        if earliest.Micros > latest.Micros then
            ValueNone
        else
            ValueSome { Earliest = earliest; Latest = latest }

    /// The interval that holds this instant alone.
    let point (instant: Instant) : Interval = { Earliest = instant; Latest = instant }
    /// Everything up to this instant: the lower end is open.
    let upTo (latest: Instant) : Interval = { Earliest = Instant.distantPast; Latest = latest }
    /// Everything from this instant on: the upper end is open.
    let from (earliest: Instant) : Interval = { Earliest = earliest; Latest = Instant.distantFuture }
    /// Both ends are open: nothing is known.
    let unbounded: Interval = { Earliest = Instant.distantPast; Latest = Instant.distantFuture }

    /// Whether the instant lies in the interval, ends included.
    let contains (instant: Instant) (interval: Interval) =
        interval.Earliest.Micros <= instant.Micros && instant.Micros <= interval.Latest.Micros

    /// Whether neither end is open.
    let isBounded (interval: Interval) =
        interval.Earliest.Micros <> Instant.distantPast.Micros
        && interval.Latest.Micros <> Instant.distantFuture.Micros

    /// What both intervals leave possible; `ValueNone` if they contradict each other (rule 5 calls that a
    /// conflict).
    let intersect (a: Interval) (b: Interval) : Interval voption =
        tryCreate (Instant.max a.Earliest b.Earliest) (Instant.min a.Latest b.Latest)

    /// The smallest interval that holds both.
    let hull (a: Interval) (b: Interval) : Interval =
        { Earliest = Instant.min a.Earliest b.Earliest; Latest = Instant.max a.Latest b.Latest }

    /// The whole interval moved later by this span. Open ends stay open.
    let shift (by: TimeSpan) (interval: Interval) : Interval =
        { Earliest = interval.Earliest + by; Latest = interval.Latest + by }

    /// The interval made wider by `early` before it and `late` after it. Open ends stay open. Throws
    /// ArgumentException if negative spans turn it round.
    let widen (early: TimeSpan) (late: TimeSpan) (interval: Interval) : Interval =
        create (interval.Earliest - early) (interval.Latest + late)

    /// Latest - Earliest; TimeSpan.MaxValue if an end is open.
    let width (interval: Interval) : TimeSpan =
        if isBounded interval then
            interval.Latest - interval.Earliest
        else
            TimeSpan.MaxValue

namespace CallServer.Model

open System
open System.Globalization

/// A point on the record's timeline, in microseconds since 1970-01-01T00:00:00Z. The host anchors its steady clock to UTC once,
/// at its start; from then on instants only move forward, whatever happens to the wall clock.
[<Struct>]
type Instant =
    { Micros: int64 }

    // For C#, where a record has no order of its own.
    static member op_LessThan(a: Instant, b: Instant) = a.Micros < b.Micros
    static member op_LessThanOrEqual(a: Instant, b: Instant) = a.Micros <= b.Micros
    static member op_GreaterThan(a: Instant, b: Instant) = a.Micros > b.Micros
    static member op_GreaterThanOrEqual(a: Instant, b: Instant) = a.Micros >= b.Micros

    /// The instant that much later; saturates at the ends of the timeline, so that an open end stays open.
    static member (+)(instant: Instant, span: TimeSpan) : Instant =
        if instant.Micros = Int64.MinValue || instant.Micros = Int64.MaxValue then
            instant
        else
            { Micros = instant.Micros + span.Ticks / TimeSpan.TicksPerMicrosecond }

    static member (-)(instant: Instant, span: TimeSpan) : Instant = instant + span.Negate()

    /// The time from one instant to another; both must be known (not an open end).
    static member (-)(later: Instant, earlier: Instant) : TimeSpan =
        TimeSpan.FromTicks((later.Micros - earlier.Micros) * TimeSpan.TicksPerMicrosecond)

    /// ISO 8601 in UTC with six decimals, as the command line's contract asks.
    override this.ToString() =
        if this.Micros = Int64.MinValue then
            "-"
        elif this.Micros = Int64.MaxValue then
            "+"
        else
            let time = DateTime.UnixEpoch.AddTicks(this.Micros * TimeSpan.TicksPerMicrosecond)
            time.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture)

module Instant =
    let ofMicros micros : Instant = { Micros = micros }

    /// Before everything: the open lower end of an interval.
    let distantPast: Instant = { Micros = Int64.MinValue }

    /// After everything: the open upper end of an interval.
    let distantFuture: Instant = { Micros = Int64.MaxValue }

    let ofDateTime (time: DateTimeOffset) : Instant =
        { Micros = (time.UtcTicks - DateTimeOffset.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond }

    let toDateTime (instant: Instant) : DateTimeOffset =
        DateTimeOffset.UnixEpoch.AddTicks(instant.Micros * TimeSpan.TicksPerMicrosecond)

    let min (a: Instant) (b: Instant) = if a.Micros <= b.Micros then a else b
    let max (a: Instant) (b: Instant) = if a.Micros >= b.Micros then a else b

/// What both clocks said at one event: Steady decides every duration, deadline and order; Wall is what a watch would show,
/// kept to notice that the wall clock was stepped and to print times as people set their watches.
[<Struct>]
type Moment = { Steady: Instant; Wall: Instant }

module Moment =
    /// Both clocks agree: simulations and tests.
    let at (instant: Instant) : Moment = { Steady = instant; Wall = instant }

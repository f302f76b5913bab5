namespace CallServer.Model

open System
open System.Globalization

/// A point on the record's timeline, in microseconds since 1970-01-01T00:00:00Z. The host anchors its steady
/// clock to UTC once, at its start; from then on instants only move forward, whatever happens to the wall
/// clock. Int64.MinValue and Int64.MaxValue are the open ends.
[<Struct>]
type Instant =
    { Micros: int64 }

    // C# does not order F# records by itself.
    static member op_LessThan(a: Instant, b: Instant) = a.Micros < b.Micros
    static member op_LessThanOrEqual(a: Instant, b: Instant) = a.Micros <= b.Micros
    static member op_GreaterThan(a: Instant, b: Instant) = a.Micros > b.Micros
    static member op_GreaterThanOrEqual(a: Instant, b: Instant) = a.Micros >= b.Micros

    /// The instant later by this span, in whole microseconds. An open end stays open.
    static member (+)(instant: Instant, span: TimeSpan) : Instant =
        if instant.Micros = Int64.MinValue || instant.Micros = Int64.MaxValue then
            instant
        else
            { Micros = instant.Micros + span.Ticks / TimeSpan.TicksPerMicrosecond }

    /// The instant earlier by this span, in whole microseconds. An open end stays open.
    static member (-)(instant: Instant, span: TimeSpan) : Instant = instant + span.Negate()

    /// The time from the earlier instant to the later one; negative if they are swapped. Neither may be an
    /// open end.
    static member (-)(later: Instant, earlier: Instant) : TimeSpan =
        TimeSpan.FromTicks((later.Micros - earlier.Micros) * TimeSpan.TicksPerMicrosecond)

    /// ISO 8601 in UTC with six decimals; `-` for the distant past, `+` for the distant future.
    override this.ToString() =
        if this.Micros = Int64.MinValue then
            "-"
        elif this.Micros = Int64.MaxValue then
            "+"
        else
            // A takeover writes very many of these, and .NET writes its standard formats much faster than a custom one.
            String.Create(
                "yyyy-MM-ddTHH:mm:ss.ffffffZ".Length,
                DateTime.UnixEpoch.AddTicks(this.Micros * TimeSpan.TicksPerMicrosecond),
                fun text time ->
                    let mutable length = 0
                    time.TryFormat(text, &length, "s", CultureInfo.InvariantCulture) |> ignore
                    text[length] <- '.'
                    let micros = int (time.Ticks % TimeSpan.TicksPerSecond / TimeSpan.TicksPerMicrosecond)

                    micros.TryFormat(text.Slice(length + 1), &length, "D6", CultureInfo.InvariantCulture)
                    |> ignore

                    text[text.Length - 1] <- 'Z'
            )

/// Makes and compares instants.
module Instant =
    /// From microseconds since 1970-01-01T00:00:00Z.
    let ofMicros micros : Instant = { Micros = micros }

    /// Before everything: the open lower end of an interval.
    let distantPast: Instant = { Micros = Int64.MinValue }

    /// After everything: the open upper end of an interval.
    let distantFuture: Instant = { Micros = Int64.MaxValue }

    /// Cuts off what is finer than a microsecond.
    let ofDateTime (time: DateTimeOffset) : Instant =
        { Micros = (time.UtcTicks - DateTimeOffset.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond }

    /// The instant in UTC. Do not pass an open end: it has no date.
    let toDateTime (instant: Instant) : DateTimeOffset =
        DateTimeOffset.UnixEpoch.AddTicks(instant.Micros * TimeSpan.TicksPerMicrosecond)

    /// The earlier of two.
    let min (a: Instant) (b: Instant) = if a.Micros <= b.Micros then a else b
    /// The later of two.
    let max (a: Instant) (b: Instant) = if a.Micros >= b.Micros then a else b

/// What both clocks read at one event. Steady decides every duration, deadline and order. Wall is what people
/// see, and it shows when somebody stepped the wall clock.
[<Struct>]
type Moment = { Steady: Instant; Wall: Instant }

/// Makes moments.
module Moment =
    /// A moment at which both clocks agree, for simulations and tests.
    let at (instant: Instant) : Moment = { Steady = instant; Wall = instant }

namespace CallServer.Exchange

open System
open CallServer.Model

/// How far a gateway's clock is ahead of our timeline, in microseconds (negative: behind). Both ends are included; Int64.MinValue
/// and Int64.MaxValue mean that nothing bounds that end. docs/adr/0006 gives the reasons.
[<Struct>]
type ClockBounds = { Least: int64; Most: int64 }

module GatewayClock =
    let unknown: ClockBounds = { Least = Int64.MinValue; Most = Int64.MaxValue }

    /// Until the evidence is narrower than twice this, gateway and server are taken to be within a second of each other, as NTP
    /// keeps them. Microseconds.
    [<Literal>]
    let Tolerance = 1_000_000L

    /// How far two undisciplined clocks may drift apart, in parts per million.
    [<Literal>]
    let private DriftPpm = 200L

    let isConsistent (bounds: ClockBounds) : bool = bounds.Least <= bounds.Most

    /// Most - Least; Int64.MaxValue if an end is open.
    let width (bounds: ClockBounds) : int64 =
        if bounds.Least = Int64.MinValue || bounds.Most = Int64.MaxValue then
            Int64.MaxValue
        else
            bounds.Most - bounds.Least

    /// Learns from a stamp in a reply: by the gateway's clock it is no later than the moment the reply arrived.
    let stamped (stamp: int64) (received: Instant) (bounds: ClockBounds) : ClockBounds =
        { bounds with Least = max bounds.Least (stamp - received.Micros) }

    /// Learns from a reading: the gateway's clock showed something from `low` to `high` at a moment between `after` and `before`
    /// on our timeline.
    let read
        (low: int64)
        (high: int64)
        (after: Instant)
        (before: Instant)
        (bounds: ClockBounds)
        : ClockBounds =
        { Least = max bounds.Least (low - before.Micros)
          Most = min bounds.Most (high - after.Micros) }

    let intersect (a: ClockBounds) (b: ClockBounds) : ClockBounds =
        { Least = max a.Least b.Least; Most = min a.Most b.Most }

    /// The bounds after this much time, widened by drift.
    let aged (elapsed: TimeSpan) (bounds: ClockBounds) : ClockBounds =
        let drift = max 0L (elapsed.Ticks / TimeSpan.TicksPerMicrosecond) * DriftPpm / 1_000_000L

        { Least = (if bounds.Least = Int64.MinValue then bounds.Least else bounds.Least - drift)
          Most = (if bounds.Most = Int64.MaxValue then bounds.Most else bounds.Most + drift) }

    /// Combines earlier evidence with that of this audit. If the two contradict each other, the clock has been set, and only the
    /// new evidence counts. If the new evidence contradicts itself, the clock was set during the audit, and nothing is known.
    let learn (held: ClockBounds) (fresh: ClockBounds) : ClockBounds =
        let both = intersect held fresh

        if isConsistent both then both
        elif isConsistent fresh then fresh
        else unknown

    let private disciplined: ClockBounds = { Least = -Tolerance; Most = Tolerance }

    /// The bounds to use: the evidence alone if it is more precise than the tolerance or contradicts it, otherwise both together.
    let believed (evidence: ClockBounds) : ClockBounds =
        let both = intersect evidence disciplined

        if width evidence <= width disciplined || not (isConsistent both) then
            evidence
        else
            both

    let private minus (stamp: int64) (skew: int64) (openEnd: Instant) : Instant =
        if skew = Int64.MinValue || skew = Int64.MaxValue then
            openEnd
        else
            Instant.ofMicros (stamp - skew)

    /// When something happened, on our timeline, before any reply of it. The gateway stamped it with something from `low` to `high`; the
    /// result allows for the bounds of its skew. An end that nothing bounds is open.
    let dated (low: int64) (high: int64) (bounds: ClockBounds) : Interval =
        Interval.create
            (minus low bounds.Most Instant.distantPast)
            (minus high bounds.Least Instant.distantFuture)

    /// The same of what the gateway reported in a reply that arrived at `received`: it had happened by then.
    let happened (low: int64) (high: int64) (received: Instant) (bounds: ClockBounds) : Interval =
        let told = dated low high bounds
        let latest = Instant.min received told.Latest
        Interval.create (Instant.min latest told.Earliest) latest

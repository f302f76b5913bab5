namespace CallServer.Protocols.Ng

open System
open CallServer.Model

/// What is known of how far a gateway's clock is ahead of our timeline, in microseconds (negative: behind).
/// Both ends are included; Int64.MinValue and Int64.MaxValue are ends that nothing bounds. docs/adr/0006 has
/// the reasons.
[<Struct>]
type ClockBounds = { Least: int64; Most: int64 }

module GatewayClock =
    let unknown: ClockBounds = { Least = Int64.MinValue; Most = Int64.MaxValue }

    /// Until evidence is finer than this, gateway and server are taken to be disciplined (NTP) to within a
    /// second of each other.
    [<Literal>]
    let Tolerance = 1_000_000L

    /// rtpengine stamps with a clock that it reads once a round of its loop: up to 40 ms late, and some to
    /// spare.
    [<Literal>]
    let Staleness = 50_000L

    /// Clocks run by their own crystals.
    [<Literal>]
    let private DriftPpm = 200L

    let isConsistent (bounds: ClockBounds) : bool = bounds.Least <= bounds.Most

    /// Most - Least; Int64.MaxValue where an end is open.
    let width (bounds: ClockBounds) : int64 =
        if bounds.Least = Int64.MinValue || bounds.Most = Int64.MaxValue then
            Int64.MaxValue
        else
            bounds.Most - bounds.Least

    /// The gateway stamped something no later than this reply of it came.
    let stamped (stamp: int64) (received: Instant) (bounds: ClockBounds) : ClockBounds =
        { bounds with Least = max bounds.Least (stamp - received.Micros) }

    /// The gateway's clock read something from `low` to `high` at a moment from `after` to `before` of our
    /// timeline.
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

    /// What was known, so much later.
    let aged (elapsed: TimeSpan) (bounds: ClockBounds) : ClockBounds =
        let drift = max 0L (elapsed.Ticks / TimeSpan.TicksPerMicrosecond) * DriftPpm / 1_000_000L

        { Least = (if bounds.Least = Int64.MinValue then bounds.Least else bounds.Least - drift)
          Most = (if bounds.Most = Int64.MaxValue then bounds.Most else bounds.Most + drift) }

    /// Earlier evidence and that of this audit. Where they contradict each other the clock has been set, and
    /// only the new counts; where the new contradicts itself it was set meanwhile, and nothing is known.
    let learn (held: ClockBounds) (fresh: ClockBounds) : ClockBounds =
        let both = intersect held fresh

        if isConsistent both then both
        elif isConsistent fresh then fresh
        else unknown

    let private disciplined: ClockBounds = { Least = -Tolerance; Most = Tolerance }

    /// What is believed: the evidence alone where it is finer than the tolerance or refutes it, else both.
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

    /// When that happened which the gateway stamped with something from `low` to `high`, and told in a reply
    /// received then: on our timeline, with the clock's staleness and the bounds of its skew.
    let happened (low: int64) (high: int64) (received: Instant) (bounds: ClockBounds) : Interval =
        let latest = Instant.min received (minus (high + Staleness) bounds.Least received)
        let earliest = Instant.min latest (minus low bounds.Most Instant.distantPast)
        Interval.create earliest latest

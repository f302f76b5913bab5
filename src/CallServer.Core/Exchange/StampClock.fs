namespace CallServer.Exchange

open CallServer.Model

/// What is known of the clock by which a gateway stamps what happens. Stamps are microseconds since 1970 by that clock.
[<Struct>]
type StampClock =
    {
        Bounds: ClockBounds
        /// No earlier than this did somebody set it last: what was stamped before cannot be dated.
        Since: Instant
    }

module internal StampClock =
    let unknown: StampClock = { Bounds = GatewayClock.unknown; Since = Instant.distantPast }

    let isKnown (clock: StampClock) : bool = clock.Bounds <> GatewayClock.unknown

    let aged elapsed (clock: StampClock) : StampClock =
        { clock with Bounds = GatewayClock.aged elapsed clock.Bounds }

    /// Adds a reading of now. If it contradicts what was known, somebody has set the clock meanwhile.
    let learn (now: Instant) (fresh: ClockBounds) (held: StampClock) : StampClock =
        let both = GatewayClock.intersect held.Bounds fresh

        if GatewayClock.isConsistent both then
            { held with Bounds = both }
        else
            { Bounds = fresh; Since = now }

    /// When something happened, on our timeline, that the gateway stamped with something from `low` to `high`, and had told by then. Nothing
    /// where its clock is not known or was set since, and where it cannot have happened yet.
    let happened (told: Instant) (low: int64) (high: int64) (clock: StampClock) : Interval voption =
        if isKnown clock then
            let at = GatewayClock.dated low high clock.Bounds

            if clock.Since <= at.Earliest && at.Earliest <= told then
                ValueSome(Interval.create at.Earliest (Instant.min told at.Latest))
            else
                ValueNone
        else
            ValueNone

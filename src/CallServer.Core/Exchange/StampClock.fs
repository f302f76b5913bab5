namespace CallServer.Exchange

open CallServer.Model
open CallServer.Ledger

/// What is known of a gateway's clock that stamps its calls and can be read.
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

    /// Adds what an audit learnt until now to what was held before it.
    let add (now: Instant) (fresh: StampClock) (held: StampClock) : StampClock =
        let learnt = learn now fresh.Bounds held
        { learnt with Since = Instant.max learnt.Since fresh.Since }

    /// The clock that dates the stamps of a connection. Whatever dated those of one that was there before somebody set the clock would be a guess.
    let datingOf (known: Connection voption) (clock: StampClock) : StampClock =
        match known with
        | ValueSome connection when connection.FirstHeard <= clock.Since -> unknown
        | ValueSome _
        | ValueNone -> clock

    /// When something happened, on our timeline, that the gateway stamped with something from `low` to `high` and had told by then. Nothing
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

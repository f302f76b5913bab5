namespace CallServer.Protocols.Kamailio

open CallServer.Model
open CallServer.Exchange

/// What is known of Kamailio's clock. Its stamps and its clock are whole seconds since 1970.
[<Struct>]
type KamailioClock =
    {
        Bounds: ClockBounds
        /// No earlier than this did somebody set it last: what was stamped before cannot be dated.
        Since: Instant
    }

module internal KamailioClock =
    let unknown: KamailioClock = { Bounds = GatewayClock.unknown; Since = Instant.distantPast }

    let isKnown (clock: KamailioClock) : bool = clock.Bounds <> GatewayClock.unknown

    /// In microseconds.
    [<Literal>]
    let private Second = 1_000_000L

    /// The first second of the year 10000.
    [<Literal>]
    let private LastStamp = 253402300800L

    let private isStamp (seconds: int64) : bool = seconds > 0L && seconds < LastStamp

    /// What the clock says of itself that showed so much at some moment within the interval.
    let read (shown: int64) (within: Interval) : ClockBounds =
        if isStamp shown then
            let low = shown * Second
            GatewayClock.read low (low + Second - 1L) within.Earliest within.Latest GatewayClock.unknown
        else
            GatewayClock.unknown

    let aged elapsed (clock: KamailioClock) : KamailioClock =
        { clock with Bounds = GatewayClock.aged elapsed clock.Bounds }

    /// Adds a reading of now. If it contradicts what was known, somebody has set the clock meanwhile.
    let learn (now: Instant) (fresh: ClockBounds) (held: KamailioClock) : KamailioClock =
        let both = GatewayClock.intersect held.Bounds fresh

        if GatewayClock.isConsistent both then
            { held with Bounds = both }
        else
            { Bounds = fresh; Since = now }

    /// When something happened, on our timeline, that Kamailio stamped and had told by then. Nothing where it stamped none, where its clock is
    /// not known or was set since, and where it cannot have happened yet.
    let happened (told: Instant) (stamp: int64) (clock: KamailioClock) : Interval voption =
        if isStamp stamp && isKnown clock then
            let low = stamp * Second
            let at = GatewayClock.dated low (low + Second - 1L) clock.Bounds

            if clock.Since <= at.Earliest && at.Earliest <= told then
                ValueSome(Interval.create at.Earliest (Instant.min told at.Latest))
            else
                ValueNone
        else
            ValueNone

namespace CallServer.Protocols.Kamailio

open CallServer.Model
open CallServer.Exchange

/// Kamailio's stamps, and its clock, are whole seconds since 1970.
module internal KamailioClock =
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

    /// When something happened, on our timeline, that Kamailio stamped and had told by then; nothing where it stamped none, or where the
    /// stamp cannot be dated.
    let happened (told: Instant) (stamp: int64) (clock: StampClock) : Interval voption =
        if isStamp stamp then
            let low = stamp * Second
            StampClock.happened told low (low + Second - 1L) clock
        else
            ValueNone

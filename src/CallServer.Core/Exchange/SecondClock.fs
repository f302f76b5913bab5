namespace CallServer.Exchange

open CallServer.Model
open CallServer.Wire

/// A gateway's clock that shows, and stamps with, whole seconds since 1970.
module internal SecondClock =
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

    /// When something happened, on our timeline, that was stamped with these seconds and told by then. Nothing where it was not stamped, where
    /// the clock is not known or was set since, and where it cannot have happened yet.
    let happened (told: Instant) (stamp: int64) (clock: StampClock) : Interval voption =
        if isStamp stamp then
            let low = stamp * Second
            StampClock.happened told low (low + Second - 1L) clock
        else
            ValueNone

    /// Adds the Date of a response, which was made at some moment within the interval, by the clock that is meant.
    let learn (within: Interval) (response: HttpResponse) (clock: StampClock) : StampClock =
        match HttpMessage.date response with
        | ValueSome seconds -> StampClock.learn within.Latest (read seconds within) clock
        | ValueNone -> clock

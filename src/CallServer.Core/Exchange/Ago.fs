namespace CallServer.Exchange

open System
open CallServer.Model

/// Bounds when something happened, from how long ago a gateway says that it did (rule 4). A gateway truncates its counters to their
/// resolution. What a reply says was true at some moment from the sending of its request until the reply came.
module internal Ago =
    /// A reply cannot report what has not happened yet, so the interval ends no later than the reply came. If the whole interval lies
    /// ahead of that, no clock of a gateway gave it: it stays as told, and contradicts the moment when it was heard.
    let until (received: Instant) (earliest: Instant) (latest: Instant) : Interval =
        Interval.create earliest (if earliest <= received then Instant.min received latest else latest)

    /// Something had lasted this long when the reply came. It began in [sent - age - resolution, received - age].
    let ofDuration (sent: Instant) (received: Instant) (age: TimeSpan) (resolution: TimeSpan) : Interval =
        until received (sent - age - resolution) (received - age)

    /// The unit in which a duration seems to be told, in milliseconds: with zeros at its end it may be cruder than a millisecond.
    let private unitOf (milliseconds: int64) : int64 =
        if milliseconds % 1000L = 0L then 1000L
        elif milliseconds % 100L = 0L then 100L
        elif milliseconds % 10L = 0L then 10L
        else 1L

    /// When what had lasted so many milliseconds began, as a reply told within this interval.
    let ofMilliseconds (heard: Interval) (milliseconds: int64) : Interval =
        ofDuration
            heard.Earliest
            heard.Latest
            (TimeSpan.FromMilliseconds(float milliseconds))
            (TimeSpan.FromMilliseconds(float (unitOf milliseconds)))

    /// Something happened at a stamp, and the same clock now reads so much more. Both readings are truncated, so their difference may
    /// be too short by one unit of the clock or too long by one unit of the stamp.
    let ofDifference
        (sent: Instant)
        (received: Instant)
        (age: TimeSpan)
        (clock: TimeSpan)
        (stamp: TimeSpan)
        : Interval =
        until received (sent - age - clock) (received - age + stamp)

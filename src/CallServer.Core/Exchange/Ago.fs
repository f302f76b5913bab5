namespace CallServer.Exchange

open System
open CallServer.Model

/// When something happened, from how long ago a gateway says that it did (rule 4). Counters are cut off to their resolution, and
/// what a reply tells was true at some moment from the request that was sent for it until it was received.
module internal Ago =
    /// A reply cannot tell of what has not happened yet. What lies ahead as a whole was stamped by no clock of a gateway: it stays
    /// as it was told, and contradicts the moment when it was heard.
    let until (received: Instant) (earliest: Instant) (latest: Instant) : Interval =
        Interval.create earliest (if earliest <= received then Instant.min received latest else latest)

    /// It had lasted this long: start in [s - d - resolution, r - d].
    let ofDuration (sent: Instant) (received: Instant) (age: TimeSpan) (resolution: TimeSpan) : Interval =
        until received (sent - age - resolution) (received - age)

    /// It happened at a stamp, and the same clock read so much more: the two are cut off, so that their difference may be too long
    /// by one unit of the clock or too short by one unit of the stamp.
    let ofDifference
        (sent: Instant)
        (received: Instant)
        (age: TimeSpan)
        (clock: TimeSpan)
        (stamp: TimeSpan)
        : Interval =
        until received (sent - age - clock) (received - age + stamp)

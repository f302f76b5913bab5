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

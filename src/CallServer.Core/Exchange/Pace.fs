namespace CallServer.Exchange

open System
open CallServer.Model

/// How many requests may be in flight to a gateway. Like TCP's congestion window, the number grows while answers come in good time,
/// and is halved when one does not come. Kept from one exchange with a gateway to the next.
type Pace =
    {
        /// The most requests in flight, at least 1.
        Window: float
        /// When the last loss was counted. Requests lost within one time-out of each other have one cause, which counts once.
        LastLoss: Instant
    }

module internal Pace =
    let create (window: float) : Pace = { Window = window; LastLoss = Instant.distantPast }

    /// The window that an earlier exchange left, but no smaller than the first.
    let resume (first: float) (pace: Pace) : Pace = create (max first pace.Window)

    /// Requests that may be in flight.
    let slots (pace: Pace) : int = int pace.Window

    /// A reply came in good time. The window grows by one when each of the requests in flight has been answered (RFC 5681 section 3.1,
    /// congestion avoidance).
    let avoidCongestion (most: float) (pace: Pace) : Pace =
        { pace with Window = min most (pace.Window + 1.0 / pace.Window) }

    /// A reply came in good time. The window grows by one for each (RFC 5681 section 3.1, slow start).
    let slowStart (most: float) (pace: Pace) : Pace = { pace with Window = min most (pace.Window + 1.0) }

    /// A request was not answered in time. Losses within one burst count once.
    let lost (at: Instant) (burst: TimeSpan) (pace: Pace) : Pace =
        if pace.LastLoss = Instant.distantPast || at - pace.LastLoss > burst then
            { Window = max 1.0 (pace.Window / 2.0); LastLoss = at }
        else
            pace

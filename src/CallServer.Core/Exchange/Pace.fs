namespace CallServer.Exchange

open System
open CallServer.Model

/// How many requests a gateway is sent before it answers: as TCP's congestion window, it grows while answers come in good time and
/// is halved when one does not come. Kept from one exchange with a gateway to the next.
type Pace =
    {
        /// Requests in flight, at least 1.
        Window: float
        /// Requests that are lost within one time-out of each other are lost for one reason, which counts once.
        LastLoss: Instant
    }

module internal Pace =
    let create (window: float) : Pace = { Window = window; LastLoss = Instant.distantPast }

    /// As an earlier exchange left it, and no less than at first.
    let resume (first: float) (pace: Pace) : Pace = create (max first pace.Window)

    /// Requests that may be in flight.
    let slots (pace: Pace) : int = int pace.Window

    /// A reply came in good time: one more when each of those in flight has been answered (RFC 5681 section 3.1, congestion
    /// avoidance).
    let avoidCongestion (most: float) (pace: Pace) : Pace =
        { pace with Window = min most (pace.Window + 1.0 / pace.Window) }

    /// A reply came in good time: one more for each (RFC 5681 section 3.1, slow start).
    let slowStart (most: float) (pace: Pace) : Pace = { pace with Window = min most (pace.Window + 1.0) }

    /// A request was not answered in time.
    let lost (at: Instant) (burst: TimeSpan) (pace: Pace) : Pace =
        if pace.LastLoss = Instant.distantPast || at - pace.LastLoss > burst then
            { Window = max 1.0 (pace.Window / 2.0); LastLoss = at }
        else
            pace

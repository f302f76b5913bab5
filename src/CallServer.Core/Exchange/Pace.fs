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
        /// The shortest time that an answer of this exchange took: that of the way to the gateway and back, and of a gateway that
        /// has nothing else to do. Zero before the first answer.
        Best: TimeSpan
    }

module internal Pace =
    /// The most requests in flight to a gateway that is near, and the most that may wait at one that is far: a gateway's agent is no
    /// web server.
    [<Literal>]
    let Gentle = 8.0

    /// The most requests in flight to a gateway, however far it is.
    [<Literal>]
    let private MaxWindow = 32.0

    /// A gateway that answers sooner is near. One that is farther away is asked no more often in a second than one at this distance.
    let private near = TimeSpan.FromMilliseconds 5.0

    let create (window: float) : Pace =
        { Window = window; LastLoss = Instant.distantPast; Best = TimeSpan.Zero }

    /// The window that an earlier exchange left, within these bounds.
    let resume (first: float) (most: float) (pace: Pace) : Pace = create (max first (min most pace.Window))

    /// Requests that may be in flight.
    let slots (pace: Pace) : int = int pace.Window

    /// An answer takes so long that several requests on their way at once are worth something.
    let isFar (pace: Pace) : bool = pace.Best >= near

    /// The most requests in flight at this distance.
    let private most (pace: Pace) : float = max Gentle (min MaxWindow (Gentle * (pace.Best / near)))

    /// A reply came in good time. The window grows by one for each (RFC 5681 section 3.1, slow start).
    let slowStart (most: float) (pace: Pace) : Pace = { pace with Window = min most (pace.Window + 1.0) }

    /// A request was answered after `took`, when as many were in flight, itself among them. Of those, the way to the gateway holds as
    /// many as the best time is of this one, and the others wait at the gateway (TCP Vegas: Brakmo and Peterson, 1995).
    ///
    ///   waiting                    window
    ///   more than 8                smaller by those beyond 8, but not below 8
    ///   less than 4, and far       larger by half a request, so that it grows by half in each round trip
    ///   otherwise, if below 8      larger by one when all in flight are answered (RFC 5681 section 3.1, congestion avoidance)
    ///
    /// `timeout` is how long an answer is waited for. One that takes more than half of it lets nothing grow.
    let answered (timeout: TimeSpan) (inFlight: int) (took: TimeSpan) (pace: Pace) : Pace =
        let best = if pace.Best = TimeSpan.Zero then took else min took pace.Best
        let pace = { pace with Best = best }
        let most = most pace
        let waiting = if took > best then float inFlight * (1.0 - best / took) else 0.0
        let grow step = { pace with Window = max pace.Window (min most (pace.Window + step)) }

        if waiting > Gentle then
            { pace with Window = min pace.Window (max Gentle (pace.Window - (waiting - Gentle))) }
        elif took > timeout * 0.5 then
            pace
        elif isFar pace && waiting < Gentle / 2.0 && inFlight >= slots pace then
            grow 0.5
        elif pace.Window < Gentle then
            grow (1.0 / pace.Window)
        else
            pace

    /// A request was not answered in time: half the window, and no more than a near gateway gets. Losses within one burst count once.
    let lost (at: Instant) (burst: TimeSpan) (pace: Pace) : Pace =
        if pace.LastLoss = Instant.distantPast || at - pace.LastLoss > burst then
            { pace with Window = max 1.0 (min Gentle (pace.Window / 2.0)); LastLoss = at }
        else
            pace

namespace CallServer.Audit

open System
open CallServer.Model

/// The way that ng messages take to a gateway.
[<RequireQualifiedAccess>]
type NgTransport =
    /// One message a datagram. A reply that does not fit into one never comes.
    | Udp
    /// One stream; nothing is repeated on it.
    | Tcp
    /// Each message the body of a request.
    | Http

/// One rtpengine to be asked over ng.
type NgGateway =
    {
        Gateway: GatewayId
        Transport: NgTransport
        /// Media that both parties sent counts as time in which the call was active, as its packets tell it.
        MediaAnswers: bool
        /// How long one request waits for its answer at first; each repeat waits half as long again.
        Timeout: TimeSpan
        /// How often a request is sent before it is given up, at least 1.
        Attempts: int
    }

/// How hard a gateway is asked. Kept from one audit to the next.
type NgPace =
    {
        /// Requests in flight: grows while replies are prompt, halves at a time-out.
        Window: float
        /// A burst of time-outs counts once.
        LastLoss: Instant
    }

module internal NgPace =
    /// Replies of 2 to 4 KiB each: more in flight overrun a socket of 208 KiB, and are no faster.
    [<Literal>]
    let MaxWindow = 32.0

    let none: NgPace = { Window = 4.0; LastLoss = Instant.distantPast }

    let start (pace: NgPace) : NgPace =
        { Window = max none.Window pace.Window; LastLoss = Instant.distantPast }

    let slots (pace: NgPace) : int = int pace.Window

    /// A reply came in good time.
    let prompt (pace: NgPace) : NgPace = { pace with Window = min MaxWindow (pace.Window + 1.0) }

    /// A request was not answered in time.
    let lost (at: Instant) (burst: TimeSpan) (pace: NgPace) : NgPace =
        if pace.LastLoss = Instant.distantPast || at - pace.LastLoss > burst then
            { Window = max 1.0 (pace.Window / 2.0); LastLoss = at }
        else
            pace

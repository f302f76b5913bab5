namespace CallServer.Protocols.Ng

open System
open CallServer.Model
open CallServer.Exchange

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

/// How many requests an rtpengine is sent at a time.
module internal NgPace =
    /// Replies of 2 to 4 KiB each: more in flight overrun a socket of 208 KiB, and are no faster.
    [<Literal>]
    let MaxWindow = 32.0

    [<Literal>]
    let private FirstWindow = 4.0

    let none: Pace = Pace.create FirstWindow

    let start (pace: Pace) : Pace = Pace.resume FirstWindow pace

    let prompt (pace: Pace) : Pace = Pace.slowStart MaxWindow pace

namespace CallServer.Protocols.Ng

open System
open CallServer.Model
open CallServer.Exchange

/// How ng messages travel to a gateway.
[<RequireQualifiedAccess>]
type NgTransport =
    /// One message per datagram. A reply that does not fit into one never arrives.
    | Udp
    /// One stream. Nothing on it is repeated.
    | Tcp
    /// HTTP: each message is the body of a request.
    | Http

/// An rtpengine to audit over ng.
type NgGateway =
    {
        Gateway: GatewayId
        Transport: NgTransport
        /// Whether media that both parties sent, measured by its packets, counts as time in which the call was active.
        MediaAnswers: bool
        /// How long the first attempt of a request waits for its answer. Each repeat waits half as long again.
        Timeout: TimeSpan
        /// How often a request is sent before it is given up; at least 1.
        Attempts: int
    }

/// How many requests an rtpengine gets at a time.
module internal NgPace =
    /// Replies have 2 to 4 KiB each. With more requests in flight they overrun a socket buffer of 208 KiB, and are no faster.
    [<Literal>]
    let MaxWindow = 32.0

    [<Literal>]
    let private FirstWindow = 4.0

    let none: Pace = Pace.create FirstWindow

    let start (pace: Pace) : Pace = Pace.resume FirstWindow MaxWindow pace

    let prompt (pace: Pace) : Pace = Pace.slowStart MaxWindow pace

module internal NgClock =
    /// rtpengine stamps with a clock that it reads once per round of its loop, so a stamp is up to 40 ms old. Microseconds, with
    /// some allowance.
    [<Literal>]
    let Staleness = 50_000L

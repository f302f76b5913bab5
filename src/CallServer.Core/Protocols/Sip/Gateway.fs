namespace CallServer.Protocols.Sip

open System
open CallServer.Model
open CallServer.Wire

/// Which way SIP messages take to a gateway.
type SipTransport =
    | OverUdp
    | OverTcp
    /// UDP, and TCP where a notification does not come.
    | UdpThenTcp

/// One gateway to be asked for its dialogs.
type SipGateway =
    {
        Gateway: GatewayId
        /// Whose dialogs: the Request-URI of every first SUBSCRIBE.
        Uri: string
        Transport: SipTransport
        /// The URI asked as.
        From: string
        /// Who authenticates, and with what; nothing: nobody does.
        Login: struct (string * Secret) voption
        /// How long one try waits for its answer.
        Timeout: TimeSpan
        /// How often a try is made before it is given up, at least 1: an exchange may take Timeout x Attempts.
        Attempts: int
    }

    /// How long one exchange may take at most: 32 s, when the other end gives up too (RFC 3261 §17.1.2.2, timer F).
    member this.Patience: TimeSpan = min (TimeSpan.FromSeconds 32.0) (this.Timeout * float this.Attempts)

/// What SIP's timers are here (RFC 3261 §17.1.2.2): bounded by the audit's own patience.
module internal SipTimers =
    /// A round trip at most, 500 ms.
    let t1 = TimeSpan.FromMilliseconds 500.0

    /// Between repeats at most.
    let t2 = TimeSpan.FromSeconds 4.0

    /// 64 x T1: a sender gives a request up after it, and stops to repeat it (timers F and N).
    let giveUp = TimeSpan.FromSeconds 32.0

    /// After a notification that ends a fetch, for those of other branches of a forked SUBSCRIBE that never answered
    /// before. It bounds what every fetch takes; the first one of a gateway waits t1, a round trip at most.
    let forks = TimeSpan.FromMilliseconds 100.0

namespace CallServer.Protocols.Sip

open System
open CallServer.Model
open CallServer.Wire

/// The transport of SIP messages to a gateway.
type SipTransport =
    | OverUdp
    | OverTcp
    /// UDP first, then TCP if no notification comes.
    | UdpThenTcp

/// A gateway whose dialogs are asked for.
type SipGateway =
    {
        Gateway: GatewayId
        /// The user whose dialogs are asked for, as a URI: the Request-URI of every first SUBSCRIBE.
        Uri: string
        Transport: SipTransport
        /// The URI of the subscriber, for the header From.
        From: string
        /// User and password for Digest authentication; ValueNone for no authentication.
        Login: struct (string * Secret) voption
        /// How long one try waits for its answer.
        Timeout: TimeSpan
        /// Timeout x Attempts bounds each wait (`Patience`); at least 1. SIP's own timers say when a SUBSCRIBE is repeated.
        Attempts: int
    }

    /// How long each step may take (opening a stream, the final response, the notification after a 2xx): Timeout x Attempts, but
    /// at most 32 s, when the other end gives up too (RFC 3261 §17.1.2.2, timer F).
    member this.Patience: TimeSpan = min (TimeSpan.FromSeconds 32.0) (this.Timeout * float this.Attempts)

/// SIP's timers (RFC 3261 §17.1.2.2). The audit's own patience bounds them.
module internal SipTimers =
    /// T1: the longest expected round trip, 500 ms.
    let t1 = TimeSpan.FromMilliseconds 500.0

    /// T2: the longest time between repeats, 4 s.
    let t2 = TimeSpan.FromSeconds 4.0

    /// 64 x T1: a sender that has no answer by then gives a request up and stops repeating it (timers F and N).
    let giveUp = TimeSpan.FromSeconds 32.0

    /// How long a fetch goes on after a notification that could end it, for branches of a forked SUBSCRIBE that never answered
    /// before. Every fetch takes at least this long. The first fetch from a gateway waits t1 instead, a round trip at most.
    let forks = TimeSpan.FromMilliseconds 100.0

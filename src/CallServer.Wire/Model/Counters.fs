namespace CallServer.Model

/// What a gateway counted of one connection's media (RFC 3435 §3.2.2.6, connection parameters). Each value is
/// at least 0; MGCP's counters stop at 999,999,999. What the gateway did not state is `ValueNone`.
[<Struct>]
type Counters =
    {
        /// RTP packets that the gateway sent.
        PacketsSent: int64 voption
        /// Octets that the gateway sent.
        OctetsSent: int64 voption
        /// RTP packets that it received.
        PacketsReceived: int64 voption
        /// Octets that it received.
        OctetsReceived: int64 voption
        /// RTP packets that did not arrive.
        PacketsLost: int64 voption
        /// Mean interarrival jitter in milliseconds.
        JitterMs: int64 voption
        /// Mean transit delay in milliseconds.
        LatencyMs: int64 voption
    }

/// Counters with nothing in them.
module Counters =
    /// The gateway stated nothing.
    let none: Counters =
        { PacketsSent = ValueNone
          OctetsSent = ValueNone
          PacketsReceived = ValueNone
          OctetsReceived = ValueNone
          PacketsLost = ValueNone
          JitterMs = ValueNone
          LatencyMs = ValueNone }

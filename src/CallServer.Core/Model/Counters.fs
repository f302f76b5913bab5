namespace CallServer.Model

/// What a gateway counted of one connection's media, as far as it told (RFC 3435 §3.2.2.6, connection parameters). Each value is
/// at least 0; MGCP's stop at 999,999,999.
[<Struct>]
type Counters =
    {
        PacketsSent: int64 voption
        OctetsSent: int64 voption
        PacketsReceived: int64 voption
        OctetsReceived: int64 voption
        PacketsLost: int64 voption
        /// Mean interarrival jitter in milliseconds.
        JitterMs: int64 voption
        /// Mean transit delay in milliseconds.
        LatencyMs: int64 voption
    }

module Counters =
    let none: Counters =
        { PacketsSent = ValueNone
          OctetsSent = ValueNone
          PacketsReceived = ValueNone
          OctetsReceived = ValueNone
          PacketsLost = ValueNone
          JitterMs = ValueNone
          LatencyMs = ValueNone }

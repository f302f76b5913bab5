namespace CallServer.Bench.Fleet;

/// <summary>How a gateway of the fleet answers.</summary>
internal enum GatewayKind
{
    Healthy,

    /// <summary>Every answer comes late, but before the server's time-out.</summary>
    Slow,

    /// <summary>Its port is open, and nothing ever comes from it.</summary>
    Dead,
}

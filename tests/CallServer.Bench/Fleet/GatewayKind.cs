namespace CallServer.Bench.Fleet;

/// <summary>How a gateway of the fleet answers.</summary>
internal enum GatewayKind
{
    Healthy,

    /// <summary>Every answer comes late, but within the time that the server waits for it.</summary>
    Slow,

    /// <summary>Its port is there, and nothing ever comes from it.</summary>
    Dead,
}

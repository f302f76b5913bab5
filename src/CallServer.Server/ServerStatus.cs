namespace CallServer.Server;

/// <summary>
/// How many gateways there are, by what their last audits came to; those not asked yet are in the total
/// alone.
/// </summary>
public sealed record GatewayTotals(int Total, int Complete, int Partial, int Silent);

/// <summary>What <c>GET /v1/status</c> answers.</summary>
public sealed record ServerStatus(
    string Name,
    string Role,
    int Epoch,
    string? Peer,
    bool Ready,
    double UptimeSeconds,
    int Connections,
    GatewayTotals Gateways
);

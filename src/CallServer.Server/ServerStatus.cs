namespace CallServer.Server;

/// <summary>
/// The number of gateways by the result of their last audit; those not asked yet count only in the total.
/// </summary>
public sealed record GatewayTotals(int Total, int Complete, int Partial, int Silent);

/// <summary>The body of <c>GET /v1/status</c>.</summary>
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

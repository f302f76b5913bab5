namespace CallServer.Server;

/// <summary>
/// The number of gateways by the result of their last audit; those not asked yet count only in the total.
/// </summary>
/// <param name="Total">All gateways of the configuration.</param>
/// <param name="Complete">Those whose last audit is proven to list everything.</param>
/// <param name="Partial">Those whose last audit told something, but not everything.</param>
/// <param name="Silent">Those whose last audit told nothing.</param>
public sealed record GatewayTotals(int Total, int Complete, int Partial, int Silent);

/// <summary>The body of <c>GET /v1/status</c>.</summary>
/// <param name="Name">The server's name.</param>
/// <param name="Role"><c>primary</c>, <c>standby</c> or <c>active</c>.</param>
/// <param name="Epoch">The fencing number that a takeover raises.</param>
/// <param name="Peer">Where the other server of the pair is; null if this one runs alone.</param>
/// <param name="Ready">Whether it does its role's work.</param>
/// <param name="UptimeSeconds">Seconds since it began to serve.</param>
/// <param name="Connections">Active connections in the record; in a fleet those of all hosts.</param>
/// <param name="Gateways">How the last audits of the gateways went.</param>
/// <param name="Troubles">What keeps it from saving what it knows, or from handing it on: a sentence each.</param>
public sealed record ServerStatus(
    string Name,
    string Role,
    int Epoch,
    string? Peer,
    bool Ready,
    double UptimeSeconds,
    int Connections,
    GatewayTotals Gateways,
    IReadOnlyList<string> Troubles
);

namespace CallServer.Server.Recording;

/// <summary>How the store does.</summary>
/// <param name="Healthy">The last thing that was tried succeeded.</param>
/// <param name="Reason">Why not, in the store's words; null where it is healthy.</param>
/// <param name="PendingGateways">Gateways with changes that are not saved yet.</param>
/// <param name="PendingCdrs">CDRs that are not saved yet; they are kept until they are.</param>
public sealed record StoreHealth(bool Healthy, string? Reason, int PendingGateways, int PendingCdrs);

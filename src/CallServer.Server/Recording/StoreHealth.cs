namespace CallServer.Server.Recording;

/// <summary>How the store is doing.</summary>
/// <param name="Healthy">Whether the last attempt to write succeeded.</param>
/// <param name="Reason">Why not, in the store's words; null if healthy.</param>
/// <param name="PendingGateways">Gateways with changes that are not saved yet.</param>
/// <param name="PendingCdrs">CDRs that are not saved yet; they are kept until they are.</param>
public sealed record StoreHealth(bool Healthy, string? Reason, int PendingGateways, int PendingCdrs);

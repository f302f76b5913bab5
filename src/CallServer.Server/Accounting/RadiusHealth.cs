namespace CallServer.Server.Accounting;

/// <summary>How the telling of a RADIUS server goes.</summary>
/// <param name="Reason">Why records wait longer than they should; null where they do not.</param>
/// <param name="Waiting">Records that the server has not answered for; the store keeps them until it has. Null while the store
/// cannot be read.</param>
/// <param name="OldestSeconds">How long the oldest of them has waited; null where none does.</param>
public sealed record RadiusHealth(string? Reason, long? Waiting, double? OldestSeconds);

namespace CallServer.Server.Accounting;

/// <summary>How accounting to a RADIUS server is going.</summary>
/// <param name="Reason">Why records wait longer than they should; null while they do not.</param>
/// <param name="Waiting">Records the server has not acknowledged; the store keeps them until it does. Null while the
/// store cannot be read.</param>
/// <param name="OldestSeconds">How long the oldest of them has waited, in seconds; null when none is waiting.</param>
public sealed record RadiusHealth(string? Reason, long? Waiting, double? OldestSeconds);

namespace CallServer.Server.Accounting;

/// <summary>How it is going to hand records on to another system.</summary>
/// <param name="Reason">Why records wait longer than they should; null while they do not.</param>
/// <param name="Waiting">Records the system has not acknowledged; the store keeps them until it does. Null while the
/// store cannot be read.</param>
/// <param name="OldestSeconds">How long the oldest of them has waited, in seconds; null when none is waiting, or while
/// the store cannot be read.</param>
public sealed record SinkHealth(string? Reason, long? Waiting, double? OldestSeconds);

namespace CallServer.Storage;

/// <summary>What the readers of the outbox want besides CDRs.</summary>
/// <param name="Interim">How often they want a record of a connection that goes on; zero: never.</param>
/// <param name="Starts">Whether they want to hear that a connection began.</param>
public sealed record AccountingWants(TimeSpan Interim, bool Starts)
{
    /// <summary>CDRs alone.</summary>
    public static AccountingWants Finals { get; } = new(TimeSpan.Zero, false);
}

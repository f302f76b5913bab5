namespace CallServer.Storage;

/// <summary>What the readers of the outbox want besides CDRs.</summary>
/// <param name="Interim">Time between two interim records of a connection that goes on; zero for none.</param>
/// <param name="Starts">Whether they want a record when a connection begins.</param>
public sealed record AccountingWants(TimeSpan Interim, bool Starts)
{
    /// <summary>CDRs alone.</summary>
    public static AccountingWants Finals { get; } = new(TimeSpan.Zero, false);
}

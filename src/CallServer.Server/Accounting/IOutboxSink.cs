namespace CallServer.Server.Accounting;

/// <summary>Hands records of the store's outbox on to another system.</summary>
public interface IOutboxSink : IDisposable
{
    /// <summary>How that is going now.</summary>
    SinkHealth Health { get; }

    /// <summary>Why records wait longer than they should; null while they do not.</summary>
    string? Reason { get; }

    /// <summary>Says that there may be new records. Callable from any thread.</summary>
    void Nudge();

    /// <summary>
    /// Completes when the system has acknowledged everything, when it cannot be reached, or when the store fails.
    /// </summary>
    Task FlushAsync();
}

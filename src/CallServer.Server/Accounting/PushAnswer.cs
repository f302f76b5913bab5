namespace CallServer.Server.Accounting;

/// <summary>What became of one request.</summary>
public enum PushResult
{
    /// <summary>The receiver has the records: a status of 2xx, and its answer came whole.</summary>
    Taken,

    /// <summary>No connection, no trust in its certificate, or no whole answer.</summary>
    Unreachable,

    /// <summary>No whole answer within the deadline.</summary>
    Late,

    /// <summary>It asks to come later: 408, 425, 429.</summary>
    Busy,

    /// <summary>It fails: 5xx.</summary>
    Failed,

    /// <summary>The request is too large for it: 413.</summary>
    TooLarge,

    /// <summary>It does not take these records, and would not the next time: any other status.</summary>
    Refused,
}

/// <summary>The answer to one request.</summary>
/// <param name="Result">What became of it.</param>
/// <param name="Words">What the receiver said, or why nothing came, safe for a log; empty if it took the
/// records.</param>
/// <param name="Wait">How long it asks to wait; null if it does not say.</param>
internal sealed record PushAnswer(PushResult Result, string Words, TimeSpan? Wait = null);

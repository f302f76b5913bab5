using CallServer.Surface;

namespace CallServer.Server.Releasing;

/// <summary>What became of an operator's wish.</summary>
public enum ReleaseStatus
{
    /// <summary>The gateway ended the connection, and the record is closed.</summary>
    Released,

    /// <summary>The record does not hold it, or nobody asks that gateway.</summary>
    NotFound,

    /// <summary>It may not be released now; the gateway was not asked.</summary>
    NotAllowed,

    /// <summary>The gateway would not.</summary>
    Refused,

    /// <summary>The gateway did not answer: nobody knows whether it ended.</summary>
    Unknown,
}

/// <summary>The status, in words too.</summary>
/// <param name="Status">What became of it.</param>
/// <param name="Gateway">Whose connection it is; null where that is not known.</param>
/// <param name="Connection">Its id there.</param>
/// <param name="Detail">Why not; null where it was released.</param>
/// <param name="Counters">What the gateway counted at the end; null where it did not tell.</param>
/// <param name="Cdr">Its CDR; null where there is none, as an audit had found it gone in the
/// meantime.</param>
public sealed record ReleaseAnswer(
    ReleaseStatus Status,
    string? Gateway,
    string Connection,
    string? Detail,
    CountersView? Counters = null,
    CdrView? Cdr = null
);

using CallServer.Surface;

namespace CallServer.Server.Releasing;

/// <summary>What became of an operator's request to release a connection.</summary>
public enum ReleaseStatus
{
    /// <summary>The gateway ended the connection, and the record is closed.</summary>
    Released,

    /// <summary>The record does not hold the connection, or the gateway is not polled.</summary>
    NotFound,

    /// <summary>It may not be released now; the gateway was not asked.</summary>
    NotAllowed,

    /// <summary>The gateway refused.</summary>
    Refused,

    /// <summary>The gateway did not answer: nobody knows whether the connection ended.</summary>
    Unknown,

    /// <summary>No host of the fleet holds the gateway now; nobody was asked.</summary>
    Unheld,
}

/// <summary>The outcome of a release, with its details.</summary>
/// <param name="Status">What became of it.</param>
/// <param name="Gateway">The gateway's id; null if it is not known.</param>
/// <param name="Connection">The connection's id there.</param>
/// <param name="Detail">Why not; null if it was released.</param>
/// <param name="Counters">The gateway's counters at the end; null if it did not tell them.</param>
/// <param name="Cdr">The id of its CDR; null if there is none because an audit had found the connection gone meanwhile.</param>
public sealed record ReleaseAnswer(
    ReleaseStatus Status,
    string? Gateway,
    string Connection,
    string? Detail,
    CountersView? Counters = null,
    string? Cdr = null
);

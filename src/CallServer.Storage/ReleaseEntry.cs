namespace CallServer.Storage;

/// <summary>An operator's attempt to end a connection, as the release log keeps it.</summary>
/// <param name="Gateway">The id of the gateway.</param>
/// <param name="Connection">What the gateway calls the connection.</param>
/// <param name="By">Who asked for it.</param>
/// <param name="Reason">Why, in their words.</param>
/// <param name="Asked">When the gateway was asked, UTC with microseconds.</param>
/// <param name="Outcome"><c>released</c>, <c>refused</c> (by the gateway), or <c>unknown</c> (it did not
/// answer).</param>
/// <param name="Detail">The gateway's words, or what was waited for; null if it was released.</param>
public sealed record ReleaseEntry(
    string Gateway,
    string Connection,
    string By,
    string Reason,
    string Asked,
    string Outcome,
    string? Detail
)
{
    /// <summary>The gateway ended the connection.</summary>
    public const string Released = "released";

    /// <summary>The gateway refused.</summary>
    public const string Refused = "refused";

    /// <summary>The gateway did not answer.</summary>
    public const string Unknown = "unknown";
}

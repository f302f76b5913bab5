namespace CallServer.Storage;

/// <summary>One attempt of an operator to have a connection ended, as the release log keeps it.</summary>
/// <param name="Gateway">Whose connection it is.</param>
/// <param name="Connection">Its id there.</param>
/// <param name="By">Who asked for it.</param>
/// <param name="Reason">Why, in their words.</param>
/// <param name="Asked">When the gateway was asked, UTC with microseconds.</param>
/// <param name="Outcome"><c>released</c>, <c>refused</c> (the gateway would not), or <c>unknown</c> (it did
/// not answer).</param>
/// <param name="Detail">The gateway's words, or what was waited for; null where it was released.</param>
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
    public const string Released = "released";
    public const string Refused = "refused";
    public const string Unknown = "unknown";
}

using System.Text.Json.Serialization;

namespace CallServer.Storage;

/// <summary>A request that changes something, as the control log keeps it; never contains a secret.</summary>
/// <param name="Time">When it was answered, UTC with microseconds.</param>
/// <param name="Who">Which token it brought, <c>oidc:SUBJECT</c>, <c>loopback</c>, or <c>nobody</c>.</param>
/// <param name="From">The address that it came from.</param>
/// <param name="Verb">Method and path of the API, such as <c>POST /v1/takeover</c>.</param>
/// <param name="What">What it was about, such as <c>gateway=gw1</c>; null where nothing was named, or nothing was
/// read.</param>
/// <param name="Status">The HTTP status of the answer.</param>
/// <param name="Result"><c>done</c>, <c>accepted</c>, <c>refused</c>, <c>failed</c> or <c>left</c> (the caller did not
/// wait for the answer).</param>
/// <param name="Count">How many requests this stands for. More than one only where they were refused: those alike are
/// summed up.</param>
public sealed record ControlEntry(
    string Time,
    string Who,
    string From,
    string Verb,
    string? What,
    int Status,
    string Result,
    int Count
)
{
    /// <summary>Done, and over.</summary>
    public const string Done = "done";

    /// <summary>Begun; it goes on.</summary>
    public const string Accepted = "accepted";

    /// <summary>Not carried out, because of who asked, how, or how often.</summary>
    public const string Refused = "refused";

    /// <summary>Tried or considered, and not done.</summary>
    public const string Failed = "failed";

    /// <summary>The caller went away before there was an answer.</summary>
    public const string Left = "left";

    /// <summary>Whether nothing was carried out or tried.</summary>
    [JsonIgnore]
    public bool IsRefused => Result == Refused;
}

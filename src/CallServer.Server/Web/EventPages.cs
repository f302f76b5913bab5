using System.Globalization;
using System.Text;
using System.Text.Json;
using CallServer.Storage;

namespace CallServer.Server.Web;

/// <summary>
/// What one client of the event stream is sent, page by page. A change may say what its connection is like now: at least as
/// new as the change, because the record is always ahead of what is stored. A client that keeps the newest of each
/// connection therefore ends with the record, whatever it missed in between.
/// </summary>
/// <param name="runtime">The server.</param>
/// <param name="gateway">Only changes of this gateway; null for all.</param>
/// <param name="withRecord">Whether each change says what its connection is like now.</param>
internal sealed class EventPages(ServerRuntime runtime, string? gateway, bool withRecord)
{
    private const int PageSize = 200;

    // The client has caught up when it was sent everything up to here.
    private long target;
    private long after;
    private bool isFromElsewhere;
    private bool isComplete;

    /// <summary>Begins after an event; null begins with what happens from now on.</summary>
    public void Begin(long? begin)
    {
        target = runtime.Events.Read(long.MaxValue, 1).Newest;
        // The client followed another store that had come further.
        isFromElsewhere = begin > target;
        after = isFromElsewhere ? target : begin ?? target;
    }

    /// <summary>The next page as text, and whether there is nothing after it yet.</summary>
    public (byte[] Text, bool IsLast) Next()
    {
        var page = runtime.Events.Read(after, PageSize);
        var text = new StringBuilder();
        if (page.Missed || isFromElsewhere)
            text.Append("event: gap\ndata: {}\n\n");
        isFromElsewhere = false;
        foreach (var change in page.Items)
        {
            after = change.Sequence;
            if (gateway is null || change.Gateway == gateway)
                text.Append(
                    CultureInfo.InvariantCulture,
                    $"id: {after}\nevent: {change.Kind}\ndata: {Data(change)}\n\n"
                );
        }

        if (!isComplete && (after >= target || page.Items.Count == 0))
        {
            isComplete = true;
            text.Append(
                CultureInfo.InvariantCulture,
                $"id: {after}\nevent: complete\ndata: {{\"upTo\":{after}}}\n\n"
            );
        }

        return (Encoding.UTF8.GetBytes(text.ToString()), page.Items.Count == 0);
    }

    /// <summary>The last event of a stream, which says why no other follows.</summary>
    public static byte[] Ended(string why)
    {
        var reason = $"The token is no longer accepted. {why}. Come back with a good one";
        return Encoding.UTF8.GetBytes(
            $"event: ended\ndata: {JsonSerializer.Serialize(new { reason }, RecordJson.Camel)}\n\n"
        );
    }

    private string Data(StoredChange change)
    {
        if (!withRecord || change.Connection is null)
            return runtime.Masking.ShownChange(change.Json);
        var now = runtime
            .Ledger.Find(change.Gateway)
            ?.Record.Find(change.Connection, runtime.Clock.Now.Steady, runtime.Clock.Correction);
        var shown = now is null ? null : runtime.Masking.Shown(now);
        var json = runtime.Masking.ShownChange(change.Json);
        return $"{json[..^1]},\"record\":{JsonSerializer.Serialize(shown, RecordJson.Camel)}}}";
    }
}

using System.Text.Json;
using System.Text.Json.Nodes;
using CallServer.Server.Recording;
using CallServer.Server.Web.Contract;
using CallServer.Storage;
using CallServer.Surface;

namespace CallServer.Server.Web.Reading;

/// <summary>The bounds of a time before a change and after it.</summary>
/// <param name="Before">What the record knew before; null for nothing.</param>
/// <param name="After">What it knew after; null for nothing.</param>
internal sealed record Narrowing(IntervalView? Before, IntervalView? After);

/// <summary>One change of a connection.</summary>
/// <param name="Sequence">The id of the event.</param>
/// <param name="Kind">One word, such as <c>opened</c>, <c>updated</c>, <c>conflict</c> or <c>closed</c>.</param>
/// <param name="Time">When it happened, UTC with microseconds.</param>
/// <param name="Detail">Details, in words; null if there is nothing to add.</param>
/// <param name="Was">The id that the connection had before; null if the change is no renaming.</param>
/// <param name="Setup">When its call began.</param>
/// <param name="Start">When it became active.</param>
/// <param name="End">When it ended.</param>
/// <param name="Reported">A time that contradicts the record; null if there is none.</param>
/// <param name="Facts">The facts that changed; empty if none did.</param>
internal sealed record StoryStep(
    long Sequence,
    string Kind,
    string Time,
    string? Detail,
    string? Was,
    Narrowing Setup,
    Narrowing Start,
    Narrowing End,
    IntervalView? Reported,
    IReadOnlyList<FactChange> Facts
);

/// <summary>Everything that is kept of one connection's life.</summary>
/// <param name="Gateway">The id of the gateway.</param>
/// <param name="Connection">What the gateway calls it, or called it last.</param>
/// <param name="Active">Whether it is active.</param>
/// <param name="Whole">Whether the story begins with its opening. Older changes are deleted (<c>keep.changes</c>).</param>
/// <param name="Steps">Its changes, oldest first.</param>
/// <param name="Now">The connection as the record holds it; null if it has ended. Its bounds may be narrower than those of
/// the last step: every audit narrows some, and that alone is no change.</param>
/// <param name="Cdr">Its CDR; null while it is active.</param>
internal sealed record Story(
    string Gateway,
    string Connection,
    bool Active,
    bool Whole,
    IReadOnlyList<StoryStep> Steps,
    ConnectionView? Now,
    JsonNode? Cdr
);

/// <summary><c>GET /v1/connections/GATEWAY/ID/story</c>.</summary>
internal sealed class Stories(Answers answers)
{
    private const int MostSteps = 1_000;

    // A connection that lives through more restarts of its gateway's agent has a shorter story.
    private const int MostNames = 10;

    private readonly ILedgerStore store = answers.Runtime.Store;

    public async Task<IResult> TellAsync(HttpRequest request, string gateway, string id)
    {
        var query = new Query(request, Operations.Story);
        if (query.IsWrong)
            return query.Refusal();
        var now = await answers.FindAsync(
            new ConnectionName(gateway, id),
            request.HttpContext.RequestAborted
        );
        return Answers.FromStore(() =>
        {
            var changes = Life(gateway, id);
            if (now is null && changes.Count == 0)
                return Problems.Of(
                    StatusCodes.Status404NotFound,
                    $"Nothing is kept of a connection '{id}' at {gateway}",
                    "Its CDR may still be there: /v1/cdrs?connection=ID"
                );
            var cdr = now is null
                ? changes.LastOrDefault(change => change.View.Cdr is not null)?.View.Cdr
                : null;
            return Answers.Json(
                new Story(
                    gateway,
                    id,
                    now is not null,
                    changes.Count > 0 && changes[0].View.Kind == "opened",
                    Steps(changes, answers.Runtime.Masking),
                    now is null ? null : answers.Runtime.Masking.Shown(now),
                    cdr is not null && store.FindCdr(cdr) is { } found
                        ? JsonNode.Parse(answers.Runtime.Masking.ShownCdr(found.Json))
                        : null
                )
            );
        });
    }

    private sealed record Told(long Sequence, ChangeView View);

    /// <summary>
    /// The changes since the id was last given to a connection, and those from before under its earlier ids.
    /// </summary>
    private List<Told> Life(string gateway, string id)
    {
        var life = new List<Told>();
        var before = long.MaxValue;
        for (var names = 0; names < MostNames; names++)
        {
            List<Told> changes =
            [
                .. store
                    .ReadStory(gateway, id, before, MostSteps)
                    .Select(change => new Told(
                        change.Sequence,
                        JsonSerializer.Deserialize<ChangeView>(change.Json, RecordJson.Camel)!
                    )),
            ];
            var first = changes.FindLastIndex(change => change.View.Kind is "opened" or "renamed");
            if (first < 0)
                first = AfterEarlierEnd(changes);
            life.InsertRange(0, changes.Skip(first));
            if (life is not [{ View: { Kind: "renamed", Was: { } was } } renamed, ..])
                break;
            (id, before) = (was, renamed.Sequence);
        }

        return life;
    }

    /// <summary>Without a beginning, what follows the end of an earlier connection of the same id.</summary>
    private static int AfterEarlierEnd(List<Told> changes)
    {
        var ends = changes
            .Index()
            .Where(each => each.Item.View.Kind == "closed")
            .Select(each => each.Index)
            .ToList();
        if (ends.Count == 0)
            return 0;
        // A finding may be cleared after the end; anything else is about a later connection.
        if (changes.Skip(ends[^1] + 1).Any(change => change.View.Kind != "finding-cleared"))
            return ends[^1] + 1;
        return ends.Count > 1 ? ends[^2] + 1 : 0;
    }

    private static List<StoryStep> Steps(List<Told> changes, Masking masking)
    {
        var steps = new List<StoryStep>(changes.Count);
        IntervalView? setup = null;
        IntervalView? start = null;
        foreach (var (sequence, view) in changes)
        {
            steps.Add(
                new StoryStep(
                    sequence,
                    view.Kind,
                    view.Time,
                    view.Detail,
                    view.Was,
                    new Narrowing(setup, view.Setup ?? setup),
                    new Narrowing(start, view.Start ?? start),
                    new Narrowing(null, view.End),
                    view.Reported,
                    [.. (view.Facts ?? []).Select(masking.Shown)]
                )
            );
            setup = view.Setup ?? setup;
            start = view.Start ?? start;
        }

        return steps;
    }
}

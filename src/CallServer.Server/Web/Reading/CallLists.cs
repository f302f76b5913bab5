using System.Text.Json;
using CallServer.Server.Web.Contract;
using CallServer.Surface;

namespace CallServer.Server.Web.Reading;

/// <summary>A finding with the call that it is about.</summary>
/// <param name="Kind">One of the kinds that docs/calls.md lists, such as <c>one-sided</c>.</param>
/// <param name="Since">Since when, UTC with microseconds.</param>
/// <param name="Text">How the sources disagree, in words.</param>
/// <param name="Call">The call's id; null if it has none.</param>
/// <param name="Sources">The ids of the gateways that reported the call, each once.</param>
/// <param name="Connections">GATEWAY/ID of each of its live legs.</param>
/// <param name="Originator">The originating device; null if it is not known.</param>
internal sealed record FindingItem(
    string Kind,
    string Since,
    string Text,
    string? Call,
    IReadOnlyList<string> Sources,
    IReadOnlyList<string> Connections,
    string? Originator
);

/// <summary>How many connections and calls there are at this moment, counted anew from the record.</summary>
/// <param name="AsOf">When they were counted, UTC with microseconds.</param>
/// <param name="Complete">Whether every gateway was asked, and its last audit listed everything.</param>
/// <param name="Incomplete">The gateways for which that is not so.</param>
/// <param name="By">What they were counted by.</param>
/// <param name="Connections">All connections.</param>
/// <param name="Calls">All calls; one with legs of several keys counts under each of them, and here once.</param>
/// <param name="Keys">How many keys there are.</param>
/// <param name="Items">The keys with the most connections, those first.</param>
/// <param name="Next">Always null.</param>
internal sealed record CountAnswer(
    string AsOf,
    bool Complete,
    IReadOnlyList<string> Incomplete,
    string By,
    int Connections,
    int Calls,
    int Keys,
    IReadOnlyList<CountView> Items,
    string? Next
);

/// <summary>The calls, their findings and their counts: of this server, or of all hosts of its fleet.</summary>
internal sealed class CallLists(Answers answers)
{
    private readonly OwnCalls own = new(answers.Runtime);

    /// <summary>Lists the calls.</summary>
    public Task<IResult> ListAsync(HttpRequest request) => Answers.FromStoreAsync(() => CallsAsync(request));

    private async Task<IResult> CallsAsync(HttpRequest request)
    {
        var query = new Query(request, Operations.Calls);
        var (since, until) = query.Period();
        var limit = query.Limit();
        var question = Question(query, CallAsked.List, limit + 1) with
        {
            Leg = query.Text("connection"),
            HasFindings = query.Flag("findings") == true,
            Since = since,
            Until = until,
            Cursor = query.TextCursor(3),
        };
        if (query.IsWrong)
            return query.Refusal();

        var all = await AskAsync(question, request);
        var found = all.Answers.SelectMany(each => each.Calls).Order().Take(limit + 1).ToList();
        var page = found.Take(limit).ToList();
        return List(
            all,
            page.Select(call => Answers.Camel(answers.Runtime.Masking.Shown(call.View))),
            found.Count > limit ? Query.Cursor(page[^1].Id, page[^1].Gateway, page[^1].Connection) : null
        );
    }

    /// <summary>One call with its legs on all gateways.</summary>
    public Task<IResult> OneAsync(HttpRequest request) => Answers.FromStoreAsync(() => CallAsync(request));

    private async Task<IResult> CallAsync(HttpRequest request)
    {
        var id = PathParts.Id(request, 2);
        var query = new Query(request, Operations.Call);
        var question = new CallQuestion
        {
            Asked = CallAsked.One,
            Gateway = query.Gateway(answers.IsKnown),
            Call = id,
            Most = 2,
        };
        if (query.IsWrong)
            return query.Refusal();

        var all = await AskAsync(question, request);
        return all.Answers.SelectMany(each => each.Details).Take(2).ToList() switch
        {
            [var call] => Answers.Json(answers.Runtime.Masking.Shown(call)),
            [] when all.Lack => Problems.Of(
                StatusCodes.Status503ServiceUnavailable,
                $"No host that answered has an active call with the id '{id}'",
                "A host of the fleet did not answer: try again, or ask /v1/connections"
            ),
            [] => Problems.Of(
                StatusCodes.Status404NotFound,
                $"No active call has the id '{id}'",
                "Calls that have ended are in /v1/cdrs?call=ID. A call without an id is found by a leg: /v1/calls?connection=GATEWAY/ID"
            ),
            _ => Problems.Of(
                StatusCodes.Status409Conflict,
                $"Several calls have the id '{id}'",
                "Gateways that count their calls give the same ids: say which one with ?gateway=ID"
            ),
        };
    }

    /// <summary>Every finding, by call.</summary>
    public Task<IResult> FindingsAsync(HttpRequest request) =>
        Answers.FromStoreAsync(() => FindingPageAsync(request));

    private async Task<IResult> FindingPageAsync(HttpRequest request)
    {
        var query = new Query(request, Operations.Findings);
        var (since, until) = query.Period();
        var limit = query.Limit();
        var question = Question(query, CallAsked.Findings, limit + 1) with
        {
            Kind = query.Word(Parameters.Kind),
            Since = since,
            Until = until,
            // The last part is the kind of the last finding: a call has at most one of each kind.
            Cursor = query.TextCursor(4),
        };
        if (query.IsWrong)
            return query.Refusal();

        var all = await AskAsync(question, request);
        // Those of one call come from one host, in their order.
        var found = all
            .Answers.SelectMany(each => each.Findings)
            .OrderBy(each => each.Call)
            .Take(limit + 1)
            .ToList();
        var page = found.Take(limit).ToList();
        return List(
            all,
            page.Select(each =>
                Answers.Camel(Item(each.Finding, answers.Runtime.Masking.Shown(each.Call.View)))
            ),
            found.Count > limit ? Cursor(page[^1]) : null
        );
    }

    /// <summary>How many connections and calls there are.</summary>
    public Task<IResult> CountAsync(HttpRequest request) =>
        Answers.FromStoreAsync(() => CountedAsync(request));

    private async Task<IResult> CountedAsync(HttpRequest request)
    {
        var query = new Query(request, Operations.Count);
        var by = query.Word(Parameters.By);
        var limit = query.Limit();
        var question = new CallQuestion
        {
            Asked = CallAsked.Count,
            Gateway = query.Gateway(answers.IsKnown),
            By = by is null ? default : KeyOf(by),
            HidesNumbers = answers.Runtime.Masking.Masks,
        };
        if (query.IsWrong)
            return query.Refusal();

        var all = await AskAsync(question, request);
        var parts = all.Answers.Select(each => each.Count).OfType<CallCount>().ToList();
        var counts = parts
            .SelectMany(part => part.Keys)
            .GroupBy(count => count.Key, StringComparer.Ordinal)
            .Select(same => new CountView(
                same.Key,
                same.Sum(count => count.Connections),
                same.Sum(count => count.Calls)
            ))
            .OrderByDescending(count => count.Connections)
            .ThenBy(count => count.Key, StringComparer.Ordinal)
            .ToList();
        return Answers.Json(
            new CountAnswer(
                (answers.Now + answers.Correction).ToString(),
                all.Incomplete.Count == 0,
                all.Incomplete,
                by!,
                counts.Sum(count => count.Connections),
                parts.Sum(part => part.Calls),
                counts.Count,
                [.. counts.Take(limit)],
                null
            )
        );
    }

    private CallQuestion Question(Query query, CallAsked asked, int most) =>
        new()
        {
            Asked = asked,
            Gateway = query.Gateway(answers.IsKnown),
            Call = query.Pattern("call"),
            Originator = query.Pattern("originator"),
            Remote = query.Pattern("remote"),
            Most = most,
            HidesNumbers = answers.Runtime.Masking.Masks,
        };

    /// <summary>What this server answers, and the other hosts if there are any.</summary>
    private async Task<AskedCalls> AskAsync(CallQuestion question, HttpRequest request)
    {
        var cancellation = request.HttpContext.RequestAborted;
        var here = own.AnswerAsync(question, cancellation);
        if (answers.Shared is not { } shared)
            return new AskedCalls([await here], answers.Incomplete(question.Gateway), false);
        var asked = await shared.AskAsync(new HostQuestion { Calls = question }, cancellation);
        return new AskedCalls(
            [await here, .. asked.Answers.Select(other => other.Calls).OfType<CallAnswer>()],
            shared.Incomplete(asked, question.Gateway),
            !asked.Left.All(shared.Holds)
        );
    }

    private ListAnswer List(AskedCalls all, IEnumerable<Action<Utf8JsonWriter>> items, string? next) =>
        new((answers.Now + answers.Correction).ToString(), all.Incomplete, items, next);

    private static string Cursor(PlacedFinding last) =>
        Query.Cursor(last.Call.Id, last.Call.Gateway, last.Call.Connection, last.Finding.Kind);

    private static FindingItem Item(FindingView finding, CallView call) =>
        new(
            finding.Kind,
            finding.Since,
            finding.Text,
            call.Call,
            call.Sources,
            call.Connections,
            call.Originator
        );

    private static CountKey KeyOf(string by) =>
        by switch
        {
            "gateway" => CountKey.Gateway,
            "codec" => CountKey.Codec,
            "originator" => CountKey.Originator,
            "call-direction" => CountKey.CallDirection,
            "media-direction" => CountKey.MediaDirection,
            _ => throw new ArgumentOutOfRangeException(nameof(by), by, "no such key"),
        };

    /// <param name="Answers">Of this server first.</param>
    /// <param name="Incomplete">Gateways of which they may not tell everything.</param>
    /// <param name="Lack">Whether there are gateways that none of those who answered holds.</param>
    private sealed record AskedCalls(
        IReadOnlyList<CallAnswer> Answers,
        IReadOnlyList<string> Incomplete,
        bool Lack
    );
}

using CallServer.Model;
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

/// <summary>The calls, their findings and their counts.</summary>
internal sealed class CallLists(Answers answers)
{
    private CallRecord Calls => answers.Runtime.Ledger.Joiner.Calls;

    /// <summary>
    /// Lists the calls of everything that the record held when the request came, so that a client that has just read
    /// the connections finds them here.
    /// </summary>
    public async Task<IResult> ListAsync(HttpRequest request)
    {
        var query = new Query(request, Operations.Calls);
        var gateway = query.Gateway(answers.IsKnown);
        var findings = query.Flag("findings") == true;
        var filter = Filter(query, gateway, period: true);
        var leg = query.Text("connection");
        var limit = query.Limit();
        var cursor = query.TextCursor(3);
        if (query.IsWrong)
            return query.Refusal();

        await PassAsync(request);
        var calls = leg is null ? Calls.After(cursor?[0], cursor?[1], cursor?[2], findings) : Having(leg);
        var found = calls.Where(call => call.Fits(filter)).Take(limit + 1).ToList();
        var page = found.Take(limit).ToList();
        return answers.List(
            gateway,
            page.Select(call => Answers.Camel(answers.Runtime.Masking.Shown(call.View(answers.Correction)))),
            found.Count > limit ? Query.Cursor(page[^1].Id, page[^1].Gateway, page[^1].Connection) : null
        );
    }

    /// <summary>One call with its legs on all gateways.</summary>
    public async Task<IResult> OneAsync(HttpRequest request)
    {
        var id = PathParts.Id(request, 2);
        var query = new Query(request, Operations.Call);
        var gateway = query.Gateway(answers.IsKnown);
        if (query.IsWrong)
            return query.Refusal();

        await PassAsync(request);
        var found = Calls.WithId(id).Where(call => gateway is null || call.Has(gateway)).Take(2).ToList();
        return found switch
        {
            [var call] => Answers.Json(
                answers.Runtime.Masking.Shown(call.Detail(answers.Now, answers.Correction))
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
    public async Task<IResult> FindingsAsync(HttpRequest request)
    {
        var query = new Query(request, Operations.Findings);
        var gateway = query.Gateway(answers.IsKnown);
        var kind = query.Word(Parameters.Kind);
        var filter = Filter(query, gateway, period: false);
        var (since, until) = query.Period();
        var limit = query.Limit();
        // The last part is the kind of the last finding: a call has at most one of each kind.
        var cursor = query.TextCursor(4);
        if (query.IsWrong)
            return query.Refusal();

        await PassAsync(request);
        var (from, to) = (Text(since), Text(until));
        var found = Continued(cursor)
            .Where(each => each.Call.Fits(filter))
            .Select(each => (each.Call, each.Done, View: each.Call.View(answers.Correction)))
            .SelectMany(each =>
                each.View.Findings.SkipWhile(finding => !each.Done.IsOver(finding.Kind))
                    .Select(finding => (each.Call, each.View, Finding: finding))
            )
            .Where(each => kind is null || each.Finding.Kind == kind)
            .Where(each => from is null || string.CompareOrdinal(each.Finding.Since, from) >= 0)
            .Where(each => to is null || string.CompareOrdinal(each.Finding.Since, to) < 0)
            .Take(limit + 1)
            .ToList();
        var page = found.Take(limit).ToList();
        return answers.List(
            gateway,
            page.Select(each => Answers.Camel(Item(each.Finding, answers.Runtime.Masking.Shown(each.View)))),
            found.Count > limit ? Cursor(page[^1].Call, page[^1].Finding.Kind) : null
        );
    }

    /// <summary>How many connections and calls there are.</summary>
    public async Task<IResult> CountAsync(HttpRequest request)
    {
        var query = new Query(request, Operations.Count);
        var by = query.Word(Parameters.By);
        var gateway = query.Gateway(answers.IsKnown);
        var limit = query.Limit();
        if (query.IsWrong)
            return query.Refusal();

        await PassAsync(request);
        var calls = Calls;
        var counts = calls.CountBy(KeyOf(by!), gateway, answers.Runtime.Masking.Masks);
        var incomplete = answers.Incomplete(gateway);
        return Answers.Json(
            new CountAnswer(
                (answers.Now + answers.Correction).ToString(),
                incomplete.Count == 0,
                incomplete,
                by!,
                counts.Sum(count => count.Connections),
                gateway is null
                    ? calls.Count
                    : calls.CountBy(CountKey.Gateway, gateway, false).Sum(count => count.Calls),
                counts.Count,
                [.. counts.Take(limit)],
                null
            )
        );
    }

    /// <summary>A time as answers show it.</summary>
    private static string? Text(DateTimeOffset? time) =>
        time is { } shown ? InstantModule.ofDateTime(shown).ToString() : null;

    private Task PassAsync(HttpRequest request) =>
        answers.Runtime.Ledger.Joiner.PassAsync().WaitAsync(request.HttpContext.RequestAborted);

    private IEnumerable<CallEntry> Having(string leg)
    {
        // Gateways' ids may contain a slash, and connections' ids do.
        for (
            var slash = leg.IndexOf('/', StringComparison.Ordinal);
            slash > 0;
            slash = leg.IndexOf('/', slash + 1)
        )
        {
            if (Calls.OfConnection(leg[..slash], leg[(slash + 1)..]) is { } call)
                return [call];
        }

        return [];
    }

    private CallFilter Filter(Query query, string? gateway, bool period)
    {
        var (since, until) = period ? query.Period() : default;
        return new CallFilter(
            gateway: gateway,
            call: query.Pattern("call"),
            originator: query.Pattern("originator"),
            remote: query.Pattern("remote"),
            finding: null,
            since: answers.At(since),
            until: answers.At(until),
            hidesNumbers: answers.Runtime.Masking.Masks
        );
    }

    /// <summary>What of a call's findings an earlier page has shown.</summary>
    /// <param name="kind">The last one shown; null if none was.</param>
    private sealed class Shown(string? kind)
    {
        private bool isOver = kind is null;

        public bool IsOver(string next)
        {
            var was = isOver;
            isOver |= next == kind;
            return was;
        }
    }

    /// <summary>The calls with findings from a cursor on, beginning with the one that it names.</summary>
    private IEnumerable<(CallEntry Call, Shown Done)> Continued(string[]? cursor)
    {
        if (cursor is null)
            return Calls.After(null, null, null, true).Select(call => (call, new Shown(null)));
        var (id, gateway, connection) = (cursor[0], cursor[1], cursor[2]);
        var same = Calls
            .WithId(id)
            .Where(call => call.Gateway == gateway && call.Connection == connection)
            .Select(call => (call, new Shown(cursor[3])));
        return same.Concat(
            Calls.After(id, gateway, connection, true).Select(call => (call, new Shown(null)))
        );
    }

    private static string Cursor(CallEntry call, string kind) =>
        Query.Cursor(call.Id, call.Gateway, call.Connection, kind);

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
}

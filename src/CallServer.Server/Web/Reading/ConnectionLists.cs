using System.Globalization;
using CallServer.Server.Web.Contract;
using CallServer.Surface;

namespace CallServer.Server.Web.Reading;

/// <summary>The active connections: a list with limits and an order, and each one by itself.</summary>
internal sealed class ConnectionLists(Answers answers)
{
    // The parts of a cursor: the order, the number and the place in it, and the text that it is sorted by.
    private const int CursorParts = 5;
    private const string RecordOrder = "gateway";

    public Task<IResult> ListAsync(HttpRequest request) => Answers.FromStoreAsync(() => PageAsync(request));

    private async Task<IResult> PageAsync(HttpRequest request)
    {
        var query = new Query(request, Operations.Connections);
        var gateway = query.Gateway(answers.IsKnown);
        var filter = Filter(query);
        var sort = query.Word(Parameters.ConnectionSort) ?? RecordOrder;
        // A cursor holds the text that its list is sorted by.
        if (
            answers.Runtime.Masking.Masks
            && SortOf(sort) is ConnectionSort.Originator or ConnectionSort.Remote
        )
            query.Fail("sort", "numbers are hidden (privacy.mask): no list is sorted by them");
        var limit = query.Limit();
        var after = sort == RecordOrder ? PlaceInRecord(query) : Place(query, sort);
        if (query.IsWrong)
            return query.Refusal();

        var question = new ConnectionQuestion
        {
            Gateway = gateway,
            Filter = filter,
            Sort = SortOf(sort),
            Descending = sort.StartsWith('-'),
            After = after,
            Most = limit,
        };
        var cancellation = request.HttpContext.RequestAborted;
        var (page, incomplete) = answers.Shared is { } shared
            ? await PageAsync(question, shared, cancellation)
            : (
                question
                    .Query(TimeSpan.Zero)
                    .Page(
                        answers.States(gateway).Select(state => state.Record),
                        after,
                        limit,
                        answers.Now,
                        answers.Correction
                    ),
                answers.Incomplete(gateway)
            );
        return new ListAnswer(
            (answers.Now + answers.Correction).ToString(),
            incomplete,
            page.Items.Select(item => Answers.Camel(answers.Runtime.Masking.Shown(item))),
            page.Next is null ? null : Cursor(sort, page.Next)
        );
    }

    /// <summary>
    /// Each host looks through what it holds. What is not held by any that answers is read from the database, as far as the page
    /// needs it and the database is there.
    /// </summary>
    private async Task<(ConnectionPage Page, IReadOnlyList<string> Incomplete)> PageAsync(
        ConnectionQuestion question,
        SharedGateways shared,
        CancellationToken cancellation
    )
    {
        var more = question with { Most = question.Most + 1 };
        var asked = await shared.AskAsync(
            new HostQuestion { Connections = more },
            question.Gateway,
            cancellation
        );
        var audits = asked.Left.All(shared.Holds) ? null : await shared.TryAuditsAsync(cancellation);
        var correction = answers.Correction;
        var list = question.Query(correction);
        var search = list.Begin(question.After, more.Most, answers.Now);
        var isRecordOrder = question is { Sort: ConnectionSort.Gateway, Descending: false };
        var ids = asked.Left.Where(id =>
            (audits is not null || shared.Holds(id))
            && (
                !isRecordOrder
                || question.After is not { } after
                || string.CompareOrdinal(id, after.Gateway) >= 0
            )
        );
        await foreach (var (_, state) in shared.EachAsync(ids, cancellation))
        {
            if (state is not null)
                search.Look(state.Record);
            if (search.IsFull)
                break;
        }

        var page = list.Merge(
            asked
                .Answers.Select(other => other.Connections)
                .OfType<ConnectionAnswer>()
                .Append(ConnectionAnswer.Of(search.Page(correction), question.Gateway))
                .SelectMany(answer => answer.Connections, (_, each) => (each.Place, each.View)),
            question.Most
        );
        return (page, shared.Incomplete(asked, question.Gateway, audits));
    }

    /// <summary>One connection, or its story: the last part of the path says which.</summary>
    public Task<IResult> OneAsync(HttpRequest request) => Answers.FromStoreAsync(() => FoundAsync(request));

    private async Task<IResult> FoundAsync(HttpRequest request)
    {
        var parts = PathParts.Of(request, 2);
        if (parts.Length < 2 || parts[1].Length == 0)
            return Problems.Of(
                StatusCodes.Status404NotFound,
                "No connection is named",
                "Ask for /v1/connections/GATEWAY/ID, both percent-encoded as /v1/connections lists them"
            );
        var (gateway, rest) = (parts[0], parts[1..]);
        if (rest is [_, .., "story"])
            return await new Stories(answers).TellAsync(request, gateway, string.Join('/', rest[..^1]));
        var query = new Query(request, Operations.Connection);
        if (query.IsWrong)
            return query.Refusal();
        var id = string.Join('/', rest);
        return
            await answers.FindAsync(new ConnectionName(gateway, id), request.HttpContext.RequestAborted)
                is { } found
            ? Answers.Json(answers.Runtime.Masking.Shown(found))
            : Problems.Of(
                StatusCodes.Status404NotFound,
                answers.IsKnown(gateway)
                    ? $"{gateway} has no active connection '{id}'"
                    : $"There is no gateway '{gateway}'",
                "If it has ended, its story tells how (add /story), and /v1/cdrs has its CDR"
            );
    }

    private ConnectionFilter Filter(Query query) =>
        new(
            call: query.Pattern("call"),
            originator: query.Pattern("originator"),
            remote: query.Pattern("remote"),
            codec: query.Pattern("codec"),
            dscp: (int?)query.Number(Parameters.Dscp),
            status: query.Word(Parameters.Status),
            evidence: query.Word(Parameters.StartEvidence),
            olderThan: query.Duration("older-than"),
            widerThan: query.Duration("wider-than"),
            hidesNumbers: answers.Runtime.Masking.Masks
        );

    private static ConnectionSort SortOf(string sort) =>
        sort.TrimStart('-') switch
        {
            "gateway" => ConnectionSort.Gateway,
            "start" => ConnectionSort.Start,
            "width" => ConnectionSort.Width,
            "last-heard" => ConnectionSort.LastHeard,
            "originator" => ConnectionSort.Originator,
            "remote" => ConnectionSort.Remote,
            "call" => ConnectionSort.Call,
            "codec" => ConnectionSort.Codec,
            _ => throw new ArgumentOutOfRangeException(nameof(sort), sort, "no such order"),
        };

    private static ConnectionPlace? PlaceInRecord(Query query) =>
        query.TextCursor(2) is [var gateway, var id] ? new ConnectionPlace(0, "", gateway, id) : null;

    private static ConnectionPlace? Place(Query query, string sort)
    {
        if (query.TextCursor(CursorParts) is not [var order, var number, var gateway, var id, var text])
            return null;
        if (order == sort && long.TryParse(number, CultureInfo.InvariantCulture, out var key))
            return new ConnectionPlace(key, Uri.UnescapeDataString(text), gateway, id);
        query.Fail("cursor", $"was given for another order than {sort}");
        return null;
    }

    private static string Cursor(string sort, ConnectionPlace place) =>
        sort == RecordOrder
            ? Query.Cursor(place.Gateway, place.Connection)
            : Query.Cursor(
                sort,
                place.Number.ToString(CultureInfo.InvariantCulture),
                place.Gateway,
                place.Connection,
                Uri.EscapeDataString(place.Text)
            );
}

using CallServer.Server.Recording.Cdrs;
using CallServer.Server.Web.Contract;
using CallServer.Storage;

namespace CallServer.Server.Web.Reading;

/// <summary><c>GET /v1/cdrs</c>: a page of CDRs, or all of them as NDJSON or CSV.</summary>
internal sealed class CdrLists(Answers answers)
{
    // A page stops looking after so many slices of the store: it then holds fewer CDRs, and says where to go on.
    private const int MostSlices = 10;
    private const string Newest = "-written";

    private readonly ILedgerStore store = answers.Runtime.Store;

    public IResult List(HttpRequest request)
    {
        var query = new Query(request, Operations.Cdrs);
        var gateway = query.Gateway(answers.IsKnown);
        var filter = Filter(query, gateway);
        var newestFirst = query.Word(Parameters.CdrSort) == Newest;
        var format = query.Word(Parameters.Format);
        int? limit = query.Text("limit") is null ? null : query.Limit();
        var cursor = query.NumberCursor();
        if (query.IsWrong)
            return query.Refusal();

        request.HttpContext.Response.Headers.Vary = "Accept";
        return (format ?? CdrAccept.Wanted(request)) switch
        {
            "json" => Answers.FromStore(() =>
                Page(gateway, filter, newestFirst, cursor, limit ?? Query.MostItems)
            ),
            "ndjson" => Rows(CdrFormat.Ndjson, "application/x-ndjson", null),
            "csv" => Rows(CdrFormat.Csv, "text/csv; charset=utf-8; header=present", "callserver-cdrs.csv"),
            _ => Problems.Of(
                StatusCodes.Status406NotAcceptable,
                "CDRs are not written in that form",
                "Ask for application/json, application/x-ndjson or text/csv"
            ),
        };

        CdrRows Rows(CdrFormat written, string type, string? file) =>
            new(
                store,
                filter,
                newestFirst,
                cursor,
                limit,
                written with
                {
                    Line = json => written.Line(answers.Runtime.Masking.ShownCdr(json)),
                },
                type,
                file
            );
    }

    private CdrFilter Filter(Query query, string? gateway)
    {
        var (since, until) = query.Period();
        return new CdrFilter
        {
            Gateway = gateway,
            Since = since,
            Until = until,
            Call = query.Pattern("call"),
            Connection = query.Pattern("connection"),
            Originator = query.Pattern("originator"),
            Remote = query.Pattern("remote"),
            Codec = query.Pattern("codec"),
            Cause = query.Pattern("cause"),
            Evidence = query.Word(Parameters.EndEvidence),
            Recovered = query.Flag("recovered"),
            HidesNumbers = answers.Runtime.Masking.Masks,
        };
    }

    private ListAnswer Page(string? gateway, CdrFilter filter, bool newestFirst, long? cursor, int limit)
    {
        var found = new List<StoredCdr>();
        for (var slice = 0; slice < MostSlices; slice++)
        {
            var page = store.SearchCdrs(filter, newestFirst, cursor, limit - found.Count);
            found.AddRange(page.Items);
            cursor = page.Next;
            if (cursor is null || found.Count == limit)
                break;
        }

        return answers.List(
            gateway,
            found.Select(cdr => Answers.Raw(answers.Runtime.Masking.ShownCdr(cdr.Json))),
            Answers.Number(cursor)
        );
    }
}

using System.Text.Json;
using CallServer.Server.Recording;
using CallServer.Storage;

namespace CallServer.Server.Web;

/// <summary>A gateway as <c>GET /v1/gateways</c> lists it.</summary>
internal sealed record GatewayItem(
    string Gateway,
    string? Uri,
    bool Configured,
    string? Interval,
    string Status,
    string? Protocol,
    string? Profile,
    IReadOnlyList<string> Proof,
    IReadOnlyList<string> Reasons,
    string? Asked,
    string? Answered,
    int? Requests,
    int Connections,
    int Unconfirmed,
    long Opened,
    long Closed,
    long Conflicts
);

/// <summary>The lists of the API.</summary>
internal sealed class Lists(ServerRuntime runtime)
{
    public IResult Connections(HttpRequest request)
    {
        var query = new Query(request, "gateway", "status", "limit", "cursor");
        var gateway = query.Gateway(IsKnown);
        var status = query.Word("status", "confirmed", "unconfirmed");
        var limit = query.Limit();
        var cursor = query.TextCursor(2);
        if (query.IsWrong)
            return query.Refusal();

        var now = runtime.Clock.Now.Steady;
        var correction = runtime.Clock.Correction;
        var states = States(gateway)
            .Where(state => cursor is null || string.CompareOrdinal(state.Gateway, cursor[0]) >= 0);
        var found = states
            .SelectMany(state =>
                state.Record.ConnectionsAfter(
                    cursor is not null && state.Gateway == cursor[0] ? cursor[1] : null,
                    now,
                    correction
                )
            )
            .Where(connection => status is null || connection.Status == status)
            .Take(limit + 1)
            .ToList();
        var page = found.Take(limit).ToList();
        return Answer(
            gateway,
            page.Select(connection => Camel(runtime.Masking.Shown(connection))),
            found.Count > limit ? Query.Cursor(page[^1].Gateway, page[^1].Id) : null
        );
    }

    public IResult Gateways(HttpRequest request)
    {
        var query = new Query(request, "gateway", "limit", "cursor");
        var gateway = query.Gateway(IsKnown);
        var limit = query.Limit();
        var cursor = query.TextCursor(1);
        if (query.IsWrong)
            return query.Refusal();

        var configured = runtime.Configuration.Gateways.ToDictionary(each => each.Id, StringComparer.Ordinal);
        var found = configured
            .Keys.Union(States(null).Where(state => state.Record.Count > 0).Select(state => state.Gateway))
            .Where(id => gateway is null || id == gateway)
            .Where(id => cursor is null || string.CompareOrdinal(id, cursor[0]) > 0)
            .Order(StringComparer.Ordinal)
            .Take(limit + 1)
            .ToList();
        var page = found.Take(limit).ToList();
        return Answer(
            gateway,
            page.Select(id => Camel(Item(id, configured.GetValueOrDefault(id)))),
            found.Count > limit ? Query.Cursor(page[^1]) : null
        );
    }

    public IResult Audits(HttpRequest request) =>
        Newest(request, runtime.Store.ReadAudits, audit => audit.Json);

    public IResult Cdrs(HttpRequest request)
    {
        var query = new Query(request, "gateway", "since", "limit", "cursor");
        var gateway = query.Gateway(IsKnown);
        var since = query.Time("since");
        var limit = query.Limit();
        var cursor = query.NumberCursor(0);
        if (query.IsWrong)
            return query.Refusal();
        return FromStore(() =>
        {
            var page = runtime.Store.ReadCdrs(since, gateway, cursor, limit);
            return Answer(
                gateway,
                page.Items.Select(item => Raw(runtime.Masking.ShownCdr(item.Json))),
                Number(page.Next)
            );
        });
    }

    /// <summary>
    /// Lists the calls of everything that the record held when the request came, so that a client that has just read
    /// the connections finds them here.
    /// </summary>
    public async Task<IResult> CallsAsync(HttpRequest request)
    {
        var query = new Query(request, "gateway", "findings", "limit", "cursor");
        var gateway = query.Gateway(IsKnown);
        var findings = query.Word("findings", "true", "false") == "true";
        var limit = query.Limit();
        var cursor = query.TextCursor(3);
        if (query.IsWrong)
            return query.Refusal();

        await runtime.Ledger.Joiner.PassAsync().WaitAsync(request.HttpContext.RequestAborted);
        var found = runtime
            .Ledger.Joiner.Calls.After(cursor?[0], cursor?[1], cursor?[2], findings)
            .Where(call => gateway is null || call.Has(gateway))
            .Take(limit + 1)
            .ToList();
        var page = found.Take(limit).ToList();
        var correction = runtime.Clock.Correction;
        return Answer(
            gateway,
            page.Select(call => Camel(runtime.Masking.Shown(call.View(correction)))),
            found.Count > limit ? Query.Cursor(page[^1].Id, page[^1].Gateway, page[^1].Connection) : null
        );
    }

    public IResult Releases(HttpRequest request) =>
        Newest(request, runtime.Store.ReadReleases, release => release.Json);

    /// <summary>Lists the reports of takeovers; the one under way comes first, if there is one.</summary>
    public IResult Recoveries(HttpRequest request)
    {
        var query = new Query(request, "limit", "cursor");
        var limit = query.Limit();
        var cursor = query.NumberCursor(long.MaxValue);
        if (query.IsWrong)
            return query.Refusal();
        return FromStore(() =>
        {
            if (cursor < long.MaxValue || runtime.Recovery.Progress is not { } progress)
            {
                var page = runtime.Store.ReadRecoveries(cursor, limit);
                return Answer(null, page.Items.Select(Kept), Number(page.Next));
            }

            // The store numbers no report this high, so those it keeps come after this one.
            const long first = long.MaxValue - 1;
            if (limit == 1)
                return Answer(null, [Camel(progress)], Number(first));
            var rest = runtime.Store.ReadRecoveries(first, limit - 1);
            return Answer(null, rest.Items.Select(Kept).Prepend(Camel(progress)), Number(rest.Next));
        });

        static Action<Utf8JsonWriter> Kept(StoredRecovery report) => Raw(report.Json);
    }

    /// <summary>A page of what the store keeps, newest first.</summary>
    private IResult Newest<T>(
        HttpRequest request,
        Func<string?, long, int, StoredPage<T>> read,
        Func<T, string> json
    )
    {
        var query = new Query(request, "gateway", "limit", "cursor");
        var gateway = query.Gateway(IsKnown);
        var limit = query.Limit();
        var cursor = query.NumberCursor(long.MaxValue);
        if (query.IsWrong)
            return query.Refusal();
        return FromStore(() =>
        {
            var page = read(gateway, cursor, limit);
            return Answer(gateway, page.Items.Select(item => Raw(json(item))), Number(page.Next));
        });
    }

    /// <summary>Whether a gateway is configured or has something in the record.</summary>
    public bool IsKnown(string gateway) =>
        runtime.Ledger.Find(gateway) is not null
        || runtime.Configuration.Gateways.Any(each => each.Id == gateway);

    private static IResult FromStore(Func<IResult> read)
    {
        try
        {
            return read();
        }
        catch (StoreException fault)
        {
            return Problems.Of(
                StatusCodes.Status503ServiceUnavailable,
                "The store cannot be read now",
                fault.Message
            );
        }
    }

    private static Action<Utf8JsonWriter> Camel<T>(T item) =>
        json => JsonSerializer.Serialize(json, item, RecordJson.Camel);

    private static Action<Utf8JsonWriter> Raw(string item) => json => json.WriteRawValue(item, true);

    private static string? Number(long? next) =>
        next?.ToString(System.Globalization.CultureInfo.InvariantCulture);

    private IEnumerable<GatewayState> States(string? gateway) =>
        gateway is null ? runtime.Ledger.States
        : runtime.Ledger.Find(gateway) is { } state ? [state]
        : [];

    private ListAnswer Answer(string? gateway, IEnumerable<Action<Utf8JsonWriter>> items, string? next) =>
        new(
            (runtime.Clock.Now.Steady + runtime.Clock.Correction).ToString(),
            Incomplete(gateway),
            items,
            next
        );

    /// <summary>
    /// Gateways of which the record may not know everything: not asked yet, not complete, or no longer asked.
    /// </summary>
    private List<string> Incomplete(string? gateway)
    {
        var configured = runtime
            .Configuration.Gateways.Select(each => each.Id)
            .ToHashSet(StringComparer.Ordinal);
        var abandoned = States(null)
            .Where(state => !configured.Contains(state.Gateway) && state.Record.Count > 0)
            .Select(state => state.Gateway);
        return
        [
            .. configured
                .Where(id =>
                    runtime.Ledger.Find(id) is not { AskedSinceStart: true, LastAudit.Complete: true }
                )
                .Concat(abandoned)
                .Where(id => gateway is null || id == gateway)
                .Order(StringComparer.Ordinal),
        ];
    }

    private GatewayItem Item(string id, Configuration.GatewayConfiguration? configured)
    {
        var state = runtime.Ledger.Find(id);
        var audit = state?.LastAudit;
        return new GatewayItem(
            id,
            configured?.Uri.Text ?? audit?.Uri,
            configured is not null,
            configured is null ? null : Configuration.Durations.Format(configured.Interval),
            StatusOf(state),
            audit?.Protocol ?? configured?.Uri.Protocol,
            audit?.Profile ?? configured?.Uri.Profile,
            audit?.Proof ?? [],
            audit?.Reasons ?? [],
            audit?.Asked,
            audit?.Answered,
            audit?.Requests,
            state?.Record.Count ?? 0,
            state?.Record.UnconfirmedCount ?? 0,
            state?.Record.OpenedTotal ?? 0,
            state?.Record.ClosedTotal ?? 0,
            state?.Record.ConflictsTotal ?? 0
        );
    }

    /// <summary>
    /// <c>complete</c>, <c>partial</c> or <c>silent</c>; <c>unasked</c> if no audit has ended since this server
    /// started.
    /// </summary>
    private static string StatusOf(GatewayState? state) =>
        state switch
        {
            { AskedSinceStart: true, LastAudit.Complete: true } => "complete",
            { AskedSinceStart: true, LastAudit.Silent: true } => "silent",
            { AskedSinceStart: true, LastAudit: not null } => "partial",
            _ => "unasked",
        };
}

using CallServer.Server.Recording;
using CallServer.Server.Web.Contract;
using CallServer.Storage;

namespace CallServer.Server.Web.Reading;

/// <summary>The gateways and their audits.</summary>
internal sealed class GatewayLists(Answers answers)
{
    private readonly OwnGateways own = new(answers.Runtime);

    private ServerRuntime Runtime => answers.Runtime;

    public Task<IResult> ListAsync(HttpRequest request) => Answers.FromStoreAsync(() => PageAsync(request));

    private async Task<IResult> PageAsync(HttpRequest request)
    {
        var query = new Query(request, Operations.Gateways);
        var gateway = query.Gateway(answers.IsKnown);
        var limit = query.Limit();
        var cursor = query.TextCursor(1);
        if (query.IsWrong)
            return query.Refusal();

        var ids = Runtime
            .Configuration.GatewayIdsFrom(gateway ?? cursor?[0] ?? "")
            .Where(IsWanted)
            .Take(limit + 1)
            .Concat(answers.Abandoned.Where(IsWanted))
            .Order(StringComparer.Ordinal)
            .Take(limit + 1)
            .ToList();
        bool IsWanted(string id) =>
            (gateway is null || id == gateway)
            && (cursor is null || string.CompareOrdinal(id, cursor[0]) > 0);
        var page = ids.Take(limit).ToList();
        var (items, incomplete) = answers.Shared is { } shared
            ? await ItemsAsync(shared, page, gateway, request.HttpContext.RequestAborted)
            : (page.Select(id => Item(id, Runtime.Ledger.Find(id))), answers.Incomplete(gateway));
        return new ListAnswer(
            (answers.Now + answers.Correction).ToString(),
            incomplete,
            items.Select(item => Answers.Camel(item)),
            ids.Count > limit ? Query.Cursor(page[^1]) : null
        );
    }

    /// <summary>
    /// Each host tells the gateways of the page that it holds. Those that no host tells are read from the database, and told as unasked
    /// while it is away. Keeps no record of those that are only counted here.
    /// </summary>
    private async Task<(IEnumerable<GatewayItem> Items, IReadOnlyList<string> Incomplete)> ItemsAsync(
        SharedGateways shared,
        List<string> page,
        string? gateway,
        CancellationToken cancellation
    )
    {
        var asked = await shared.AskAsync(
            new HostQuestion { Gateways = GatewayQuestion.Of(page) },
            gateway,
            cancellation
        );
        var items = new Dictionary<string, GatewayItem>(StringComparer.Ordinal);
        foreach (var item in Told(asked))
            items.TryAdd(item.Gateway, item);
        foreach (var id in page)
            if (Runtime.Ledger.Find(id) is { } state)
                items[id] = Item(id, state);
        var rest = page.Where(id => !items.ContainsKey(id)).ToList();
        var audits =
            rest.Count == 0 && asked.Left.All(shared.Holds)
                ? null
                : await shared.TryAuditsAsync(cancellation);
        if (audits is not null)
        {
            try
            {
                await foreach (var (id, state) in shared.EachAsync(rest, cancellation))
                    items[id] = Item(id, state);
            }
            catch (StoreException)
            {
                // It went away meanwhile, and nothing is known of what was not read.
                audits = null;
            }
        }

        return (
            page.Select(id => items.GetValueOrDefault(id) ?? Item(id, null)),
            shared.Incomplete(asked, gateway, audits)
        );
    }

    private static IEnumerable<GatewayItem> Told(AskedHosts asked) =>
        asked.Answers.SelectMany(other => other.Gateways ?? []);

    public Task<IResult> OneAsync(HttpRequest request) =>
        Answers.FromStoreAsync(async () =>
        {
            var query = new Query(request, Operations.Gateway);
            if (query.IsWrong)
                return query.Refusal();
            return Named(request) is { } id
                ? Answers.Json(await FindAsync(id, request.HttpContext.RequestAborted))
                : NoGateway(request);
        });

    private async ValueTask<GatewayItem> FindAsync(string id, CancellationToken cancellation)
    {
        if (answers.Shared is not { } shared || shared.Holds(id))
            return Item(id, Runtime.Ledger.Find(id));
        var asked = await shared.AskAsync(
            new HostQuestion { Gateways = GatewayQuestion.Of([id]) },
            id,
            cancellation
        );
        return Told(asked).FirstOrDefault() ?? Item(id, await shared.FindAsync(id, cancellation));
    }

    private GatewayItem Item(string id, GatewayState? state) =>
        own.Item(id, Runtime.Configuration.Find(id), state);

    /// <summary>The audits of all gateways, or of one.</summary>
    public IResult Audits(HttpRequest request)
    {
        var query = new Query(request, Operations.Audits);
        return Audits(query, query.Gateway(answers.IsKnown));
    }

    /// <summary>The audits of the gateway in the path.</summary>
    public IResult AuditsOfOne(HttpRequest request) =>
        Named(request) is { } id
            ? Audits(new Query(request, Operations.GatewayAudits), id)
            : NoGateway(request);

    private IResult Audits(Query query, string? gateway)
    {
        var limit = query.Limit();
        var cursor = query.NumberCursor(long.MaxValue);
        if (query.IsWrong)
            return query.Refusal();
        return Answers.FromStore(() =>
        {
            var page = Runtime.Store.ReadAudits(gateway, cursor, limit);
            return answers.List(
                gateway,
                page.Items.Select(audit => Answers.Raw(audit.Json)),
                Answers.Number(page.Next)
            );
        });
    }

    /// <summary>The gateway in the path; null if the server does not know it.</summary>
    private string? Named(HttpRequest request) =>
        PathParts.Of(request, 2) is [var id, ..] && answers.IsKnown(id) ? id : null;

    private static IResult NoGateway(HttpRequest request) =>
        Problems.Of(
            StatusCodes.Status404NotFound,
            $"There is no gateway '{PathParts.Of(request, 2).FirstOrDefault()}'",
            "/v1/gateways lists the ids of all gateways"
        );
}

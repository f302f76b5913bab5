using System.Text.Json;
using CallServer.Server.Configuration;
using CallServer.Server.Recording;
using CallServer.Server.Web.Contract;
using CallServer.Surface;

namespace CallServer.Server.Web.Reading;

/// <summary>A gateway.</summary>
/// <param name="Gateway">Its id.</param>
/// <param name="Uri">Where it is asked; never contains a secret. Null where it was never asked.</param>
/// <param name="Configured">Whether it is in the configuration. If not, it is no longer asked.</param>
/// <param name="Interval">The time between two audits, such as <c>10s</c>; null if it is no longer asked.</param>
/// <param name="Status"><c>complete</c>, <c>partial</c> or <c>silent</c>, as its last audit was; <c>unasked</c> if none has
/// ended since the server started, or none lately where other hosts of a fleet ask it.</param>
/// <param name="Protocol">Its protocol.</param>
/// <param name="Profile">The SNMP profile, or the protocol's variant; null where there is none.</param>
/// <param name="Proof">What proves that the last audit was complete; empty if it was not.</param>
/// <param name="Reasons">Why it was not complete; empty if it was.</param>
/// <param name="Asked">When the last audit sent its first request, UTC with microseconds.</param>
/// <param name="Answered">When its last reply came, or waiting ended.</param>
/// <param name="Requests">Messages that it sent, repeats included.</param>
/// <param name="Connections">Active connections in the record.</param>
/// <param name="Unconfirmed">Those that the newest audit did not confirm.</param>
/// <param name="Opened">Connections that began since the record began.</param>
/// <param name="Closed">Connections that ended since then.</param>
/// <param name="Conflicts">Reports that contradicted the record since then.</param>
/// <param name="Unseen">Calls that began and nobody saw; null if the gateway tells no running total.</param>
/// <param name="LastComplete">When its newest complete audit was answered; null if there was none.</param>
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
    long Conflicts,
    UnseenCalls? Unseen,
    string? LastComplete
);

/// <summary>Calls that began and nobody saw, since the record began, by the gateway's own running total.</summary>
/// <param name="Least">At least so many.</param>
/// <param name="Most">At most so many.</param>
/// <param name="Surplus">Calls by which the record has more than the gateway counted.</param>
internal sealed record UnseenCalls(long Least, long Most, long Surplus)
{
    public static UnseenCalls? Of(GatewayRecord? record) =>
        record is { CountsCalls: true }
            ? new UnseenCalls(record.UnseenLeast, record.UnseenMost, record.SurplusTotal)
            : null;
}

/// <summary>The gateways and their audits.</summary>
internal sealed class GatewayLists(Answers answers)
{
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

        var configured = Runtime.Configuration.Gateways.ToDictionary(each => each.Id, StringComparer.Ordinal);
        var found = configured
            .Keys.Union(
                answers.States(null).Where(state => state.Record.Count > 0).Select(state => state.Gateway)
            )
            .Where(id => gateway is null || id == gateway)
            .Where(id => cursor is null || string.CompareOrdinal(id, cursor[0]) > 0)
            .Order(StringComparer.Ordinal)
            .Take(limit + 1)
            .ToList();
        var page = found.Take(limit).ToList();
        var cancellation = request.HttpContext.RequestAborted;
        return await answers.ListAsync(
            gateway,
            answers.Shared is { } shared
                ? await ItemsAsync(shared, page, configured, cancellation)
                : page.Select(id =>
                    Answers.Camel(Item(id, configured.GetValueOrDefault(id), Runtime.Ledger.Find(id)))
                ),
            found.Count > limit ? Query.Cursor(page[^1]) : null,
            cancellation
        );
    }

    /// <summary>Keeps no record of those that are only counted here.</summary>
    private async Task<IEnumerable<Action<Utf8JsonWriter>>> ItemsAsync(
        SharedGateways shared,
        List<string> ids,
        Dictionary<string, GatewayConfiguration> configured,
        CancellationToken cancellation
    )
    {
        var items = new List<GatewayItem>(ids.Count);
        await foreach (var (id, state) in shared.EachAsync(ids, cancellation))
            items.Add(Item(id, configured.GetValueOrDefault(id), state));
        return items.Select(item => Answers.Camel(item));
    }

    public Task<IResult> OneAsync(HttpRequest request) =>
        Answers.FromStoreAsync(async () =>
        {
            var query = new Query(request, Operations.Gateway);
            if (query.IsWrong)
                return query.Refusal();
            return Named(request) is { } id
                ? Answers.Json(
                    Item(
                        id,
                        Runtime.Configuration.Find(id),
                        await answers.FindAsync(id, request.HttpContext.RequestAborted)
                    )
                )
                : NoGateway(request);
        });

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

    private GatewayItem Item(string id, GatewayConfiguration? configured, GatewayState? state)
    {
        var audit = state?.LastAudit;
        return new GatewayItem(
            id,
            configured?.Uri.Text ?? audit?.Uri,
            configured is not null,
            configured is null ? null : Durations.Format(configured.Interval),
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
            state?.Record.ConflictsTotal ?? 0,
            UnseenCalls.Of(state?.Record),
            state?.LastComplete is { } last ? (last + answers.Correction).ToString() : null
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

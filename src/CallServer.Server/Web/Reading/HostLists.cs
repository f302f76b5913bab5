using System.Globalization;
using CallServer.Model;
using CallServer.Server.Web.Contract;

namespace CallServer.Server.Web.Reading;

/// <summary>A host that keeps the record: a start of its process.</summary>
/// <param name="Host">Its name.</param>
/// <param name="State"><c>joining</c>, <c>active</c>, <c>leaving</c> or <c>dead</c>.</param>
/// <param name="Self">Whether it is the one that answers.</param>
/// <param name="Address">Where the other hosts reach it; null for a server that is in no fleet.</param>
/// <param name="Units">Units that it owns; null for a server that is in no fleet.</param>
/// <param name="Gateways">Gateways that it asks: those of its units.</param>
/// <param name="Since">When its process began, UTC with microseconds.</param>
/// <param name="Alive">When it last told that it lives, UTC with microseconds.</param>
/// <param name="Took">When it last took a unit, UTC with microseconds; null for none.</param>
internal sealed record HostItem(
    string Host,
    string State,
    bool Self,
    string? Address,
    int? Units,
    int Gateways,
    string Since,
    string Alive,
    string? Took
);

/// <summary>The hosts that share the gateways.</summary>
/// <param name="AsOf">When this was so, UTC with microseconds.</param>
/// <param name="Units">Into how many units the gateways are divided; null for a server that is in no fleet.</param>
/// <param name="Free">Units that nobody owns who lives: their gateways are not asked now.</param>
/// <param name="Items">The hosts by name, those that died within the last hour among them.</param>
/// <param name="Next">Always null.</param>
internal sealed record HostsAnswer(
    string AsOf,
    int? Units,
    int Free,
    IReadOnlyList<HostItem> Items,
    string? Next
);

/// <summary><c>GET /v1/hosts</c>.</summary>
internal sealed class HostLists(Answers answers)
{
    public Task<IResult> ListAsync(HttpRequest request) =>
        Answers.FromStoreAsync(async () =>
        {
            var query = new Query(request, Operations.Hosts);
            var limit = query.Limit();
            if (query.IsWrong)
                return query.Refusal();
            return Answers.Json(
                answers.Runtime.Share is { } share
                    ? Of(await share.HostsAsync(request.HttpContext.RequestAborted), limit)
                    : Alone()
            );
        });

    private HostsAnswer Of(SharedHosts fleet, int limit) =>
        new(
            Now,
            fleet.Units,
            fleet.Units - fleet.Hosts.Where(host => host.State != HostState.Dead).Sum(host => host.Units),
            [
                .. fleet
                    .Hosts.Take(limit)
                    .Select(host => new HostItem(
                        host.Name,
                        host.State.ToString().ToLower(CultureInfo.InvariantCulture),
                        host.IsSelf,
                        host.Address,
                        host.Units,
                        host.Gateways,
                        Text(host.Started),
                        Text(host.Alive),
                        host.Took is { } took ? Text(took) : null
                    )),
            ],
            null
        );

    /// <summary>A server in no fleet tells of itself, so that what reads this needs no second way.</summary>
    private HostsAnswer Alone() =>
        new(
            Now,
            null,
            0,
            [
                new HostItem(
                    answers.Runtime.Configuration.Name,
                    "active",
                    true,
                    null,
                    null,
                    answers.Runtime.Configuration.Gateways.Count,
                    (answers.Runtime.Started + answers.Correction).ToString(),
                    Now,
                    null
                ),
            ],
            null
        );

    private string Now => (answers.Now + answers.Correction).ToString();

    private static string Text(DateTime utc) =>
        InstantModule.ofDateTime(new DateTimeOffset(DateTime.SpecifyKind(utc, DateTimeKind.Utc))).ToString();
}

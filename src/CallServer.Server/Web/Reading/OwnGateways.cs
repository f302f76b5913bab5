using CallServer.Server.Configuration;
using CallServer.Server.Recording;
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

/// <summary>What is asked of the gateways of one host; each host of a fleet is asked the same.</summary>
/// <param name="First">The first of the page.</param>
/// <param name="Last">The last of it.</param>
/// <param name="Most">At most so many.</param>
internal sealed record GatewayQuestion(string First, string Last, int Most)
{
    /// <summary>Asks for those of a page, by their ids in the order of lists.</summary>
    public static GatewayQuestion Of(IReadOnlyList<string> page) =>
        page is [var first, ..] ? new(first, page[^1], page.Count) : new("", "", 0);
}

/// <summary>How much there is at some gateways.</summary>
/// <param name="Connections">Active connections.</param>
/// <param name="Complete">Gateways whose last audit is proven to list everything.</param>
/// <param name="Partial">Those whose last audit told something, but not everything.</param>
/// <param name="Silent">Those whose last audit told nothing.</param>
internal sealed record HostTotals(long Connections, int Complete, int Partial, int Silent)
{
    /// <param name="connections">Active connections.</param>
    /// <param name="audits">How the newest audit of each gateway went.</param>
    public static HostTotals Of(long connections, IEnumerable<SharedAudit> audits)
    {
        var recent = audits.Where(audit => audit.IsRecent).ToList();
        return new HostTotals(
            connections,
            recent.Count(audit => audit.Complete),
            recent.Count(audit => !audit.Complete && !audit.Silent),
            recent.Count(audit => audit.Silent)
        );
    }
}

/// <summary>Answers what is asked of the gateways that this host holds.</summary>
internal sealed class OwnGateways(ServerRuntime runtime)
{
    /// <summary>Those of the page that this host holds, in the order of lists.</summary>
    public IReadOnlyList<GatewayItem> Answer(GatewayQuestion question)
    {
        var configuration = runtime.Configuration;
        return
        [
            .. configuration
                .GatewayIdsFrom(question.First)
                .TakeWhile(id => string.CompareOrdinal(id, question.Last) <= 0)
                .Select(id => (Id: id, State: runtime.Ledger.Find(id)))
                .Where(each => each.State is not null)
                .Take(question.Most)
                .Select(each => Item(each.Id, configuration.Find(each.Id), each.State)),
        ];
    }

    /// <summary>A gateway as lists show it.</summary>
    public GatewayItem Item(string id, GatewayConfiguration? configured, GatewayState? state)
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
            state?.LastComplete is { } last ? (last + runtime.Clock.Correction).ToString() : null
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

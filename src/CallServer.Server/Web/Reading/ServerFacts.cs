using System.Reflection;
using CallServer.Server.Configuration;
using CallServer.Server.Web.Contract;

namespace CallServer.Server.Web.Reading;

/// <summary>What this server is, and what it can do.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Version">The version of its program.</param>
/// <param name="Role"><c>primary</c>, <c>standby</c> or <c>active</c>.</param>
/// <param name="Acts">Whether it keeps the record and writes CDRs.</param>
/// <param name="Epoch">The fencing number that a takeover raises.</param>
/// <param name="Peer">Where the other server of the pair is; null if this one runs alone.</param>
/// <param name="Since">When its process began to serve, UTC with microseconds.</param>
/// <param name="Ready">Whether it does its role's work.</param>
/// <param name="Protocols">The protocols in which it can ask gateways.</param>
/// <param name="CdrForms">Where CDRs go besides this API: <c>file</c>, <c>csv</c>, <c>http</c>,
/// <c>radius</c>.</param>
/// <param name="Troubles">What keeps it from saving what it knows, or from handing it on: a sentence each.</param>
/// <param name="Limits">Its limits.</param>
internal sealed record ServerFacts(
    string Name,
    string Version,
    string Role,
    bool Acts,
    int Epoch,
    string? Peer,
    string Since,
    bool Ready,
    IReadOnlyList<string> Protocols,
    IReadOnlyList<string> CdrForms,
    IReadOnlyList<string> Troubles,
    ServerLimits Limits
);

/// <summary>What a server accepts and keeps.</summary>
/// <param name="Items">Items in a page of a list, at most.</param>
/// <param name="BodyOctets">Octets in the body of an order, at most.</param>
/// <param name="ControlsPerSecond">Orders a second, at most.</param>
/// <param name="EventReaders">Clients that may follow the events at once.</param>
/// <param name="MemoryOctets">Memory for audits and the record together, about.</param>
/// <param name="GatewaysInFlight">Gateways that are asked at once, at most.</param>
/// <param name="ChangesKept">The newest changes that a client of the events can catch up on.</param>
/// <param name="AuditsKept">Audits of each gateway that are kept.</param>
/// <param name="CdrsKept">CDRs that are kept, at most.</param>
/// <param name="CdrsKeptFor">How long a CDR is kept, such as <c>90d</c>.</param>
internal sealed record ServerLimits(
    int Items,
    int BodyOctets,
    int ControlsPerSecond,
    int EventReaders,
    long MemoryOctets,
    int GatewaysInFlight,
    int ChangesKept,
    int AuditsKept,
    int CdrsKept,
    string CdrsKeptFor
);

/// <summary><c>GET /v1/server</c> and <c>/v1/status</c>.</summary>
internal sealed class ServerAnswers(Answers answers)
{
    /// <summary>The version without what a build adds to it.</summary>
    public static string Version { get; } =
        typeof(ServerFacts)
            .Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()
            ?.InformationalVersion.Split('+')[0]
        ?? "unknown";

    public async Task<IResult> StatusAsync(HttpRequest request)
    {
        var query = new Query(request, Operations.Status);
        if (query.IsWrong)
            return query.Refusal();
        return Answers.Json(
            answers.Shared is { } shared
                ? await shared.StatusAsync(request.HttpContext.RequestAborted)
                : answers.Runtime.Status()
        );
    }

    public IResult Server(HttpRequest request)
    {
        var query = new Query(request, Operations.Server);
        return query.IsWrong ? query.Refusal() : Answers.Json(Facts());
    }

    public IResult History(HttpRequest request)
    {
        var query = new Query(request, Operations.History);
        return query.IsWrong
            ? query.Refusal()
            : Answers.Json(
                HistoryAnswer.Of(
                    answers.Runtime.History,
                    answers.Runtime.Clock.Now.Steady,
                    answers.Correction
                )
            );
    }

    private ServerFacts Facts()
    {
        var (runtime, configuration) = (answers.Runtime, answers.Runtime.Configuration);
        var status = runtime.Status();
        return new ServerFacts(
            status.Name,
            Version,
            status.Role,
            runtime.Roles.Role is { Acts: true },
            status.Epoch,
            status.Peer,
            (runtime.Started + answers.Correction).ToString(),
            status.Ready,
            runtime.Protocols.Names,
            [.. Forms(configuration)],
            status.Troubles,
            Limits(configuration)
        );
    }

    private static IEnumerable<string> Forms(ServerConfiguration configuration)
    {
        if (configuration.CdrFile is not null)
            yield return "file";
        if (configuration.CdrCsv is not null)
            yield return "csv";
        if (configuration.CdrHttp is not null)
            yield return "http";
        if (configuration.Radius is not null)
            yield return "radius";
    }

    private static ServerLimits Limits(ServerConfiguration configuration) =>
        new(
            Query.MostItems,
            Manners.MostOctetsOfBody,
            configuration.ControlsPerSecond,
            configuration.EventReaders,
            configuration.Memory,
            configuration.GatewaysInFlight,
            configuration.Keep.Changes,
            configuration.Keep.Audits,
            configuration.Keep.CdrsAtMost,
            Durations.Format(configuration.Keep.Cdrs)
        );
}

using CallServer.Server.Web.Reading;
using CallServer.Storage;
using CallServer.Surface;

namespace CallServer.Server.Web.Contract;

/// <summary>The reading operations. Those that order something are in <see cref="Orders"/>.</summary>
internal static class Operations
{
    private const string Ok = "OK";

    private static readonly (int, string) NoStore = (503, "The store cannot be read now.");
    private static readonly (int, string) NoSuchThing = (404, "There is no such thing.");

    public static readonly Operation Health = new("health", "server", "Whether the process is alive")
    {
        IsForAll = true,
        Replies = [Body<Liveness>("It is alive.", Examples.Alive)],
    };

    public static readonly Operation Ready = new("ready", "server", "Whether the server does its role's work")
    {
        Description = "Without the token the reasons are left out: they may name files.",
        IsForAll = true,
        Replies =
        [
            Body<Readiness>("It does.", Examples.Ready),
            new(503, "It does not yet.", Type: typeof(Readiness)),
        ],
    };

    public static readonly Operation Metrics = new("metrics", "server", "Figures for Prometheus")
    {
        Replies = [new(200, "Prometheus' text format.", "text/plain")],
    };

    public static readonly Operation Status = new("status", "server", "The server's status")
    {
        Replies = [Body<ServerStatus>(Ok, Examples.Status)],
    };

    public static readonly Operation Server = new(
        "server",
        "server",
        "What the server is, its limits, and what it can do"
    )
    {
        Replies = [Body<ServerFacts>(Ok, Examples.Server)],
    };

    public static readonly Operation History = new(
        "serverHistory",
        "server",
        "The server's figures over the last hour"
    )
    {
        Replies = [Body<HistoryAnswer>(Ok, Examples.History)],
    };

    public static readonly Operation Hosts = new(
        "hosts",
        "server",
        "The hosts that share the gateways, and what each of them holds"
    )
    {
        Description = "A server that is in no fleet tells of itself.",
        Query = [Parameters.Limit],
        Replies = [Body<HostsAnswer>(Ok, Examples.Hosts)],
        Problems = [NoStore],
    };

    public static readonly Operation Gateways = new(
        "gateways",
        "gateways",
        "The gateways, each with its last audit"
    )
    {
        Query = [Parameters.Gateway, Parameters.Limit, Parameters.Cursor],
        Replies = [Body<ListOf<GatewayItem>>(Ok, Examples.Gateways)],
    };

    public static readonly Operation Gateway = new("gateway", "gateways", "One gateway with its last audit")
    {
        Path = [Parameters.GatewayId],
        Replies = [Body<GatewayItem>(Ok, Examples.Gateway)],
        Problems = [NoSuchThing],
    };

    public static readonly Operation GatewayAudits = new(
        "gatewayAudits",
        "gateways",
        "The audits of one gateway, newest first"
    )
    {
        Path = [Parameters.GatewayId],
        Query = [Parameters.Limit, Parameters.Cursor],
        Replies = [Body<ListOf<AuditSummary>>(Ok, Examples.Audits)],
        Problems = [NoSuchThing, NoStore],
    };

    public static readonly Operation Audits = new("audits", "gateways", "The audits, newest first")
    {
        Query = [Parameters.Gateway, Parameters.Limit, Parameters.Cursor],
        Replies = [Body<ListOf<AuditSummary>>(Ok, Examples.Audits)],
        Problems = [NoStore],
    };

    public static readonly Operation Connections = new("connections", "connections", "The active connections")
    {
        Description =
            "Every page looks at the record as it is then. A connection whose place changes between two pages may be "
            + "listed twice or be missed; the order by gateway never does that to one that stays.",
        Query =
        [
            Parameters.Gateway,
            Parameters.Call,
            Parameters.Originator,
            Parameters.Remote,
            Parameters.Codec,
            Parameters.Dscp,
            Parameters.Status,
            Parameters.StartEvidence,
            Parameters.OlderThan,
            Parameters.WiderThan,
            Parameters.ConnectionSort,
            Parameters.Limit,
            Parameters.Cursor,
        ],
        Replies = [Body<ListOf<ConnectionView>>(Ok, Examples.Connections)],
    };

    public static readonly Operation Connection = new("connection", "connections", "One active connection")
    {
        Path = [Parameters.OfGateway, Parameters.ConnectionId],
        Replies = [Body<ConnectionView>(Ok, Examples.Connection)],
        Problems = [(404, "The record holds no such active connection.")],
    };

    public static readonly Operation Story = new(
        "story",
        "connections",
        "Every change of one connection with its evidence"
    )
    {
        Description =
            "Also of a connection that has ended, as long as its changes are kept. Each step has the bounds of setup, start "
            + "and end before and after it.",
        Path = [Parameters.OfGateway, Parameters.ConnectionId],
        Replies = [Body<Story>(Ok, Examples.Story)],
        Problems = [(404, "Nothing is kept of such a connection."), NoStore],
    };

    public static readonly Operation Calls = new(
        "calls",
        "calls",
        "The calls: connections that belong together"
    )
    {
        Query =
        [
            Parameters.Gateway,
            Parameters.Call,
            Parameters.Originator,
            Parameters.Remote,
            Parameters.Leg,
            Parameters.Findings,
            Parameters.Since("calls that began"),
            Parameters.Until("calls that began"),
            Parameters.Limit,
            Parameters.Cursor,
        ],
        Replies = [Body<ListOf<CallView>>(Ok, Examples.Calls)],
    };

    public static readonly Operation Call = new("call", "calls", "One call with its legs on all gateways")
    {
        Path = [Parameters.CallId],
        Query = [Parameters.Gateway],
        Replies = [Body<CallDetailView>(Ok, Examples.Call)],
        Problems = [(404, "No active call has this id."), (409, "Several calls have this id.")],
    };

    public static readonly Operation Findings = new(
        "findings",
        "calls",
        "Where the sources of calls disagree"
    )
    {
        Query =
        [
            Parameters.Gateway,
            Parameters.Call,
            Parameters.Originator,
            Parameters.Remote,
            Parameters.Kind,
            Parameters.Since("findings that began"),
            Parameters.Until("findings that began"),
            Parameters.Limit,
            Parameters.Cursor,
        ],
        Replies = [Body<ListOf<FindingItem>>(Ok, Examples.Findings)],
    };

    public static readonly Operation Count = new(
        "count",
        "calls",
        "How many connections and calls there are now, by what they share"
    )
    {
        Description = "Counted anew from the record for every answer; nothing is added up over time.",
        Query = [Parameters.By, Parameters.Gateway, Parameters.Limit],
        Replies = [Body<CountAnswer>(Ok, Examples.Count)],
    };

    public static readonly Operation Cdrs = new("cdrs", "cdrs", "The CDRs of connections that have ended")
    {
        Description =
            "JSON answers a page. NDJSON and CSV answer every CDR that fits, or `limit` of them, while they are read. A page "
            + "that would take long to fill holds fewer CDRs, even none, and still has `next`: go on until it is null.",
        Query =
        [
            Parameters.Gateway,
            Parameters.Since("connections that ended"),
            Parameters.Until("connections that ended"),
            Parameters.Call,
            Parameters.Connection,
            Parameters.Originator,
            Parameters.Remote,
            Parameters.Codec,
            Parameters.Cause,
            Parameters.EndEvidence,
            Parameters.Recovered,
            Parameters.CdrSort,
            Parameters.Format,
            Parameters.Limit,
            Parameters.Cursor,
        ],
        Replies =
        [
            Body<ListOf<CdrView>>(Ok, Examples.Cdrs),
            new(200, Ok, "application/x-ndjson", typeof(CdrView), null),
            new(200, Ok, "text/csv", null, Examples.CdrCsv),
        ],
        Problems = [(406, "The client accepts none of these forms."), NoStore],
    };

    public static readonly Operation Releases = new(
        "releases",
        "logs",
        "What operators released or tried to, newest first"
    )
    {
        Query = [Parameters.Gateway, Parameters.Limit, Parameters.Cursor],
        Replies = [Body<ListOf<ReleaseEntry>>(Ok, Examples.Releases)],
        Problems = [NoStore],
    };

    public static readonly Operation Recoveries = new(
        "recoveries",
        "logs",
        "What takeovers brought back, newest first"
    )
    {
        Query = [Parameters.Limit, Parameters.Cursor],
        Replies = [Body<ListOf<RecoveryView>>(Ok, Examples.Recoveries)],
        Problems = [NoStore],
    };

    public static readonly Operation ControlLog = new(
        "controlLog",
        "logs",
        "Who had the server do what, from where, when, and what came of it, newest first"
    )
    {
        Query = [Parameters.Limit, Parameters.Cursor],
        Replies = [Body<ListOf<ControlEntry>>(Ok, Examples.ControlLog)],
        Problems = [NoStore],
    };

    public static readonly Operation DryRun = new(
        "dryRun",
        "logs",
        "The newest dry run of a takeover, as far as it has come"
    )
    {
        Replies = [Body<RecoveryView>(Ok, Examples.Recovery)],
        Problems = [(404, "There was none since the server started.")],
    };

    public static readonly Operation Events = new("events", "events", "The changes as they happen")
    {
        Description =
            "Server-sent events. Each change has `id`, `event` (its kind) and `data`. `complete` says once that everything up "
            + "to its `upTo` was sent, `gap` that changes after the client's last id are no longer kept, so that it has to "
            + "read the lists again. `ended` is the last one: its `reason` says that the token is good no longer.",
        Query = [Parameters.Gateway, Parameters.After, Parameters.Record],
        Headers =
        [
            new("Last-Event-ID", ParameterKind.Text, "The id of the last event that the client has.", "4711"),
        ],
        Replies =
        [
            new(
                200,
                "The stream; it ends with the token, if ever.",
                "text/event-stream",
                typeof(EventData),
                Examples.Events
            ),
        ],
        Problems = [(503, "As many clients follow the events as may, or the store cannot be read.")],
    };

    private static Reply Body<T>(string description, string? example) =>
        new(StatusCodes.Status200OK, description, "application/json", typeof(T), example);
}

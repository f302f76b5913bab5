using System.Globalization;
using System.Text.Json;
using Spectre.Console;

namespace CallServer.Host.Cli.Server;

/// <summary>How each list of a running server is shown, in a pipe and on a terminal.</summary>
public sealed record ServerView(
    string List,
    IReadOnlyList<Column> Plain,
    Func<long?, IReadOnlyList<Column>> Screen
)
{
    /// <summary>Whether the list only grows at its end, so that the latest objects matter most.</summary>
    public bool Grows { get; init; }

    /// <summary>Whether objects may be missing when the answer is not complete.</summary>
    public bool Warns { get; init; }

    private static readonly Style Good = new(Color.Green);
    private static readonly Style Bad = new(Color.Red);
    private static readonly Style Doubtful = new(Color.Yellow);
    private static readonly Style Faint = new(Color.Grey);

    public static ServerView Connections { get; } =
        new(
            "connections",
            ConnectionColumns.Plain(ofServer: true),
            today => ConnectionColumns.Screen(ofServer: true, today)
        )
        {
            Warns = true,
        };

    public static ServerView Hosts { get; } =
        new(
            "hosts",
            [
                .. HostColumns,
                Column.Of("since", "since"),
                Column.Of("took", "took"),
                Column.Of("alive", "alive"),
            ],
            today =>
                [
                    .. HostColumns,
                    new("since (UTC)", row => At(row, "since").Brief(today)),
                    new("took", row => At(row, "took").Brief(today)) { Rank = 1 },
                    new("alive", row => At(row, "alive").Brief(today)) { Rank = 2 },
                ]
        );

    private static IReadOnlyList<Column> HostColumns =>
        [
            Column.Of("host", "host"),
            Column.Of("state", "state") with
            {
                Style = HostStanding,
            },
            Column.Of("units", "units") with
            {
                Right = true,
            },
            Column.Of("gateways", "gateways") with
            {
                Right = true,
            },
            Column.Of("address", "address") with
            {
                Rank = 3,
            },
        ];

    public static ServerView Gateways { get; } =
        new(
            "gateways",
            [
                Column.Of("gateway", "gateway"),
                Column.Of("status", "status"),
                Column.Of("connections", "connections") with
                {
                    Right = true,
                },
                Column.Of("unconfirmed", "unconfirmed") with
                {
                    Right = true,
                },
                Column.Of("opened", "opened") with
                {
                    Right = true,
                },
                Column.Of("closed", "closed") with
                {
                    Right = true,
                },
                Column.Of("conflicts", "conflicts") with
                {
                    Right = true,
                },
                Column.Of("asked", "asked"),
                new("ms", Took) { Right = true },
                Column.Of("requests", "requests") with
                {
                    Right = true,
                },
                Column.Of("interval", "interval"),
                Column.Of("protocol", "protocol"),
                Column.Of("profile", "profile"),
                Column.Of("uri", "uri"),
                new("why", Why),
            ],
            today =>
                [
                    Column.Of("gateway", "gateway") with
                    {
                        Least = 8,
                    },
                    Column.Of("status", "status") with
                    {
                        Style = Standing,
                    },
                    Column.Of("calls", "connections") with
                    {
                        Right = true,
                    },
                    Column.Of("unconfirmed", "unconfirmed") with
                    {
                        Right = true,
                        Rank = 2,
                        Style = NotNone("unconfirmed"),
                    },
                    Column.Of("conflicts", "conflicts") with
                    {
                        Right = true,
                        Rank = 4,
                        Style = NotNone("conflicts"),
                    },
                    new("asked (UTC)", row => At(row, "asked").Brief(today))
                    {
                        Order = row => At(row, "asked").Latest,
                    },
                    new("took", row => Took(row) is { } took ? $"{took} ms" : null)
                    {
                        Right = true,
                        Rank = 1,
                    },
                    Column.Of("every", "interval") with
                    {
                        Rank = 3,
                        Right = true,
                    },
                    Column.Of("profile", "profile") with
                    {
                        Rank = 2,
                    },
                    new("why", Why) { Rank = 1, Least = 20 },
                    Column.Of("uri", "uri") with
                    {
                        Rank = 5,
                        Least = 24,
                        Style = _ => Faint,
                    },
                ]
        );

    public static ServerView Audits { get; } =
        new(
            "audits",
            [
                Column.Of("asked", "asked"),
                Column.Of("gateway", "gateway"),
                Column.Of("complete", "complete"),
                Column.Of("connections", "count") with
                {
                    Cell = Listed,
                    Right = true,
                },
                new("ms", Took) { Right = true },
                Column.Of("requests", "requests") with
                {
                    Right = true,
                },
                Column.Of("protocol", "protocol"),
                Column.Of("profile", "profile"),
                new("why", Why),
            ],
            today =>
                [
                    new("asked (UTC)", row => At(row, "asked").Brief(today))
                    {
                        Order = row => At(row, "asked").Latest,
                    },
                    Column.Of("gateway", "gateway") with
                    {
                        Least = 8,
                    },
                    new("complete", row => row.Text("complete")) { Style = Completeness },
                    new("calls", Listed) { Right = true },
                    new("took", row => Took(row) is { } took ? $"{took} ms" : null) { Right = true },
                    Column.Of("requests", "requests") with
                    {
                        Right = true,
                        Rank = 2,
                    },
                    Column.Of("profile", "profile") with
                    {
                        Rank = 3,
                    },
                    new("why", Why) { Rank = 1, Least = 20 },
                ]
        );

    public static ServerView ControlLog { get; } =
        new(
            "control-log",
            [
                Column.Of("time", "time"),
                Column.Of("result", "result"),
                Column.Of("status", "status") with
                {
                    Right = true,
                },
                Column.Of("count", "count") with
                {
                    Right = true,
                },
                Column.Of("who", "who"),
                Column.Of("from", "from"),
                Column.Of("verb", "verb"),
                Column.Of("what", "what"),
            ],
            today =>
                [
                    new("time (UTC)", row => At(row, "time").Brief(today)),
                    new("result", row => row.Text("result")) { Style = Outcome },
                    Column.Of("status", "status") with
                    {
                        Right = true,
                        Rank = 3,
                    },
                    Column.Of("count", "count") with
                    {
                        Right = true,
                        Rank = 4,
                    },
                    Column.Of("who", "who") with
                    {
                        Least = 10,
                    },
                    Column.Of("from", "from") with
                    {
                        Rank = 2,
                        Least = 9,
                    },
                    Column.Of("verb", "verb") with
                    {
                        Least = 16,
                    },
                    Column.Of("what", "what") with
                    {
                        Rank = 1,
                        Least = 12,
                    },
                ]
        );

    public static ServerView Calls { get; } =
        new(
            "calls",
            [
                Column.Of("call", "call"),
                Column.Of("sources", "sources"),
                Column.Of("originator", "originator"),
                new("start", row => Bounds.Of(row.Member("start")).At()),
                new("exact", row => Bounds.Of(row.Member("start")).Exactness()),
                Column.Of("connections", "connections"),
                new("findings", Findings),
                new("says", Says),
            ],
            today =>
                [
                    Column.Of("call", "call") with
                    {
                        Least = 16,
                    },
                    Column.Of("originator", "originator") with
                    {
                        Least = 10,
                    },
                    new("start (UTC)", row => Bounds.Of(row.Member("start")).Brief(today))
                    {
                        Order = row => Bounds.Of(row.Member("start")).Latest,
                    },
                    Column.Of("sources", "sources") with
                    {
                        Rank = 1,
                        Least = 10,
                    },
                    Column.Of("connections", "connections") with
                    {
                        Rank = 2,
                        Least = 20,
                    },
                    new("findings", Findings) { Least = 12, Style = _ => Doubtful },
                    new("says", Says) { Rank = 3, Least = 24 },
                ]
        )
        {
            Warns = true,
        };

    public static ServerView Cdrs { get; } =
        new(
            "cdrs",
            [
                Column.Of("end", "end_stamp"),
                Column.Of("gateway", "gateway"),
                Column.Of("originator", "originator"),
                Column.Of("remote", "remote"),
                Column.Of("codec", "read_codec"),
                new("qos", ConnectionColumns.Qos),
                Column.Of("answer", "answer_stamp"),
                Column.Of("billsec", "billsec") with
                {
                    Right = true,
                },
                Column.Of("billsec-max", "billsec_max") with
                {
                    Right = true,
                },
                Column.Of("start-evidence", "start_evidence"),
                Column.Of("end-evidence", "end_evidence"),
                Column.Of("recovered", "recovered"),
                Column.Of("cause", "hangup_cause"),
                Column.Of("id", "id"),
            ],
            today =>
                [
                    new("ended (UTC)", row => Stamps(row, "end_stamp_min", "end_stamp_max").Brief(today))
                    {
                        Order = row => Stamps(row, "end_stamp_min", "end_stamp_max").Latest,
                    },
                    Column.Of("gateway", "gateway") with
                    {
                        Least = 8,
                    },
                    Column.Of("originator", "originator") with
                    {
                        Least = 10,
                    },
                    Column.Of("remote", "remote") with
                    {
                        Rank = 2,
                        Least = 10,
                    },
                    Column.Of("codec", "read_codec") with
                    {
                        Rank = 1,
                    },
                    new("QoS", ConnectionColumns.Qos) { Rank = 3 },
                    new("answered", row => Stamps(row, "answer_stamp_min", "answer_stamp_max").Brief(today))
                    {
                        Rank = 4,
                        Order = row => Stamps(row, "answer_stamp_min", "answer_stamp_max").Latest,
                    },
                    new("billed", Billed) { Right = true, Order = row => row.Number("billsec") },
                    Column.Of("end known by", "end_evidence") with
                    {
                        Rank = 2,
                    },
                    new("recovered", row => row.Flag("recovered") == true ? "yes" : "")
                    {
                        Rank = 3,
                        Style = _ => Doubtful,
                    },
                    Column.Of("cause", "hangup_cause") with
                    {
                        Rank = 5,
                    },
                    Column.Of("id", "id") with
                    {
                        Rank = 6,
                        Style = _ => Faint,
                    },
                ]
        )
        {
            Grows = true,
        };

    /// <summary>
    /// Names and values of <c>status</c> in the contract's order; those that this version does not know come last.
    /// </summary>
    public static IReadOnlyList<(string Name, string? Value)> StatusFacts(JsonElement status) =>
        status.ValueKind != JsonValueKind.Object
            ? []
            :
            [
                .. status
                    .EnumerateObject()
                    .Where(member => member.Name != Troubling)
                    .Select(member =>
                        member.Name switch
                        {
                            "uptimeSeconds" when member.Value.ValueKind == JsonValueKind.Number => (
                                "uptime",
                                ConnectionColumns.Length(member.Value.GetDouble())
                            ),
                            _ => (member.Name, JsonText.AsText(member.Value)),
                        }
                    ),
                .. Troubles(status),
            ];

    private const string Troubling = "troubles";

    /// <summary>What keeps a server from saving or handing on what it knows, by its status: a line each.</summary>
    public static IEnumerable<(string Name, string? Value)> Troubles(JsonElement status) =>
        status.Items(Troubling).Select(trouble => ("trouble", (string?)JsonText.AsText(trouble)));

    /// <summary>How long the last audit took, in milliseconds.</summary>
    private static string? Took(JsonElement row) =>
        Bounds.Micros(row.Text("answered")) - Bounds.Micros(row.Text("asked")) is { } micros
            ? (micros / 1000.0).ToString("0.0", CultureInfo.InvariantCulture)
            : null;

    /// <summary>The proof of completeness, or what is missing from it.</summary>
    private static string? Why(JsonElement row) =>
        row.Text("reasons") is { Length: > 0 } reasons ? reasons : row.Text("proof");

    private static string? Listed(JsonElement audit) =>
        audit.Member("connections") is { ValueKind: JsonValueKind.Array } listed
            ? listed.GetArrayLength().ToString(CultureInfo.InvariantCulture)
            : audit.Text("connections") ?? audit.Text("count");

    private static Style? Standing(JsonElement gateway) =>
        gateway.Text("status") switch
        {
            "complete" => Good,
            "partial" or "unasked" => Doubtful,
            "silent" => Bad,
            _ => default(Style?),
        };

    private static Style? HostStanding(JsonElement host) =>
        host.Text("state") switch
        {
            "active" => Good,
            "joining" or "leaving" => Doubtful,
            "dead" => Bad,
            _ => default(Style?),
        };

    private static Style? Completeness(JsonElement audit) => audit.Flag("complete") == true ? Good : Doubtful;

    private static Style? Outcome(JsonElement control) =>
        control.Text("result") switch
        {
            "done" or "accepted" => Good,
            "refused" => Doubtful,
            _ => Bad,
        };

    private static Func<JsonElement, Style?> NotNone(string member) =>
        row => row.Number(member) > 0 ? Doubtful : default(Style?);

    private static Bounds At(JsonElement row, string member) =>
        Bounds.Micros(row.Text(member)) is { } at ? Bounds.Point(at) : default;

    private static Bounds Stamps(JsonElement row, string earliest, string latest) =>
        new(Bounds.Micros(row.Text(earliest)), Bounds.Micros(row.Text(latest)));

    /// <summary>Billed seconds, and the upper bound if it is greater.</summary>
    private static string? Billed(JsonElement cdr)
    {
        var least = cdr.Text("billsec");
        var most = cdr.Text("billsec_max");
        return most is null ? $"≥{least} s"
            : most == least ? $"{least} s"
            : $"{least}–{most} s";
    }

    private static string? Findings(JsonElement call) =>
        string.Join(
            ", ",
            call.Items("findings").Select(finding => finding.Text("kind")).OfType<string>().Distinct()
        );

    private static string? Says(JsonElement call) =>
        string.Join("; ", call.Items("findings").Select(finding => finding.Text("text")).OfType<string>());
}

namespace CallServer.Server.Web.Contract;

/// <summary>Every parameter of the API's queries and paths.</summary>
internal static class Parameters
{
    private const string Wild = " `*` stands for any characters; case does not matter.";
    private const string Hidden =
        " Where numbers are hidden (`privacy.mask`), it is compared with what is shown of them.";

    public static readonly Parameter Gateway = new(
        "gateway",
        ParameterKind.Text,
        "Only this gateway. A gateway that the server does not know is refused.",
        "gw1"
    );

    public static readonly Parameter Limit = new(
        "limit",
        ParameterKind.Number,
        "The most items in the answer; 1000 if it is absent.",
        "100"
    )
    {
        Least = 1,
        Most = Query.MostItems,
    };

    public static readonly Parameter Cursor = new(
        "cursor",
        ParameterKind.Text,
        "Goes on after a page: `next` of the page before, with the same other parameters.",
        "Z3cxCmMx"
    );

    public static readonly Parameter Call = new(
        "call",
        ParameterKind.Pattern,
        "Only with this call id." + Wild,
        "call-1@example.net"
    );

    public static readonly Parameter Connection = new(
        "connection",
        ParameterKind.Pattern,
        "Only of connections that the gateway called so." + Wild,
        "c1"
    );

    public static readonly Parameter Leg = new(
        "connection",
        ParameterKind.Text,
        "Only the call of this active connection, named GATEWAY/ID.",
        "gw1/c1"
    );

    public static readonly Parameter Originator = new(
        "originator",
        ParameterKind.Pattern,
        "Only with this originating device or number." + Wild + Hidden,
        "+4179*"
    );

    public static readonly Parameter Remote = new(
        "remote",
        ParameterKind.Pattern,
        "Only with this remote party." + Wild + Hidden,
        "*5550123"
    );

    public static readonly Parameter Codec = new(
        "codec",
        ParameterKind.Pattern,
        "Only with this codec." + Wild,
        "PCMU"
    );

    public static readonly Parameter Dscp = new(
        "dscp",
        ParameterKind.Number,
        "Only with this DSCP (RFC 2474).",
        "46"
    )
    {
        Most = 63,
    };

    public static readonly Parameter Status = new(
        "status",
        ParameterKind.Word,
        "`confirmed`: the newest audit listed it. `unconfirmed`: it did not, and that proves nothing yet.",
        "confirmed"
    )
    {
        Words = ["confirmed", "unconfirmed"],
    };

    public static readonly Parameter StartEvidence = new(
        "evidence",
        ParameterKind.Word,
        "Only where the start is believed for this reason.",
        "reported"
    )
    {
        Words = ["reported", "inferred", "bounded"],
    };

    public static readonly Parameter EndEvidence = new(
        "evidence",
        ParameterKind.Word,
        "Only where the end is believed for this reason.",
        "absent"
    )
    {
        Words = ["absent", "gateway-history", "gateway-restart", "released", "operator"],
    };

    public static readonly Parameter OlderThan = new(
        "older-than",
        ParameterKind.Duration,
        "Only connections that have surely been active for at least this long.",
        "4h"
    );

    public static readonly Parameter WiderThan = new(
        "wider-than",
        ParameterKind.Duration,
        "Only connections whose start is known less exactly than this; one without a lower bound is.",
        "1s"
    );

    public static readonly Parameter ConnectionSort = new(
        "sort",
        ParameterKind.Word,
        "The order; with `-` before it the other way round. `start`: the latest possible start, `width`: how exactly "
            + "it is known. Equal ones follow each other by gateway and id.",
        "-width"
    )
    {
        Words = Both("gateway", "start", "width", "last-heard", "originator", "remote", "call", "codec"),
    };

    public static readonly Parameter CdrSort = new(
        "sort",
        ParameterKind.Word,
        "`written`: the CDR written first comes first. `-written`: the newest first.",
        "-written"
    )
    {
        Words = Both("written"),
    };

    public static readonly Parameter Findings = new(
        "findings",
        ParameterKind.Word,
        "`true`: only calls whose sources disagree.",
        "true"
    )
    {
        Words = ["true", "false"],
    };

    public static readonly Parameter Kind = new(
        "kind",
        ParameterKind.Word,
        "Only findings of this kind.",
        "one-sided"
    )
    {
        Words =
        [
            "one-sided",
            "media-without-signalling",
            "signalling-without-media",
            "codec-mismatch",
            "address-mismatch",
            "start-mismatch",
        ],
    };

    public static readonly Parameter Recovered = new(
        "recovered",
        ParameterKind.Word,
        "`true`: only connections that a restart or takeover had lost, and that an audit brought back.",
        "true"
    )
    {
        Words = ["true", "false"],
    };

    public static readonly Parameter Cause = new(
        "cause",
        ParameterKind.Pattern,
        "Only with this hang-up cause, a name of ITU-T Q.850." + Wild,
        "NORMAL_*"
    );

    public static readonly Parameter Format = new(
        "format",
        ParameterKind.Word,
        "The form of the answer, for clients that cannot set the header Accept.",
        "csv"
    )
    {
        Words = ["json", "ndjson", "csv"],
    };

    public static readonly Parameter By = new(
        "by",
        ParameterKind.Word,
        "What to count by. `call-direction` is `incoming` or `outgoing` as the gateway itself sees the call, and `unknown` where "
            + "it does not tell; `media-direction` is the way media flows.",
        "gateway"
    )
    {
        Words = ["gateway", "codec", "originator", "call-direction", "media-direction"],
        IsRequired = true,
    };

    public static readonly Parameter After = new(
        "after",
        ParameterKind.Number,
        "Begins after the event with this id; 0 begins with the oldest one that is kept. The header Last-Event-ID "
            + "takes precedence.",
        "4711"
    );

    public static readonly Parameter Record = new(
        "record",
        ParameterKind.Word,
        "`true`: each event also says what its connection is like now, as `record`: null where it is no longer active.",
        "true"
    )
    {
        Words = ["true", "false"],
    };

    public static readonly Parameter OfGateway = new(
        "gateway",
        ParameterKind.Text,
        "The id of a gateway, percent-encoded.",
        "gw1"
    )
    {
        IsRequired = true,
    };

    public static readonly Parameter GatewayId = OfGateway with { Name = "id" };

    public static readonly Parameter ConnectionId = new(
        "id",
        ParameterKind.Text,
        "What the gateway calls the connection, percent-encoded: `aaln/1@gw.example.net/3F` is "
            + "`aaln%2F1%40gw.example.net%2F3F`.",
        "c1"
    )
    {
        IsRequired = true,
    };

    public static readonly Parameter CallId = new(
        "id",
        ParameterKind.Text,
        "The id of the call, percent-encoded.",
        "call-1@example.net"
    )
    {
        IsRequired = true,
    };

    public static readonly Parameter AskedGateway = Gateway with
    {
        Description = "The gateway to ask.",
        IsRequired = true,
    };

    /// <summary>A beginning of a period.</summary>
    public static Parameter Since(string what) =>
        new(
            "since",
            ParameterKind.Time,
            $"Only {what} at this time or later; UTC if it has no offset.",
            "2026-01-31T10:00:00Z"
        );

    /// <summary>An end of a period.</summary>
    public static Parameter Until(string what) =>
        new(
            "until",
            ParameterKind.Time,
            $"Only {what} before this time; UTC if it has no offset.",
            "2026-01-31T11:00:00Z"
        );

    private static string[] Both(params string[] words) => [.. words, .. words.Select(word => "-" + word)];
}

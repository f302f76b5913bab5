using CallServer.Server.Roles;
using CallServer.Surface;

namespace CallServer.Server.Web.Contract;

/// <summary>The operations that order something, and those of the other server, by method and path.</summary>
internal static class Orders
{
    private const string Tag = "orders";
    private const string PairTag = "pair";
    private const string OfPair =
        "Only the other server of the pair asks this, with a proof in the header CallServer-Pair.";

    private static readonly (int, string)[] Refusals =
    [
        (403, "The request names another server, or comes from a page of another origin."),
        (415, "The body is not declared as JSON."),
        (429, "More orders a second than are taken."),
    ];

    private static readonly (int, string)[] Unproven =
    [
        (401, "There is no valid proof."),
        (404, "This server is alone."),
        (415, "The body is not declared as JSON."),
    ];

    /// <summary>Each order by <c>METHOD /path</c>, as it is mapped.</summary>
    public static IReadOnlyDictionary<string, Operation> ByRoute { get; } =
        new Dictionary<string, Operation>(StringComparer.Ordinal)
        {
            ["POST /v1/audits"] = new("askGateway", Tag, "Asks one gateway now")
            {
                Query = [Parameters.AskedGateway],
                Body = typeof(Nothing),
                BodyExample = "{}",
                Replies = [new(202, "It is being asked.", Type: typeof(AuditOrder), Example: Examples.Asked)],
                Problems = [(404, "The gateway is not asked by this server."), .. Refusals],
            },
            ["POST /v1/gateways/{id}/audit"] = new("auditGateway", Tag, "Asks this gateway now")
            {
                Path = [Parameters.GatewayId],
                Body = typeof(Nothing),
                BodyExample = "{}",
                Replies = [new(202, "It is being asked.", Type: typeof(AuditOrder), Example: Examples.Asked)],
                Problems = [(404, "The gateway is not asked by this server."), .. Refusals],
            },
            ["POST /v1/gateways"] = new(
                "addGateway",
                Tag,
                "Asks a gateway from now on, and adds it to the configuration file"
            )
            {
                Body = typeof(GatewayBody),
                NeedsBody = true,
                BodyExample =
                    """{"id":"gw9","uri":"snmp://192.0.2.19","community":"env:GW9_COMMUNITY","auth":null,"priv":null,"interval":"10s","timeout":null,"attempts":null,"factsEvery":null,"history":null,"complete":null,"replyOctets":null,"auditOctets":null,"connections":null}""",
                Replies =
                [
                    new(
                        201,
                        "It is asked from now on.",
                        Type: typeof(GatewayAdded),
                        Example: """{"gateway":"gw9","uri":"snmp://192.0.2.19","interval":"10s"}"""
                    ),
                ],
                Problems =
                [
                    (409, "There is one of this id, or the file cannot be edited now. Nothing is changed."),
                    (503, "The file cannot be written. Nothing is changed."),
                    .. Refusals,
                ],
            },
            ["DELETE /v1/gateways/{id}"] = new(
                "removeGateway",
                Tag,
                "Asks a gateway no longer, and removes it from the configuration file"
            )
            {
                Path = [Parameters.GatewayId],
                Replies =
                [
                    new(
                        200,
                        "It is asked no longer; its connections stay in the record, unconfirmed.",
                        Type: typeof(GatewayRemoved),
                        Example: """{"gateway":"gw9","removed":true,"unconfirmed":12}"""
                    ),
                ],
                Problems =
                [
                    (404, "There is no such gateway."),
                    (409, "The file cannot be edited now. Nothing is changed."),
                    (503, "The file cannot be written. Nothing is changed."),
                    .. Refusals,
                ],
            },
            ["POST /v1/connections/release"] = new("release", Tag, "Has a gateway end one connection")
            {
                Body = typeof(ReleaseBody),
                NeedsBody = true,
                BodyExample = Examples.ReleaseBody,
                Replies =
                [
                    new(200, "The gateway ended it.", Type: typeof(ReleaseDone), Example: Examples.Released),
                ],
                Problems =
                [
                    (404, "Nobody knows the connection."),
                    (409, "It may not be released."),
                    (502, "The gateway refused."),
                    (504, "The gateway did not answer: nothing is closed before an audit tells."),
                    .. Refusals,
                ],
            },
            ["POST /v1/recoveries/dry-run"] = new(
                "beginDryRun",
                Tag,
                "Finds out what a takeover now would bring back"
            )
            {
                Body = typeof(Nothing),
                BodyExample = "{}",
                Replies =
                [
                    new(
                        202,
                        "It has begun; its report so far.",
                        Type: typeof(RecoveryView),
                        Example: Examples.Recovery
                    ),
                ],
                Problems = Refusals,
            },
            ["POST /v1/takeover"] = new("takeOver", Tag, "Makes this server act")
            {
                Body = typeof(TakeoverBody),
                BodyExample = """{"epoch":7}""",
                Replies =
                [
                    new(202, "It acts from now on.", Type: typeof(GreetingView), Example: Examples.Greeting),
                ],
                Problems = [(409, "It acts already."), .. Refusals],
            },
            ["POST /v1/stepdown"] = new("stepDown", Tag, "Asks the other server to act")
            {
                Body = typeof(Nothing),
                BodyExample = "{}",
                Replies =
                [
                    new(
                        202,
                        "The other server is asked.",
                        Type: typeof(GreetingView),
                        Example: Examples.Greeting
                    ),
                ],
                Problems = [(409, "There is no other server that could act."), .. Refusals],
            },
            ["POST /v1/heartbeat"] = new("heartbeat", PairTag, "Meets the other server")
            {
                Description = OfPair,
                IsForAll = true,
                Body = typeof(GreetingView),
                NeedsBody = true,
                BodyExample = Examples.Greeting,
                Replies =
                [
                    new(
                        200,
                        "This server's own greeting.",
                        Type: typeof(GreetingView),
                        Example: Examples.Greeting
                    ),
                ],
                Problems = Unproven,
            },
            ["POST /v1/cdrs/settle"] = new("settle", PairTag, "What became of CDRs that a standby holds")
            {
                Description = OfPair,
                IsForAll = true,
                Body = typeof(IReadOnlyList<HeldCdr>),
                NeedsBody = true,
                BodyExample =
                    """[{"id":"0f0c7f5e-5d2c-5a0e-9f3b-1d2c3b4a5f60","gateway":"gw1","connection":"c1"}]""",
                Replies =
                [
                    new(
                        200,
                        "Which are written here, and which are of connections that are active here.",
                        Type: typeof(Settled),
                        Example: """{"epoch":2,"written":["0f0c7f5e-5d2c-5a0e-9f3b-1d2c3b4a5f60"],"active":[]}"""
                    ),
                ],
                Problems = [(409, "This server does not act."), .. Unproven],
            },
        };
}

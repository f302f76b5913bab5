using System.Net;
using System.Text;

namespace CallServer.Bench.Hostile;

/// <summary>Twenty gateways, each with one vice.</summary>
internal static class HostileFleet
{
    private const int Large = 8 * 1024 * 1024;
    private static readonly string[] TwoThousand = [.. Enumerable.Range(0, 2000).Select(n => $"call-{n}")];

    /// <param name="mgcp">Where the server listens for RSIP.</param>
    /// <param name="traps">Where it listens for notifications.</param>
    public static IReadOnlyList<HostileGateway> Make(IPEndPoint mgcp, IPEndPoint traps) =>
        [
            // Replies.
            Ng(
                "huge-replies",
                TwoThousand,
                (asked, to, cancel) => NgWords.PaddedCallAsync(asked, to, Large, "zpad", cancel)
            ),
            Ng(
                "huge-labels",
                TwoThousand,
                (asked, to, cancel) =>
                    NgWords.SayAsync(
                        to,
                        NgWords
                            .Call(asked, 2)
                            .Replace(
                                "3:tag",
                                $"5:label1000000:{new string('l', 1_000_000)}3:tag",
                                StringComparison.Ordinal
                            ),
                        cancel
                    )
            ),
            Ng(
                "many-tags",
                ["only-one"],
                (asked, to, cancel) => NgWords.SayAsync(to, NgWords.Call(asked, 20_000), cancel)
            ),
            Ng(
                "huge-list",
                Enumerable.Range(0, 800_000).Select(n => $"a-call-id-of-usual-length-{n}"),
                Small
            ),
            new NgVice(
                "endless-reply",
                async (asked, to, cancel) =>
                {
                    await NgWords.SayAsync(to, $"{asked.Cookie} d6:result2:ok5:callsl", cancel);
                    while (true)
                        await NgWords.SayAsync(
                            to,
                            string.Concat(Enumerable.Repeat("4:call", 10_000)),
                            cancel
                        );
                }
            ),
            new NgVice(
                "endless-string",
                async (asked, to, cancel) =>
                {
                    await NgWords.SayAsync(to, $"{asked.Cookie} d6:result16000000:", cancel);
                    await NgWords.WithoutEndAsync(to, cancel);
                }
            ),
            new NgVice(
                "slow-drip",
                async (asked, to, cancel) =>
                {
                    foreach (var letter in NgWords.Statistics(asked, 5))
                    {
                        await NgWords.SayAsync(to, letter.ToString(), cancel);
                        await Task.Delay(500, cancel);
                    }
                }
            ),
            new NgVice(
                "strays",
                async (asked, to, cancel) =>
                {
                    while (true)
                        await NgWords.SayAsync(
                            to,
                            string.Concat(Enumerable.Repeat("stranger d6:result4:ponge ", 1000)),
                            cancel
                        );
                }
            ),
            new NgVice("hangs-up", (_, to, _) => to.DisposeAsync().AsTask()),
            // Records.
            Fresh("fresh-calls", 3_000, 3_000),
            Fresh("fresh-and-partial", 3_000, 1_000_000),
            Ng(
                "deep",
                TwoThousand,
                (asked, to, cancel) =>
                    NgWords.SayAsync(to, $"{asked.Cookie} d4:deep{new string('l', 100_000)}", cancel)
            ),
            // HTTP.
            new HttpVice("http-huge", 16_000_000),
            new HttpVice("http-endless", null),
            // SIP.
            new SipVice("large-notify", () => Whole(Dialogs(10_000))),
            new SipVice("announces-much", () => (100_000_000, [new string(' ', 65536)])),
            new SipVice("endless-head", null),
            // SNMP.
            new SnmpVice("endless-table"),
            // What comes unasked.
            new Flood("rsip-flood", "mgcp", IPAddress.Parse("127.0.0.2"), mgcp, Flood.Rsip, 5_000),
            new Flood("trap-flood", "snmp", IPAddress.Parse("127.0.0.3"), traps, Flood.ColdStart, 5_000),
        ];

    private static NgVice Ng(string id, IEnumerable<string> calls, NgAnswer call)
    {
        var all = calls.ToList();
        return new NgVice(
            id,
            (asked, to, cancel) =>
                asked.Command switch
                {
                    "statistics" => NgWords.SayAsync(to, NgWords.Statistics(asked, all.Count), cancel),
                    "list" => NgWords.SayAsync(to, NgWords.List(asked, all), cancel),
                    _ => call(asked, to, cancel),
                }
        );
    }

    private static Task Small(NgAsked asked, Stream to, CancellationToken cancel) =>
        NgWords.SayAsync(to, NgWords.Call(asked, 2), cancel);

    /// <summary>Calls that nobody has heard of before in every list, and the number of calls that it claims.</summary>
    private static NgVice Fresh(string id, int calls, int counted)
    {
        var made = 0;
        return new NgVice(
            id,
            (asked, to, cancel) =>
                asked.Command switch
                {
                    "statistics" => NgWords.SayAsync(to, NgWords.Statistics(asked, counted), cancel),
                    "list" => NgWords.SayAsync(
                        to,
                        NgWords.List(asked, [.. Enumerable.Range(0, calls).Select(_ => $"fresh-{made++}")]),
                        cancel
                    ),
                    _ => Small(asked, to, cancel),
                }
        );
    }

    private static (long, IEnumerable<string>) Whole(string document) =>
        (Encoding.UTF8.GetByteCount(document), [document]);

    private static string Dialogs(int count)
    {
        var text = new StringBuilder(
            "<?xml version=\"1.0\"?><dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"1\" state=\"full\" entity=\"sip:all@vice\">"
        );
        for (var dialog = 0; dialog < count; dialog++)
            text.Append(
                FormattableString.Invariant(
                    $"<dialog id=\"d{dialog}\" call-id=\"c{dialog}-{new string('c', 250)}\" local-tag=\"l{dialog}\" remote-tag=\"r{dialog}\" direction=\"initiator\"><state>confirmed</state><local><identity>sip:a{dialog}@vice</identity><target uri=\"sip:a{dialog}@vice\"/></local><remote><identity>sip:b{dialog}@vice</identity></remote></dialog>"
                )
            );
        return text.Append("</dialog-info>").ToString();
    }
}

using System.Globalization;
using System.Text.Json.Nodes;

namespace CallServer.Interop.Peers;

/// <summary>A call of two parties on rtpengine, as its proxy made it, with what the proxy knows of its time.</summary>
/// <param name="Created">rtpengine's own time of creation, by this machine's clock</param>
/// <param name="Made">brackets its offer</param>
internal sealed record NgCall(string CallId, int Number, DateTimeOffset Created, Bracket Made)
{
    public const string Caller = "trunkA";
    public const string Callee = "trunkB";

    public string OfferingTag => $"f{Number:d6}";

    public string AnsweringTag => $"t{Number:d6}";

    /// <summary>The ids that an audit gives its two parties, the offering one first.</summary>
    public IReadOnlyList<string> Ids => [$"{CallId};{OfferingTag}", $"{CallId};{AnsweringTag}"];

    public string CallerMedia => $"127.0.1.{Number % 250 + 1}:{MediaPort}";

    public string CalleeMedia => $"127.0.2.{Number % 250 + 1}:{MediaPort}";

    private int MediaPort => 33000 + Number % 5000 * 2;

    /// <summary>Calls that were offered and answered, numbered from first.</summary>
    public static async Task<IReadOnlyList<NgCall>> MakeAsync(NgClient proxy, int first, int count)
    {
        var calls = new List<NgCall>(count);
        for (var number = first; number < first + count; number++)
            calls.Add(await MakeAsync(proxy, number, $"{number:d6}-{Guid.NewGuid():n}@interop"));
        return calls;
    }

    /// <summary>One call under a given id.</summary>
    public static async Task<NgCall> MakeAsync(NgClient proxy, int number, string callId)
    {
        var call = await OfferAsync(proxy, number, callId);
        await call.AnswerAsync(proxy);
        return call;
    }

    /// <summary>One call that rings until it is answered.</summary>
    public static async Task<NgCall> OfferAsync(NgClient proxy, int number, string callId)
    {
        var call = new NgCall(callId, number, default, default);
        var before = DateTimeOffset.UtcNow;
        await proxy.AskAsync(
            "offer",
            ("call-id", call.CallId),
            ("from-tag", call.OfferingTag),
            ("label", Caller),
            ("sdp", Sdp(call.CallerMedia))
        );
        var made = new Bracket(before, DateTimeOffset.UtcNow);
        var told = await proxy.AskAsync("query", ("call-id", call.CallId));
        return call with { Created = CreatedOf(told), Made = made };
    }

    /// <summary>Answers the call; the result brackets the answer.</summary>
    public async Task<Bracket> AnswerAsync(NgClient proxy)
    {
        var before = DateTimeOffset.UtcNow;
        await proxy.AskAsync(
            "answer",
            ("call-id", CallId),
            ("from-tag", OfferingTag),
            ("to-tag", AnsweringTag),
            ("label", Callee),
            ("sdp", Sdp(CalleeMedia))
        );
        return new Bracket(before, DateTimeOffset.UtcNow);
    }

    /// <summary>Ends the call; the result brackets its end.</summary>
    public async Task<Bracket> EndAsync(NgClient proxy)
    {
        var before = DateTimeOffset.UtcNow;
        await proxy.AskAsync("delete", ("call-id", CallId), ("from-tag", OfferingTag), ("delete delay", 0));
        return new Bracket(before, DateTimeOffset.UtcNow);
    }

    private static DateTimeOffset CreatedOf(JsonNode told) =>
        DateTimeOffset
            .FromUnixTimeSeconds(told["created"]!.GetValue<long>())
            .AddTicks(told["created_us"]!.GetValue<long>() * TimeSpan.TicksPerMicrosecond);

    public static string Sdp(string media)
    {
        var parts = media.Split(':');
        var port = int.Parse(parts[1], CultureInfo.InvariantCulture);
        return $"v=0\r\no=- 1 1 IN IP4 {parts[0]}\r\ns=-\r\nc=IN IP4 {parts[0]}\r\nt=0 0\r\n"
            + $"m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n";
    }
}

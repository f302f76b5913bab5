using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace CallServer.Bench.Hostile;

/// <summary>A request to rtpengine.</summary>
internal sealed record NgAsked(string Cookie, string Command, string Call);

/// <summary>Answers the server, as slowly as it likes.</summary>
internal delegate Task NgAnswer(NgAsked asked, Stream to, CancellationToken cancel);

/// <summary>An rtpengine over a stream that answers what a test wants.</summary>
internal sealed class NgVice(string id, NgAnswer answer) : StreamVice(id)
{
    public override string Uri => $"ng+tcp://{Place}";

    protected override async Task TalkAsync(NetworkStream stream, CancellationToken cancel)
    {
        var unread = "";
        var buffer = new byte[65536];
        while (await stream.ReadAsync(buffer, cancel) is > 0 and var length)
        {
            unread += Encoding.Latin1.GetString(buffer, 0, length);
            while (NgWords.TryTake(ref unread, out var asked))
                await answer(asked, stream, cancel);
        }
    }
}

/// <summary>Reads the server's requests and writes a gateway's replies in bencode.</summary>
internal static class NgWords
{
    private static readonly byte[] Block = [.. Enumerable.Repeat((byte)'x', 65536)];
    private static readonly DateTime Began = DateTime.UtcNow;

    /// <summary>Takes one whole request off the beginning.</summary>
    public static bool TryTake(ref string unread, out NgAsked asked)
    {
        asked = new NgAsked("", "", "");
        var at = unread.IndexOf(" d", StringComparison.Ordinal) + 2;
        if (at < 2)
            return false;
        var cookie = unread[..(at - 2)];
        var words = new List<string>();
        while (at < unread.Length && unread[at] != 'e')
        {
            var stop = unread.IndexOf(unread[at] == 'i' ? 'e' : ':', at);
            if (stop < 0)
                return false;
            if (unread[at] == 'i')
            {
                words.Add(unread[(at + 1)..stop]);
                at = stop + 1;
                continue;
            }

            var length = int.Parse(unread.AsSpan(at, stop - at), CultureInfo.InvariantCulture);
            if (stop + 1 + length > unread.Length)
                return false;
            words.Add(unread.Substring(stop + 1, length));
            at = stop + 1 + length;
        }

        if (at >= unread.Length)
            return false;
        string Of(string key) => words.IndexOf(key) is >= 0 and var i ? words[i + 1] : "";
        asked = new NgAsked(cookie, Of("command"), Of("call-id"));
        unread = unread[(at + 1)..];
        return true;
    }

    public static Task SayAsync(Stream to, string text, CancellationToken cancel) =>
        to.WriteAsync(Encoding.Latin1.GetBytes(text), cancel).AsTask();

    public static string Statistics(NgAsked asked, int calls) =>
        $"{asked.Cookie} d6:result2:ok10:statisticsd17:currentstatisticsd13:sessionstotali{calls}ee"
        + $"15:totalstatisticsd6:uptimei{(long)(DateTime.UtcNow - Began).TotalSeconds}e15:managedsessionsi0eeee";

    public static string List(NgAsked asked, IEnumerable<string> calls)
    {
        var text = new StringBuilder($"{asked.Cookie} d6:result2:ok5:callsl");
        foreach (var call in calls)
            text.Append(call.Length).Append(':').Append(call);
        return text.Append("ee").ToString();
    }

    /// <summary>A call with this many parties, each with media.</summary>
    public static string Call(NgAsked asked, int tags)
    {
        var text = new StringBuilder(Opening(asked)).Append("4:tagsd");
        for (var tag = 0; tag < tags; tag++)
            text.Append(
                CultureInfo.InvariantCulture,
                $"8:t{tag:0000000}d3:tag8:t{tag:0000000}7:createdi{Seconds}e6:mediasld4:type5:audio8:protocol7:RTP/AVP5:codec9:PCMA/80007:streamsld10:local porti{10000 + tag % 50000}e13:local address9:127.0.0.18:endpointd6:family4:IPv47:address9:192.0.2.14:porti{1024 + tag % 60000}ee5:statsd7:packetsi50e5:bytesi8600eeee5:flagsl4:send4:recveeee"
            );
        return text.Append("ee").ToString();
    }

    /// <summary>A call of two parties whose reply is inflated by a field that nobody asked for.</summary>
    public static async Task PaddedCallAsync(
        NgAsked asked,
        Stream to,
        int octets,
        string key,
        CancellationToken cancel
    )
    {
        var small = Call(asked, 2);
        var until = small.IndexOf("4:tagsd", StringComparison.Ordinal);
        await SayAsync(to, $"{small[..until]}{key.Length}:{key}{octets}:", cancel);
        for (var left = octets; left > 0; left -= Block.Length)
            await to.WriteAsync(Block.AsMemory(0, Math.Min(left, Block.Length)), cancel);
        await SayAsync(to, small[until..], cancel);
    }

    /// <summary>Writes without end.</summary>
    public static async Task WithoutEndAsync(Stream to, CancellationToken cancel)
    {
        while (true)
            await to.WriteAsync(Block, cancel);
    }

    private static long Seconds => new DateTimeOffset(DateTime.UtcNow).ToUnixTimeSeconds() - 60;

    private static string Opening(NgAsked asked) =>
        $"{asked.Cookie} d6:result2:ok7:createdi{Seconds}e10:created_usi0e";
}

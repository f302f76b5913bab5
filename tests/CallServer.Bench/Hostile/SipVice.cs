using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace CallServer.Bench.Hostile;

/// <summary>A notifier over a stream: accepts every SUBSCRIBE, then sends a NOTIFY with any body.</summary>
/// <param name="id">The name of the vice.</param>
/// <param name="body">The length that it announces, and what it sends of it; null announces none and never ends the
/// header.</param>
internal sealed class SipVice(string id, Func<(long Announced, IEnumerable<string> Parts)>? body)
    : StreamVice(id)
{
    public override string Uri => $"sip:all@{Place};transport=tcp";

    protected override async Task TalkAsync(NetworkStream stream, CancellationToken cancel)
    {
        var buffer = new byte[65536];
        var unread = "";
        while (await stream.ReadAsync(buffer, cancel) is > 0 and var length)
        {
            unread += Encoding.Latin1.GetString(buffer, 0, length);
            while (unread.IndexOf("\r\n\r\n", StringComparison.Ordinal) is >= 0 and var stop)
            {
                var head = unread[..stop];
                unread = unread[(stop + 4)..];
                if (head.StartsWith("SUBSCRIBE ", StringComparison.Ordinal))
                    await AnswerAsync(stream, head, cancel);
            }
        }
    }

    private async Task AnswerAsync(Stream stream, string head, CancellationToken cancel)
    {
        string Of(string name) =>
            head.Split("\r\n")
                .FirstOrDefault(line => line.StartsWith(name + ":", StringComparison.OrdinalIgnoreCase))
                ?[(name.Length + 1)..].Trim()
            ?? "";
        var to = $"{Of("To")};tag=vice";
        await NgWords.SayAsync(
            stream,
            $"SIP/2.0 200 OK\r\nVia: {Of("Via")}\r\nFrom: {Of("From")}\r\nTo: {to}\r\nCall-ID: {Of("Call-ID")}\r\n"
                + $"CSeq: {Of("CSeq")}\r\nExpires: 0\r\nContact: <sip:vice@{Place};transport=tcp>\r\nContent-Length: 0\r\n\r\n",
            cancel
        );
        await NgWords.SayAsync(
            stream,
            $"NOTIFY sip:us@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP {Place};branch=z9hG4bKvice\r\nFrom: {to}\r\nTo: {Of("From")}\r\n"
                + $"Call-ID: {Of("Call-ID")}\r\nCSeq: 1 NOTIFY\r\nEvent: dialog\r\nSubscription-State: terminated;reason=timeout\r\n"
                + "Content-Type: application/dialog-info+xml\r\n",
            cancel
        );
        if (body is null)
        {
            for (var header = 0L; ; header++)
                await NgWords.SayAsync(
                    stream,
                    string.Create(CultureInfo.InvariantCulture, $"X-{header}: x\r\n"),
                    cancel
                );
        }

        var (announced, parts) = body();
        await NgWords.SayAsync(stream, $"Content-Length: {announced}\r\n\r\n", cancel);
        foreach (var part in parts)
            await NgWords.SayAsync(stream, part, cancel);
    }
}

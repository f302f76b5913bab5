using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace CallServer.Bench.Hostile;

/// <summary>An rtpengine over HTTP whose answers are endless, or as long as wanted.</summary>
internal sealed class HttpVice(string id, long? length) : StreamVice(id)
{
    public override string Uri => $"ng+http://{Place}";

    protected override async Task TalkAsync(NetworkStream stream, CancellationToken cancel)
    {
        var buffer = new byte[65536];
        var block = Encoding.ASCII.GetBytes(new string('x', 65536));
        while (await stream.ReadAsync(buffer, cancel) > 0)
        {
            var said = length is { } octets
                ? string.Create(CultureInfo.InvariantCulture, $"Content-Length: {octets}")
                : "Transfer-Encoding: chunked";
            await NgWords.SayAsync(stream, $"HTTP/1.1 200 OK\r\n{said}\r\n\r\n", cancel);
            for (var left = length ?? long.MaxValue; left > 0; left -= block.Length)
            {
                if (length is null)
                    await NgWords.SayAsync(stream, "10000\r\n", cancel);
                await stream.WriteAsync(block.AsMemory(0, (int)Math.Min(left, block.Length)), cancel);
                if (length is null)
                    await NgWords.SayAsync(stream, "\r\n", cancel);
            }
        }
    }
}

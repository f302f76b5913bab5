using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace CallServer.Interop.Peers;

/// <summary>
/// Sits in front of an MGCP gateway and answers the audits that the gateway does not support, from what its call
/// agent created. Everything else passes through. Without a list, the gateway behaves as itself.
/// </summary>
internal sealed class ListingFront : IAsyncDisposable
{
    private readonly UdpClient front = new(new IPEndPoint(IPAddress.Loopback, 0));
    private readonly UdpClient behind = new();
    private readonly ConcurrentDictionary<string, IPEndPoint> askers = new();
    private readonly CancellationTokenSource stop = new();
    private readonly Task[] loops;
    private IReadOnlyList<MgcpConnection>? listed;

    public ListingFront(IPEndPoint gateway)
    {
        behind.Connect(gateway);
        loops = [ForwardAsync(), BackwardAsync()];
    }

    public int Port => ((IPEndPoint)front.Client.LocalEndPoint!).Port;

    /// <summary>Lists these connections from now on; null for none, as the gateway itself.</summary>
    public void List(IReadOnlyList<MgcpConnection>? connections) => Volatile.Write(ref listed, connections);

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await Task.WhenAll(loops);
        front.Dispose();
        behind.Dispose();
        stop.Dispose();
    }

    private async Task ForwardAsync()
    {
        while (await ReceiveAsync(front) is { } request)
        {
            var lines = Encoding.ASCII.GetString(request.Buffer).Split("\r\n");
            if (lines[0].Split(' ') is not [var verb, var id, var endpoint, ..])
                continue;
            if (verb is "AUEP" or "AUCX" && Volatile.Read(ref listed) is { } connections)
            {
                var answer = Answer(connections, verb, endpoint, lines);
                var message = Encoding.ASCII.GetBytes(answer.Replace("ID", id, StringComparison.Ordinal));
                await front.SendAsync(message, request.RemoteEndPoint);
                continue;
            }

            askers[id] = request.RemoteEndPoint;
            await behind.SendAsync(request.Buffer);
        }
    }

    private async Task BackwardAsync()
    {
        while (await ReceiveAsync(behind) is { } reply)
        {
            var words = Encoding.ASCII.GetString(reply.Buffer).Split(' ', '\r', '\n');
            if (words.Length > 1 && askers.TryGetValue(words[1], out var asker))
                await front.SendAsync(reply.Buffer, asker);
        }
    }

    private static string Answer(
        IReadOnlyList<MgcpConnection> connections,
        string verb,
        string endpoint,
        string[] lines
    )
    {
        var here = connections.Where(connection => connection.Endpoint == endpoint).ToList();
        if (verb == "AUEP" && endpoint.Contains('*', StringComparison.Ordinal))
            return "200 ID OK\r\n"
                + Lines("Z", connections.Select(connection => connection.Endpoint).Distinct());
        if (verb == "AUEP")
            return "200 ID OK\r\n"
                + (lines.Contains("F: I") ? Lines("I", here.Select(connection => connection.Id)) : "");
        var asked = here.Find(connection => lines.Contains($"I: {connection.Id}"));
        return asked is null
            ? "515 ID no such connection\r\n"
            : $"200 ID OK\r\nC: {asked.Call}\r\nL: p:20, a:PCMU, t:b8\r\nM: sendrecv\r\n";
    }

    private static string Lines(string code, IEnumerable<string> values) =>
        string.Concat(values.Select(value => $"{code}: {value}\r\n"));

    // Null once the front stops. A closed port on either side shows up as an error of the socket's next call, which
    // is not ours to report.
    private async Task<UdpReceiveResult?> ReceiveAsync(UdpClient socket)
    {
        while (true)
        {
            try
            {
                return await socket.ReceiveAsync(stop.Token);
            }
            catch (OperationCanceledException)
            {
                return null;
            }
            catch (SocketException) { }
        }
    }
}

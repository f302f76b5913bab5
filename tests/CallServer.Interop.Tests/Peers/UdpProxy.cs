using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace CallServer.Interop.Peers;

/// <summary>
/// Sits between a server and an agent and passes datagrams both ways until told to fall silent: so it plays an agent
/// that dies in the middle of an audit and comes back, or one that is further away.
/// </summary>
internal sealed class UdpProxy : IAsyncDisposable
{
    private const int Open = int.MaxValue;

    private readonly UdpClient front = new(new IPEndPoint(IPAddress.Loopback, 0));
    private readonly IPEndPoint agent;
    private readonly TimeSpan delay;
    private readonly ConcurrentDictionary<IPEndPoint, UdpClient> behind = new();
    private readonly CancellationTokenSource stop = new();
    private readonly ConcurrentBag<Task> loops = [];
    private int requests;
    private int replies;
    private int left = Open;

    /// <param name="agentPort">The agent's port on loopback.</param>
    /// <param name="delay">The extra delay of a request compared with its reply.</param>
    public UdpProxy(int agentPort, TimeSpan delay = default)
    {
        this.delay = delay;
        agent = new IPEndPoint(IPAddress.Loopback, agentPort);
        loops.Add(ForwardAsync());
    }

    public int Port => ((IPEndPoint)front.Client.LocalEndPoint!).Port;

    /// <summary>Requests received, passed on or not.</summary>
    public int Requests => Volatile.Read(ref requests);

    /// <summary>Replies passed back.</summary>
    public int Replies => Volatile.Read(ref replies);

    /// <summary>Passes this many more replies back, then drops everything in both directions.</summary>
    public void CutAfter(int count) => Volatile.Write(ref left, count);

    /// <summary>Passes everything again.</summary>
    public void Restore() => Volatile.Write(ref left, Open);

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await Task.WhenAll(loops);
        front.Dispose();
        foreach (var socket in behind.Values)
            socket.Dispose();
        stop.Dispose();
    }

    private async Task ForwardAsync()
    {
        while (await ReceiveAsync(front) is { } request)
        {
            Interlocked.Increment(ref requests);
            await Task.Delay(delay);
            // What was on its way when the agent fell silent does not reach it either.
            if (Volatile.Read(ref left) <= 0)
                continue;
            var socket = behind.GetOrAdd(request.RemoteEndPoint, OpenBehind);
            await socket.SendAsync(request.Buffer, agent);
        }
    }

    private UdpClient OpenBehind(IPEndPoint client)
    {
        var socket = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        loops.Add(BackwardAsync(socket, client));
        return socket;
    }

    private async Task BackwardAsync(UdpClient socket, IPEndPoint client)
    {
        while (await ReceiveAsync(socket) is { } reply)
        {
            if (Volatile.Read(ref left) != Open && Interlocked.Decrement(ref left) < 0)
                continue;
            Interlocked.Increment(ref replies);
            await front.SendAsync(reply.Buffer, client);
        }
    }

    // Null once the proxy stops. A closed port on either side shows up as an error of the socket's next call, which
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

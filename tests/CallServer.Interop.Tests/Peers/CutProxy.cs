using System.Net;
using System.Net.Sockets;

namespace CallServer.Interop.Peers;

/// <summary>A TCP proxy before a PostgreSQL server that loses a connection just when a transaction ends.</summary>
internal sealed class CutProxy : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource stop = new();
    private readonly List<TcpClient> sockets = [];
    private readonly Task accepting;
    private readonly int target;
    private volatile Cut? armed;
    private volatile bool refuses;

    public CutProxy(int target)
    {
        this.target = target;
        listener.Start();
        accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    /// <summary>What happens to the next COMMIT.</summary>
    /// <param name="Arrives">Whether the server gets it.</param>
    /// <param name="LeavesSession">Whether the server does not learn that its client is gone.</param>
    /// <param name="Refuses">Whether nobody can connect any more until <see cref="Restore"/>.</param>
    public sealed record Cut(bool Arrives, bool LeavesSession, bool Refuses);

    public void Arm(Cut cut) => armed = cut;

    public void Restore() => refuses = false;

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        listener.Stop();
        await accepting;
        lock (sockets)
            sockets.ForEach(socket => socket.Dispose());
        stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
                _ = RunAsync(Keep(await listener.AcceptTcpClientAsync(stop.Token)));
        }
        catch (Exception end) when (end is OperationCanceledException or SocketException)
        {
            // The test is over.
        }
    }

    private TcpClient Keep(TcpClient socket)
    {
        lock (sockets)
            sockets.Add(socket);
        return socket;
    }

    private async Task RunAsync(TcpClient client)
    {
        if (refuses)
        {
            client.Dispose();
            return;
        }
        var server = Keep(new TcpClient());
        try
        {
            await server.ConnectAsync(IPAddress.Loopback, target, stop.Token);
            var link = new Link(client, server);
            await Task.WhenAny(AskingAsync(link), AnsweringAsync(link));
            client.Dispose();
            if (!link.LeavesSession)
                server.Dispose();
        }
        catch (Exception end)
            when (end
                    is OperationCanceledException
                        or SocketException
                        or IOException
                        or ObjectDisposedException
            )
        {
            client.Dispose();
            server.Dispose();
        }
    }

    private async Task AskingAsync(Link link)
    {
        var buffer = new byte[65536];
        var (from, to) = (link.Client.GetStream(), link.Server.GetStream());
        while (await from.ReadAsync(buffer, stop.Token) is > 0 and var count)
        {
            if (armed is { } cut && buffer.AsSpan(0, count).IndexOf("COMMIT\0"u8) >= 0)
            {
                armed = null;
                refuses = cut.Refuses;
                link.LeavesSession = cut.LeavesSession;
                link.IsMuted = true;
                if (!cut.Arrives)
                    return;
            }
            await to.WriteAsync(buffer.AsMemory(0, count), stop.Token);
        }
    }

    private async Task AnsweringAsync(Link link)
    {
        var buffer = new byte[65536];
        var (from, to) = (link.Server.GetStream(), link.Client.GetStream());
        while (await from.ReadAsync(buffer, stop.Token) is > 0 and var count)
        {
            if (link.IsMuted)
                return;
            await to.WriteAsync(buffer.AsMemory(0, count), stop.Token);
        }
    }

    private sealed class Link(TcpClient client, TcpClient server)
    {
        private volatile bool muted;

        public TcpClient Client => client;
        public TcpClient Server => server;
        public bool LeavesSession { get; set; }

        /// <summary>Whether the server's answers are lost.</summary>
        public bool IsMuted
        {
            get => muted;
            set => muted = value;
        }
    }
}

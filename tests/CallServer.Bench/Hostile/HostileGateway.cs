using System.Net;
using System.Net.Sockets;

namespace CallServer.Bench.Hostile;

/// <summary>A gateway with one vice, on a loopback port of its own.</summary>
internal abstract class HostileGateway(string id) : IDisposable
{
    /// <summary>Its vice.</summary>
    public string Id { get; } = id;

    /// <summary>As the server is told.</summary>
    public abstract string Uri { get; }

    /// <summary>Until cancelled.</summary>
    public abstract Task ServeAsync(CancellationToken cancel);

    /// <summary>Closes its port.</summary>
    public abstract void Dispose();

    /// <summary>What ends a conversation with the server, which may hang up at any time.</summary>
    protected static bool IsOver(Exception fault) =>
        fault is IOException or SocketException or OperationCanceledException or ObjectDisposedException;
}

/// <summary>One that is asked over streams: each is served by itself.</summary>
internal abstract class StreamVice : HostileGateway
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);

    protected StreamVice(string id)
        : base(id) => listener.Start();

    protected string Place => listener.LocalEndpoint.ToString()!;

    public override async Task ServeAsync(CancellationToken cancel)
    {
        var open = new List<Task>();
        try
        {
            while (true)
            {
                var client = await listener.AcceptTcpClientAsync(cancel);
                open.RemoveAll(task => task.IsCompleted);
                open.Add(TalkAsync(client, cancel));
            }
        }
        catch (OperationCanceledException)
        {
            // Over.
        }
        finally
        {
            await Task.WhenAll(open);
        }
    }

    public override void Dispose() => listener.Dispose();

    protected abstract Task TalkAsync(NetworkStream stream, CancellationToken cancel);

    private async Task TalkAsync(TcpClient client, CancellationToken cancel)
    {
        using (client)
        {
            try
            {
                await TalkAsync(client.GetStream(), cancel);
            }
            catch (Exception fault) when (IsOver(fault))
            {
                // The server hung up.
            }
        }
    }
}

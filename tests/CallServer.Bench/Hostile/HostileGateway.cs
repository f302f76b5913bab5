using System.Net;
using System.Net.Sockets;

namespace CallServer.Bench.Hostile;

/// <summary>A gateway with one vice, on its own loopback port.</summary>
internal abstract class HostileGateway(string id) : IDisposable
{
    /// <summary>The name of its vice.</summary>
    public string Id { get; } = id;

    /// <summary>The URI that the server is given.</summary>
    public abstract string Uri { get; }

    /// <summary>Serves until cancelled.</summary>
    public abstract Task ServeAsync(CancellationToken cancel);

    /// <summary>Closes its port.</summary>
    public abstract void Dispose();

    /// <summary>Whether a fault is a normal end of a conversation: the server may hang up at any time.</summary>
    protected static bool IsOver(Exception fault) =>
        fault is IOException or SocketException or OperationCanceledException or ObjectDisposedException;
}

/// <summary>A gateway that is asked over streams; each stream is served independently.</summary>
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
            // Cancelled.
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

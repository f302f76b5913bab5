using System.Net.Sockets;
using System.Threading.Channels;

namespace CallServer.Host.Cli.Simulation;

/// <summary>A stream that a client opened to a simulated gateway. Owns the socket.</summary>
internal sealed class GatewayStream(Socket socket) : IDisposable
{
    // A client with this much unread is dropped.
    private const long MostUnread = 16 * 1024 * 1024;

    private readonly Channel<byte[]> outgoing = Channel.CreateUnbounded<byte[]>(
        new UnboundedChannelOptions { SingleReader = true }
    );
    private long unread;

    /// <summary>Octets to send in this order, each when it is due; used on the loop only.</summary>
    public Queue<byte[]?> Pending { get; } = new();

    /// <summary>When the last of them is due.</summary>
    public Model.Instant Due { get; set; } = Model.InstantModule.distantPast;

    /// <summary>Queues octets; null closes the stream after those already queued.</summary>
    public void Put(byte[]? octets)
    {
        if (octets is null)
            outgoing.Writer.TryComplete();
        else if (Interlocked.Add(ref unread, octets.Length) > MostUnread)
            socket.Dispose();
        else
            outgoing.Writer.TryWrite(octets);
    }

    /// <summary>
    /// Reads and writes until one side closes and everything is written. <paramref name="heard"/> gets the input
    /// piece by piece, and null at the end; the next piece is read when the last one has been taken.
    /// </summary>
    public async Task ServeAsync(Func<byte[]?, Task> heard, CancellationToken cancel)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var reading = ReadAsync(heard, over.Token);
        await WriteAsync(cancel);
        await over.CancelAsync();
        await reading;
    }

    public void Dispose() => socket.Dispose();

    private async Task ReadAsync(Func<byte[]?, Task> heard, CancellationToken cancel)
    {
        var buffer = new byte[65536];
        try
        {
            while (await socket.ReceiveAsync(buffer, SocketFlags.None, cancel) is > 0 and var count)
                await heard(buffer[..count]);
        }
        catch (Exception fault) when (IsEnd(fault))
        {
            // One side has closed it.
        }
        await heard(null);
    }

    private async Task WriteAsync(CancellationToken cancel)
    {
        try
        {
            await foreach (var octets in outgoing.Reader.ReadAllAsync(cancel))
            {
                for (var sent = 0; sent < octets.Length; )
                    sent += await socket.SendAsync(octets.AsMemory(sent), SocketFlags.None, cancel);
                Interlocked.Add(ref unread, -octets.Length);
            }
            socket.Shutdown(SocketShutdown.Both);
        }
        catch (Exception fault) when (IsEnd(fault))
        {
            // The peer is gone, or everything is ending.
        }
    }

    private static bool IsEnd(Exception fault) =>
        fault is OperationCanceledException or SocketException or ObjectDisposedException;
}

using System.Net;
using System.Net.Sockets;

namespace CallServer.Server.Net;

/// <summary>Streams to gateways, one for each audit that asks for one.</summary>
public sealed class TcpFleet : IAsyncDisposable
{
    private readonly IClock clock;
    private readonly TimeSpan patience;
    private readonly HashSet<TcpStream> streams = [];
    private readonly Lock guard = new();
    private bool closed;
    private long opened;
    private long failed;

    /// <param name="clock">Stamps what happens.</param>
    /// <param name="patience">How long opening a stream may take; 5 s if null.</param>
    public TcpFleet(IClock clock, TimeSpan? patience = null)
    {
        ArgumentNullException.ThrowIfNull(clock);
        this.clock = clock;
        this.patience = patience ?? TimeSpan.FromSeconds(5);
    }

    /// <summary>Streams that are open or being opened.</summary>
    public int Open
    {
        get
        {
            lock (guard)
                return streams.Count;
        }
    }

    /// <summary>Streams opened since the start.</summary>
    public long Opened => Volatile.Read(ref opened);

    /// <summary>Streams that could not be opened.</summary>
    public long Failed => Volatile.Read(ref failed);

    /// <summary>See <see cref="IGatewayNetwork.Connect"/>.</summary>
    public IStreamChannel Connect(IPEndPoint gateway, IStreamReceiver receiver)
    {
        ArgumentNullException.ThrowIfNull(gateway);
        ArgumentNullException.ThrowIfNull(receiver);
        var stream = new TcpStream(this, gateway, receiver);
        lock (guard)
        {
            // An audit that still runs while the server stops is told nothing more.
            if (!closed)
            {
                streams.Add(stream);
                stream.Begin();
            }
        }

        return stream;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        List<TcpStream> rest;
        lock (guard)
        {
            closed = true;
            rest = [.. streams];
        }

        foreach (var stream in rest)
            stream.Dispose();
        await Task.WhenAll(rest.Select(stream => stream.Ended));
    }

    internal IClock Clock => clock;

    /// <summary>How long opening a stream may take.</summary>
    internal TimeSpan Patience => patience;

    internal void Count(bool isOpen) => Interlocked.Increment(ref isOpen ? ref opened : ref failed);

    internal void Remove(TcpStream stream)
    {
        lock (guard)
            streams.Remove(stream);
    }
}

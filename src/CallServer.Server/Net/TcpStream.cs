using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;

namespace CallServer.Server.Net;

/// <summary>
/// One TCP connection, opened, written and read beside the audit and closed with it. Both queues are bounded.
/// </summary>
internal sealed class TcpStream(TcpFleet fleet, IPEndPoint gateway, IStreamReceiver receiver) : IStreamChannel
{
    // The most that may wait to be written, in octets: what an audit asks in one go is a few hundred kilobytes at
    // most.
    private const long MostWaiting = 4 * 1024 * 1024;

    // How many reads, of so many octets each, may wait to be taken.
    private const int MostUntaken = 16;
    private const int LargestRead = 64 * 1024;

    private readonly CancellationTokenSource closing = new();
    private readonly SemaphoreSlim room = new(MostUntaken, MostUntaken);
    private readonly Channel<byte[]> outgoing = Channel.CreateUnbounded<byte[]>(
        new UnboundedChannelOptions { SingleReader = true }
    );
    private readonly Lock telling = new();
    private long waiting;
    private bool over;

    /// <summary>Completes when nothing is running any more.</summary>
    public Task Ended { get; private set; } = Task.CompletedTask;

    public void Begin() => Ended = Task.Run(RunAsync);

    public void Write(byte[] octets)
    {
        ArgumentNullException.ThrowIfNull(octets);
        if (Interlocked.Add(ref waiting, octets.Length) > MostWaiting)
            Break("the gateway does not read what is sent to it");
        else
            outgoing.Writer.TryWrite(octets);
    }

    public void Dispose()
    {
        lock (telling)
            over = true;
        closing.Cancel();
    }

    private async Task RunAsync()
    {
        try
        {
            using var socket = new Socket(gateway.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            socket.NoDelay = true;
            if (!await ConnectAsync(socket))
                return;
            fleet.Count(isOpen: true);
            Tell(new StreamNews.Opened(this, fleet.Clock.Now, SocketWords.Name(socket.LocalEndPoint)));
            await Task.WhenAll(ReadAsync(socket), WriteAsync(socket));
        }
        catch (OperationCanceledException)
        {
            // We closed it ourselves.
        }
        catch (SocketException fault)
        {
            Break(SocketWords.Of(fault.SocketErrorCode));
        }
        finally
        {
            fleet.Remove(this);
        }
    }

    private async Task<bool> ConnectAsync(Socket socket)
    {
        using var giveUp = CancellationTokenSource.CreateLinkedTokenSource(closing.Token);
        // Even a zero-length timer may be slower than a connection on this machine, so zero patience is handled here.
        if (fleet.Patience <= TimeSpan.Zero)
            await giveUp.CancelAsync();
        else
            giveUp.CancelAfter(fleet.Patience);
        try
        {
            await socket.ConnectAsync(gateway, giveUp.Token);
            return true;
        }
        catch (SocketException fault)
        {
            fleet.Count(isOpen: false);
            Break(SocketWords.Of(fault.SocketErrorCode));
        }
        catch (OperationCanceledException) when (!closing.IsCancellationRequested)
        {
            fleet.Count(isOpen: false);
            Break($"no connection within {Configuration.Durations.Format(fleet.Patience)}");
        }

        return false;
    }

    private async Task ReadAsync(Socket socket)
    {
        var buffer = new byte[LargestRead];
        while (true)
        {
            await room.WaitAsync(closing.Token);
            var length = await OrBreakAsync(socket.ReceiveAsync(buffer, SocketFlags.None, closing.Token));
            if (length == 0)
            {
                Break("closed by the gateway");
                return;
            }

            Tell(new StreamNews.Arrived(this, fleet.Clock.Now, buffer[..length], () => room.Release()));
        }
    }

    private async Task WriteAsync(Socket socket)
    {
        await foreach (var octets in outgoing.Reader.ReadAllAsync(closing.Token))
        {
            for (var sent = 0; sent < octets.Length; )
                sent += await OrBreakAsync(
                    socket.SendAsync(octets.AsMemory(sent), SocketFlags.None, closing.Token)
                );
            Interlocked.Add(ref waiting, -octets.Length);
        }
    }

    /// <summary>Lets whichever direction fails first end the other.</summary>
    private async ValueTask<int> OrBreakAsync(ValueTask<int> step)
    {
        try
        {
            return await step;
        }
        catch (SocketException fault)
        {
            Break(SocketWords.Of(fault.SocketErrorCode));
            throw new OperationCanceledException(closing.Token);
        }
    }

    private void Break(string reason)
    {
        Tell(new StreamNews.Broken(this, fleet.Clock.Now, reason));
        Dispose();
    }

    private void Tell(StreamNews news)
    {
        lock (telling)
        {
            if (over)
                return;
            over = news is StreamNews.Broken;
            receiver.OnStream(news);
        }
    }
}

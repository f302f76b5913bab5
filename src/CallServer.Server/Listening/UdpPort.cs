using System.Net;
using System.Net.Sockets;
using CallServer.Model;
using CallServer.Server.Net;

namespace CallServer.Server.Listening;

/// <summary>Handles the datagrams that arrive unasked at a port.</summary>
internal interface IUdpListener
{
    /// <summary>
    /// Takes one datagram and returns what to send back to its sender. Called on the receiving thread, one datagram
    /// at a time.
    /// </summary>
    IReadOnlyList<byte[]> Hear(IPEndPoint from, Moment at, byte[] datagram);
}

/// <summary>A bound socket and its listener, until it is disposed.</summary>
public sealed class UdpPort : IAsyncDisposable
{
    private const int LargestDatagram = 65_536;

    private readonly IUdpListener listener;
    private readonly IClock clock;
    private readonly ListenerCounters counters;
    private readonly ILogger logger;
    private readonly Socket socket;
    private readonly CancellationTokenSource stopping = new();
    private readonly Task receiving;

    /// <summary>Throws SocketException if the address is not available.</summary>
    internal UdpPort(
        IPEndPoint at,
        IUdpListener listener,
        IClock clock,
        ListenerCounters counters,
        ILogger logger
    )
    {
        this.listener = listener;
        this.clock = clock;
        this.counters = counters;
        this.logger = logger;
        socket = new Socket(at.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        try
        {
            socket.Bind(at);
        }
        catch
        {
            socket.Dispose();
            throw;
        }

        Local = (IPEndPoint)socket.LocalEndPoint!;
        receiving = Task.Run(() => ReceiveAsync(stopping.Token));
    }

    /// <summary>The address it listens on, with the port that the system gave it.</summary>
    public IPEndPoint Local { get; }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        socket.Dispose();
        await receiving;
        stopping.Dispose();
    }

    private async Task ReceiveAsync(CancellationToken cancel)
    {
        var buffer = GC.AllocateUninitializedArray<byte>(LargestDatagram);
        var any = new IPEndPoint(
            socket.AddressFamily == AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any,
            0
        );
        while (!cancel.IsCancellationRequested)
        {
            try
            {
                var got = await socket.ReceiveFromAsync(buffer, SocketFlags.None, any, cancel);
                var from = (IPEndPoint)got.RemoteEndPoint;
                foreach (var reply in Hear(from, buffer[..got.ReceivedBytes]))
                    await socket.SendToAsync(reply, SocketFlags.None, from, cancel);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (ObjectDisposedException)
            {
                return;
            }
            catch (SocketException fault) when (!cancel.IsCancellationRequested)
            {
                // The system reports that an earlier answer could not be delivered, or this one could not be sent. It
                // is lost.
                logger.LogDebug("{Local}: {Fault}", Local, fault.SocketErrorCode);
            }
            catch (SocketException)
            {
                return;
            }
        }
    }

    private IReadOnlyList<byte[]> Hear(IPEndPoint from, byte[] datagram)
    {
        try
        {
            return listener.Hear(from, clock.Now, datagram);
        }
#pragma warning disable CA1031 // one datagram must not end the listener
        catch (Exception fault)
#pragma warning restore CA1031
        {
            counters.Failed();
            logger.LogError(fault, "{Local}: a datagram was lost by a fault of our own", Local);
            return [];
        }
    }
}

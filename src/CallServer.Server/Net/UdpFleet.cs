using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;

namespace CallServer.Server.Net;

/// <summary>
/// One socket per address family for the whole fleet. A reply finds its audits by its source address: the address
/// that was asked or, if so configured, any port of a host. Anything else is dropped and counted. A few of those
/// datagrams a second are shown to the running audits, which report one that would have been their answer.
/// </summary>
public sealed class UdpFleet : IAsyncDisposable
{
    // Many gateways answer at the same instant; the kernel grants what net.core.rmem_max allows.
    private const int ReceiveBuffer = 4 * 1024 * 1024;
    private const int LargestDatagram = 65_536;

    private readonly IClock clock;
    private readonly ILogger logger;
    private readonly Socket? ipv4;
    private readonly Socket? ipv6;
    private readonly ConcurrentDictionary<SocketAddress, ImmutableArray<IDatagramReceiver>> receivers = new();
    private readonly ConcurrentDictionary<IPAddress, ImmutableArray<IDatagramReceiver>> hosts = new();
    private readonly ConcurrentDictionary<Channel, IDatagramReceiver> open = new();
    private readonly StrangersShown shown = new();
    private readonly CancellationTokenSource stopping = new();
    private readonly List<Task> loops = [];
    private long strangers;
    private long elsewhere;
    private long strays;
    private long sent;
    private long received;
    private long sendFailures;

    /// <summary>
    /// Opens the sockets and starts to receive: one socket for each address family, or a single one bound to
    /// <paramref name="source"/>. Throws SocketException if that address is not available.
    /// </summary>
    public UdpFleet(IClock clock, ILogger<UdpFleet>? logger = null, IPAddress? source = null)
    {
        ArgumentNullException.ThrowIfNull(clock);
        this.clock = clock;
        this.logger = logger ?? NullLogger<UdpFleet>.Instance;
        ipv4 = Open(Socket.OSSupportsIPv4, IPAddress.Any);
        ipv6 = Open(Socket.OSSupportsIPv6, IPAddress.IPv6Any);
        foreach (var socket in new[] { ipv4, ipv6 })
        {
            if (socket is not null)
                loops.Add(Task.Run(() => ReceiveAsync(socket, stopping.Token)));
        }

        Socket? Open(bool supported, IPAddress any) =>
            source is null ? (supported ? OpenSocket(any) : null)
            : source.AddressFamily == any.AddressFamily ? OpenSocket(source)
            : null;
    }

    /// <summary>Datagrams from addresses that nobody asked.</summary>
    public long Strangers => Volatile.Read(ref strangers);

    /// <summary>Datagrams accepted from another address than the one asked.</summary>
    public long FromElsewhere => Volatile.Read(ref elsewhere);

    /// <summary>Datagrams from gateways that matched no question, late repeats among them.</summary>
    public long Strays => Volatile.Read(ref strays);

    /// <summary>Datagrams sent.</summary>
    public long Sent => Volatile.Read(ref sent);

    /// <summary>Datagrams received, including those from unknown addresses.</summary>
    public long Received => Volatile.Read(ref received);

    /// <summary>Datagrams that the system would not send: no route, or too long.</summary>
    public long SendFailures => Volatile.Read(ref sendFailures);

    /// <summary>The local port of a family; 0 if the machine does not have that family.</summary>
    public int Port(AddressFamily family) => ((SocketFor(family)?.LocalEndPoint as IPEndPoint)?.Port) ?? 0;

    /// <summary>See <see cref="IGatewayNetwork.Open"/>.</summary>
    public IMessageChannel Open(IPEndPoint peer, IDatagramReceiver receiver, IPAddress? repliesFrom = null)
    {
        ArgumentNullException.ThrowIfNull(peer);
        ArgumentNullException.ThrowIfNull(receiver);
        var channel = new Channel(this, SocketFor(peer.AddressFamily), peer, repliesFrom, receiver);
        Add(receivers, channel.Peer, receiver);
        if (repliesFrom is not null)
            Add(hosts, repliesFrom, receiver);
        open.TryAdd(channel, receiver);
        return channel;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        ipv4?.Dispose();
        ipv6?.Dispose();
        await Task.WhenAll(loops);
        stopping.Dispose();
    }

    private static void Add<T>(
        ConcurrentDictionary<T, ImmutableArray<IDatagramReceiver>> table,
        T key,
        IDatagramReceiver receiver
    )
        where T : notnull =>
        table.AddOrUpdate(
            key,
            static (_, one) => [one],
            static (_, others, one) => others.Add(one),
            receiver
        );

    /// <summary>Removes a receiver but keeps the key, perhaps with nobody listening.</summary>
    private static void Remove<T>(
        ConcurrentDictionary<T, ImmutableArray<IDatagramReceiver>> table,
        T key,
        IDatagramReceiver receiver
    )
        where T : notnull
    {
        while (table.TryGetValue(key, out var listening))
        {
            if (table.TryUpdate(key, listening.Remove(receiver), listening))
                return;
        }
    }

    private static Socket OpenSocket(IPAddress local)
    {
        var socket = new Socket(local.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        try
        {
            if (local.AddressFamily == AddressFamily.InterNetworkV6)
                socket.DualMode = false;
            socket.ReceiveBufferSize = ReceiveBuffer;
            socket.Bind(new IPEndPoint(local, 0));
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private Socket? SocketFor(AddressFamily family) =>
        family switch
        {
            AddressFamily.InterNetwork => ipv4,
            AddressFamily.InterNetworkV6 => ipv6,
            _ => null,
        };

    /// <summary>
    /// The local address that the system chooses for datagrams to this peer, with the shared socket's port. A
    /// separate socket finds it by connecting, without sending. Null if there is no route.
    /// </summary>
    private IPEndPoint? LocalTowards(IPEndPoint peer)
    {
        try
        {
            using var towards = new Socket(peer.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
            towards.Connect(peer);
            return towards.LocalEndPoint is IPEndPoint local
                ? new IPEndPoint(local.Address, Port(peer.AddressFamily))
                : null;
        }
        catch (SocketException fault)
        {
            logger.LogDebug("the way to {Peer}: {Fault}", peer, fault.SocketErrorCode);
            return null;
        }
    }

    private async Task ReceiveAsync(Socket socket, CancellationToken cancel)
    {
        var buffer = GC.AllocateUninitializedArray<byte>(LargestDatagram, pinned: true);
        var from = new SocketAddress(socket.AddressFamily);
        while (!cancel.IsCancellationRequested)
        {
            try
            {
                var length = await socket.ReceiveFromAsync(buffer, SocketFlags.None, from, cancel);
                Deliver(from, buffer.AsSpan(0, length));
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
                // Some systems report here that an earlier datagram could not be delivered; the audit's time-out
                // already covers that.
                logger.LogDebug("receive: {Fault}", fault.SocketErrorCode);
            }
            catch (SocketException)
            {
                return;
            }
        }
    }

    private void Deliver(SocketAddress from, ReadOnlySpan<byte> octets)
    {
        Interlocked.Increment(ref received);
        var isKnown = receivers.TryGetValue(from, out var asked);
        if (isKnown && !asked.IsEmpty)
        {
            Hand(asked, octets, null);
            return;
        }

        var source = (IPEndPoint)Any(from.Family).Create(from);
        if (hosts.TryGetValue(source.Address, out var listening) && !listening.IsEmpty)
        {
            Interlocked.Increment(ref elsewhere);
            Hand(listening, octets, source);
        }
        else if (isKnown || listening is { IsDefault: false })
        {
            // A known gateway whose audit has ended: a late or repeated reply.
            OnStray();
        }
        else
        {
            Interlocked.Increment(ref strangers);
            Show(octets, source);
        }
    }

    private static IPEndPoint Any(AddressFamily family) =>
        new(family == AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any, 0);

    private void Hand(
        ImmutableArray<IDatagramReceiver> listening,
        ReadOnlySpan<byte> octets,
        IPEndPoint? from
    )
    {
        var datagram = new Datagram(clock.Now, octets.ToArray(), listening.Length, OnStray, from);
        foreach (var receiver in listening)
            receiver.OnDatagram(datagram);
    }

    private void Show(ReadOnlySpan<byte> octets, IPEndPoint from)
    {
        var now = clock.Now;
        if (open.IsEmpty || !shown.May(now.Steady))
            return;
        var datagram = new Datagram(now, octets.ToArray(), 1, null, from);
        foreach (var receiver in open.Values)
            receiver.OnStranger(datagram);
    }

    private void OnStray() => Interlocked.Increment(ref strays);

    private sealed class Channel(
        UdpFleet fleet,
        Socket? socket,
        IPEndPoint gateway,
        IPAddress? repliesFrom,
        IDatagramReceiver receiver
    ) : IMessageChannel
    {
        private int closed;

        public SocketAddress Peer { get; } = gateway.Serialize();

        public string Local => SocketWords.Name(fleet.LocalTowards(gateway));

        public void Send(byte[] message) => Send(message, Peer);

        public void Reply(byte[] message, IPEndPoint? source) => Send(message, source?.Serialize() ?? Peer);

        private void Send(byte[] message, SocketAddress peer)
        {
            try
            {
                if (socket is null)
                    throw new SocketException((int)SocketError.AddressFamilyNotSupported);
                socket.SendTo(message, SocketFlags.None, peer);
                Interlocked.Increment(ref fleet.sent);
            }
            catch (SocketException fault)
            {
                Interlocked.Increment(ref fleet.sendFailures);
                fleet.logger.LogDebug("send: {Fault}", fault.SocketErrorCode);
            }
            catch (ObjectDisposedException)
            {
                Interlocked.Increment(ref fleet.sendFailures);
            }
        }

        public void Dispose()
        {
            if (Interlocked.Exchange(ref closed, 1) != 0)
                return;

            // The peer stays known, with nobody listening: what it still sends is late, not unknown.
            Remove(fleet.receivers, Peer, receiver);
            if (repliesFrom is not null)
                Remove(fleet.hosts, repliesFrom, receiver);
            fleet.open.TryRemove(this, out _);
        }
    }
}

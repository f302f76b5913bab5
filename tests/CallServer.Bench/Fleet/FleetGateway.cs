using System.Net;
using System.Net.Sockets;
using CallServer.Gateway;
using CallServer.Host.Net;

namespace CallServer.Bench.Fleet;

/// <summary>A simulated gateway on a loopback port of its own. Time passes for it when it is asked.</summary>
internal sealed class FleetGateway : IDisposable
{
    private readonly Socket socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    private readonly IClock clock;
    private SimulatedGateway gateway;

    public FleetGateway(string id, GatewayKind kind, GatewaySettings settings, IClock clock)
    {
        Id = id;
        Kind = kind;
        this.clock = clock;
        if (!SimulatedGateway.TryCreate(settings, clock.Now.Steady, out gateway, out var mistakes))
            throw new ArgumentException(string.Join("; ", mistakes), nameof(settings));
        socket.ReceiveBufferSize = 1024 * 1024;
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
    }

    public string Id { get; }
    public GatewayKind Kind { get; }
    public string Uri => $"snmp://{socket.LocalEndPoint}?profile=cisco-voice";

    /// <summary>Connections that it carries now. Not to be asked while it serves.</summary>
    public int CountNow()
    {
        gateway = gateway.Advance(clock.Now.Steady).Next;
        return gateway.Count;
    }

    /// <summary>Answers until cancelled; a dead one only waits.</summary>
    public async Task ServeAsync(CancellationToken cancel)
    {
        var buffer = new byte[65536];
        var anyone = new IPEndPoint(IPAddress.Any, 0);
        try
        {
            if (Kind == GatewayKind.Dead)
                await Task.Delay(Timeout.Infinite, cancel);
            while (true)
            {
                var received = await socket.ReceiveFromAsync(buffer, SocketFlags.None, anyone, cancel);
                var step = gateway.Receive(clock.Now.Steady, buffer[..received.ReceivedBytes]);
                gateway = step.Next;
                foreach (var reply in step.Replies)
                {
                    if (reply.After > TimeSpan.Zero)
                        _ = SendLaterAsync(reply, received.RemoteEndPoint, cancel);
                    else
                        socket.SendTo(reply.Datagram, received.RemoteEndPoint);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Over.
        }
    }

    public void Dispose() => socket.Dispose();

    private async Task SendLaterAsync(Reply reply, EndPoint to, CancellationToken cancel)
    {
        try
        {
            await Task.Delay(reply.After, cancel);
            socket.SendTo(reply.Datagram, to);
        }
        catch (Exception fault) when (fault is OperationCanceledException or SocketException)
        {
            // Lost, as datagrams are.
        }
    }
}

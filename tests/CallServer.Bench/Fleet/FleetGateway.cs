using System.Net;
using System.Net.Sockets;
using CallServer.Gateway;
using CallServer.Server.Net;

namespace CallServer.Bench.Fleet;

/// <summary>A simulated gateway on its own loopback port. Its time passes when it is asked.</summary>
internal sealed class FleetGateway : IGatewayHost, IDisposable
{
    private readonly Socket socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    private readonly IClock clock;
    private SimulatedGateway gateway;

    // The sender of the request that is being answered.
    private EndPoint asker = new IPEndPoint(IPAddress.None, 0);
    private CancellationToken ending;

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

    /// <summary>Connections that it carries now. Do not call it while the gateway serves.</summary>
    public int CountNow()
    {
        gateway = gateway.Advance(clock.Now.Steady).Next;
        return gateway.Count;
    }

    /// <summary>Answers until cancelled; a dead gateway only waits.</summary>
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
                var step = gateway.Receive(
                    clock.Now.Steady,
                    "snmp",
                    received.RemoteEndPoint.ToString()!,
                    buffer[..received.ReceivedBytes]
                );
                gateway = step.Next;
                (asker, ending) = (received.RemoteEndPoint, cancel);
                step.Dispatch(this);
            }
        }
        catch (OperationCanceledException)
        {
            // Cancelled.
        }
    }

    public void Dispose() => socket.Dispose();

    void IGatewayHost.Send(string protocol, string peer, TimeSpan after, byte[] datagram)
    {
        if (after > TimeSpan.Zero)
            _ = SendLaterAsync(datagram, after, asker, ending);
        else
            socket.SendTo(datagram, asker);
    }

    void IGatewayHost.Write(int stream, TimeSpan after, byte[] octets) =>
        throw new NotSupportedException("SNMP has no streams");

    void IGatewayHost.HangUp(int stream) => throw new NotSupportedException("SNMP has no streams");

    private async Task SendLaterAsync(byte[] datagram, TimeSpan after, EndPoint to, CancellationToken cancel)
    {
        try
        {
            await Task.Delay(after, cancel);
            socket.SendTo(datagram, to);
        }
        catch (Exception fault) when (fault is OperationCanceledException or SocketException)
        {
            // Lost, as datagrams may be.
        }
    }
}

using System.Net;

namespace CallServer.Server.Net;

/// <summary>The machine's real network.</summary>
public sealed class FleetNetwork : IGatewayNetwork, IAsyncDisposable
{
    /// <summary>Opens the shared sockets.</summary>
    public FleetNetwork(IClock clock, ILoggerFactory? loggers = null)
    {
        Udp = new UdpFleet(clock, loggers?.CreateLogger<UdpFleet>());
        Tcp = new TcpFleet(clock);
        Http = new HttpFleet(clock, loggers?.CreateLogger<HttpFleet>());
    }

    /// <summary>Carries datagrams.</summary>
    public UdpFleet Udp { get; }

    /// <summary>Carries streams.</summary>
    public TcpFleet Tcp { get; }

    /// <summary>Carries messages over HTTP.</summary>
    public HttpFleet Http { get; }

    /// <inheritdoc/>
    public IMessageChannel Open(GatewayAddress gateway, IDatagramReceiver receiver) =>
        gateway.Http is { } form
            ? Http.Open(gateway.EndPoint, form, receiver)
            : Udp.Open(gateway.EndPoint, receiver, gateway.RepliesFrom);

    /// <inheritdoc/>
    public IStreamChannel Connect(IPEndPoint gateway, IStreamReceiver receiver) =>
        Tcp.Connect(gateway, receiver);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Udp.DisposeAsync();
        await Tcp.DisposeAsync();
        await Http.DisposeAsync();
    }
}

using System.Net;

namespace CallServer.Server.Net;

/// <summary>Where a gateway is, and what a message to it travels in.</summary>
/// <param name="EndPoint">Its address and port.</param>
/// <param name="OverHttp">A message is the body of an HTTP request, and the answer's body the reply; else
/// both are UDP datagrams.</param>
/// <param name="RepliesFrom">Datagrams are taken from this address too, from whatever port; null takes them
/// from where the gateway is asked alone.</param>
public readonly record struct GatewayAddress(
    IPEndPoint EndPoint,
    bool OverHttp = false,
    IPAddress? RepliesFrom = null
);

/// <summary>The ways to gateways: the fleet's sockets, or simulated ones.</summary>
public interface IGatewayNetwork
{
    /// <summary>
    /// From now on the receiver is handed the messages that come from this gateway, until the channel is
    /// disposed. Several may listen to one gateway.
    /// </summary>
    IMessageChannel Open(GatewayAddress gateway, IDatagramReceiver receiver);

    /// <summary>
    /// Begins to open a stream; the receiver is told how that goes, until the channel is disposed.
    /// </summary>
    IStreamChannel Connect(IPEndPoint gateway, IStreamReceiver receiver);
}

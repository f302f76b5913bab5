using System.Net;

namespace CallServer.Server.Net;

/// <summary>Where a gateway is, and what carries messages to it.</summary>
/// <param name="EndPoint">The address and port where it is asked.</param>
/// <param name="OverHttp">If true, a message is the body of an HTTP request and the reply is the answer's body; if
/// false, both are UDP datagrams.</param>
/// <param name="RepliesFrom">Datagrams from this address are accepted too, from any port. If null, only those from
/// the address that was asked are.</param>
public readonly record struct GatewayAddress(
    IPEndPoint EndPoint,
    bool OverHttp = false,
    IPAddress? RepliesFrom = null
);

/// <summary>The paths to gateways: the fleet's sockets, or simulated ones.</summary>
public interface IGatewayNetwork
{
    /// <summary>
    /// From now on the receiver gets the messages that come from this gateway, until the channel is disposed. Several
    /// receivers may listen to one gateway.
    /// </summary>
    IMessageChannel Open(GatewayAddress gateway, IDatagramReceiver receiver);

    /// <summary>Starts opening a stream. The receiver is told how that goes, until the channel is disposed.</summary>
    IStreamChannel Connect(IPEndPoint gateway, IStreamReceiver receiver);
}

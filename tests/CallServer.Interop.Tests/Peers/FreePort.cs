using System.Net;
using System.Net.Sockets;

namespace CallServer.Interop.Peers;

/// <summary>
/// Ports of 127.0.0.1 that were free a moment ago. Another program may take one before it is used, so the caller must
/// retry on a clash.
/// </summary>
internal static class FreePort
{
    public static int Udp() => Of(SocketType.Dgram, ProtocolType.Udp);

    public static int Tcp() => Of(SocketType.Stream, ProtocolType.Tcp);

    private static int Of(SocketType type, ProtocolType protocol)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, type, protocol);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}

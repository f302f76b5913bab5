using System.Net;
using System.Net.Sockets;

namespace CallServer.Interop.Peers;

/// <summary>A bound socket that never answers: a dead gateway whose machine still accepts datagrams.</summary>
internal sealed class SilentAgent : IAsyncDisposable
{
    private readonly UdpClient socket = new(new IPEndPoint(IPAddress.Loopback, 0));

    public int Port => ((IPEndPoint)socket.Client.LocalEndPoint!).Port;

    public ValueTask DisposeAsync()
    {
        socket.Dispose();
        return ValueTask.CompletedTask;
    }
}

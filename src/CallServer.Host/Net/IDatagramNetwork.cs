using System.Net;
using CallServer.Model;

namespace CallServer.Host.Net;

/// <summary>The network as an audit sees it: the fleet's sockets, or a simulated one.</summary>
public interface IDatagramNetwork
{
    /// <summary>
    /// From now on the receiver is handed what comes from this peer, until the channel is disposed. Several
    /// may listen to one peer.
    /// </summary>
    IDatagramChannel Open(IPEndPoint peer, IDatagramReceiver receiver);
}

/// <summary>The way to one peer.</summary>
public interface IDatagramChannel : IDisposable
{
    /// <summary>
    /// Sends at once, or not at all: a message that cannot be sent is lost like any other, and counted.
    /// </summary>
    void Send(byte[] message);
}

/// <summary>Who takes a peer's datagrams.</summary>
public interface IDatagramReceiver
{
    /// <summary>Called on the receiving thread: must hand over and return.</summary>
    void OnDatagram(Datagram datagram);
}

/// <summary>One datagram on its way to everybody who listens to its peer.</summary>
public sealed class Datagram(Moment at, byte[] message, int receivers, Action? stray)
{
    private int open = receivers;

    /// <summary>When it came out of the socket.</summary>
    public Moment At { get; } = at;

    /// <summary>Its octets, its own copy.</summary>
    public byte[] Message { get; } = message;

    /// <summary>
    /// A receiver says that it belongs to nothing that it asked. When all have said so, it is a stray.
    /// </summary>
    public void Refuse()
    {
        if (Interlocked.Decrement(ref open) == 0)
            stray?.Invoke();
    }
}

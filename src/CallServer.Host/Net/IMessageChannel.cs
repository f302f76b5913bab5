using CallServer.Model;

namespace CallServer.Host.Net;

/// <summary>The way that messages take to one gateway.</summary>
public interface IMessageChannel : IDisposable
{
    /// <summary>
    /// Our end of it as the gateway sees it, HOST:PORT; empty where the gateway cannot send to it by itself,
    /// or there is no way there.
    /// </summary>
    string Local { get; }

    /// <summary>
    /// Sends at once, or not at all: a message that cannot be sent is lost like any other, and counted.
    /// </summary>
    void Send(byte[] message);
}

/// <summary>Who takes a gateway's messages.</summary>
public interface IDatagramReceiver
{
    /// <summary>Called on the receiving thread: must hand over and return.</summary>
    void OnDatagram(Datagram datagram);
}

/// <summary>One message on its way to everybody who listens to its sender.</summary>
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

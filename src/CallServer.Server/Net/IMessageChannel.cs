using System.Net;
using CallServer.Model;

namespace CallServer.Server.Net;

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

    /// <summary>The same, to where a datagram of the gateway came from; null: to where it is asked.</summary>
    void Reply(byte[] message, IPEndPoint? source) => Send(message);
}

/// <summary>Who takes a gateway's messages.</summary>
public interface IDatagramReceiver
{
    /// <summary>Called on the receiving thread: must hand over and return.</summary>
    void OnDatagram(Datagram datagram);

    /// <summary>
    /// A datagram from an address that nobody asked: perhaps a gateway's that answers from elsewhere. It is
    /// not to be taken, only to be told of. Called on the receiving thread, and not for every one.
    /// </summary>
    void OnStranger(Datagram datagram) { }

    /// <summary>Octets of an answer that it takes; of a longer one it is only told. For what is no datagram.</summary>
    long LargestAnswer => 16 * 1024 * 1024;

    /// <summary>
    /// So many octets of an answer are being read besides, or are given up again (negative), before it is handed
    /// over; false where it wants no more. From any thread.
    /// </summary>
    bool Reading(long octets) => true;

    /// <summary>An answer is too long, and is not handed over. From any thread.</summary>
    void OnTooLarge(Moment at) { }
}

/// <summary>One message on its way to everybody who listens to its sender.</summary>
/// <param name="at">When it came.</param>
/// <param name="message">Its octets.</param>
/// <param name="receivers">How many it is handed to.</param>
/// <param name="stray">Called when none of them has a use for it.</param>
/// <param name="from">Where it came from; null where that is the address asked.</param>
public sealed class Datagram(Moment at, byte[] message, int receivers, Action? stray, IPEndPoint? from = null)
{
    private int open = receivers;

    /// <summary>When it came out of the socket.</summary>
    public Moment At { get; } = at;

    /// <summary>Its octets, its own copy.</summary>
    public byte[] Message { get; } = message;

    /// <summary>Where it came from; null where that is the address asked.</summary>
    public IPEndPoint? From { get; } = from;

    /// <summary>
    /// A receiver says that it belongs to nothing that it asked. When all have said so, it is a stray.
    /// </summary>
    public void Refuse()
    {
        if (Interlocked.Decrement(ref open) == 0)
            stray?.Invoke();
    }
}

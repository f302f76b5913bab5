using System.Net;
using CallServer.Model;

namespace CallServer.Server.Net;

/// <summary>The path that messages take to one gateway.</summary>
public interface IMessageChannel : IDisposable
{
    /// <summary>
    /// Our end as the gateway sees it, HOST:PORT. Empty if the gateway cannot send to it unasked, or cannot be
    /// reached at all.
    /// </summary>
    string Local { get; }

    /// <summary>
    /// Sends at once or not at all: a message that cannot be sent is lost like any other, and counted.
    /// </summary>
    void Send(byte[] message);

    /// <summary>
    /// Sends to where a datagram of the gateway came from; if that is null, to where the gateway is asked.
    /// </summary>
    void Reply(byte[] message, IPEndPoint? source) => Send(message);
}

/// <summary>Receives a gateway's messages.</summary>
public interface IDatagramReceiver
{
    /// <summary>Called on the receiving thread: must hand over and return.</summary>
    void OnDatagram(Datagram datagram);

    /// <summary>
    /// Shows a datagram from an unknown address, perhaps from a gateway that answers from elsewhere. It must be
    /// reported only, never used. Called on the receiving thread, and not for every such datagram.
    /// </summary>
    void OnStranger(Datagram datagram) { }

    /// <summary>
    /// The largest answer it takes, in octets; of a larger one it is only told. Applies to answers that are not
    /// datagrams.
    /// </summary>
    long LargestAnswer => 16 * 1024 * 1024;

    /// <summary>
    /// An answer that is still being read has grown by this many octets, or has given them up (negative). Returns
    /// false to stop reading. Called from any thread.
    /// </summary>
    bool Reading(long octets) => true;

    /// <summary>An answer was too large and is not handed over. Called from any thread.</summary>
    void OnTooLarge(Moment at) { }

    /// <summary>
    /// A message brought no answer, and the system or the other end says why, in words. It may still be repeated. Datagrams are
    /// lost without a word. Called from any thread.
    /// </summary>
    void OnTrouble(Moment at, string reason) { }
}

/// <summary>One message on its way to everybody who listens to its sender.</summary>
/// <param name="at">When it arrived.</param>
/// <param name="message">Its octets.</param>
/// <param name="receivers">How many receivers it is handed to.</param>
/// <param name="stray">Called when none of them has a use for it.</param>
/// <param name="from">Where it came from; null if that is the address that was asked.</param>
public sealed class Datagram(Moment at, byte[] message, int receivers, Action? stray, IPEndPoint? from = null)
{
    private int open = receivers;

    /// <summary>When it arrived at the socket.</summary>
    public Moment At { get; } = at;

    /// <summary>Its octets; the datagram owns them.</summary>
    public byte[] Message { get; } = message;

    /// <summary>Where it came from; null if that is the address that was asked.</summary>
    public IPEndPoint? From { get; } = from;

    /// <summary>A receiver says that it matches nothing it asked. When all have said so, it is a stray.</summary>
    public void Refuse()
    {
        if (Interlocked.Decrement(ref open) == 0)
            stray?.Invoke();
    }
}

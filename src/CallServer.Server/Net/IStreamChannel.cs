using CallServer.Model;

namespace CallServer.Server.Net;

/// <summary>A stream to one gateway. Disposing it closes it, and the receiver is told nothing more.</summary>
public interface IStreamChannel : IDisposable
{
    /// <summary>Queues octets, in order, to be written as soon as the stream is open.</summary>
    void Write(byte[] octets);
}

/// <summary>Receives what happens to a stream.</summary>
public interface IStreamReceiver
{
    /// <summary>Called on any thread, one call at a time: must hand over and return.</summary>
    void OnStream(StreamNews news);
}

/// <summary>What happened to a stream.</summary>
public abstract class StreamNews(IStreamChannel stream, Moment at)
{
    /// <summary>The stream it happened to.</summary>
    public IStreamChannel Stream { get; } = stream;

    /// <summary>When it happened.</summary>
    public Moment At { get; } = at;

    /// <summary>The stream is open.</summary>
    public sealed class Opened(IStreamChannel stream, Moment at, string local) : StreamNews(stream, at)
    {
        /// <summary>Our end of the stream, HOST:PORT.</summary>
        public string Local { get; } = local;
    }

    /// <summary>More octets arrived.</summary>
    public sealed class Arrived(IStreamChannel stream, Moment at, byte[] octets, Action? taken = null)
        : StreamNews(stream, at)
    {
        /// <summary>The next octets; the event owns them.</summary>
        public byte[] Octets { get; } = octets;

        /// <summary>
        /// Says that they were taken in. More are read only then, so that a gateway cannot send faster than we
        /// listen.
        /// </summary>
        public void Take() => taken?.Invoke();
    }

    /// <summary>The stream could not be opened, or is closed. Nothing follows.</summary>
    public sealed class Broken(IStreamChannel stream, Moment at, string reason) : StreamNews(stream, at)
    {
        /// <summary>Why, in words, such as "connection refused".</summary>
        public string Reason { get; } = reason;
    }
}

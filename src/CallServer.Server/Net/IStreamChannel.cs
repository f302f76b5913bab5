using CallServer.Model;

namespace CallServer.Server.Net;

/// <summary>A stream to one gateway; disposing it closes it, and nothing more is told of it.</summary>
public interface IStreamChannel : IDisposable
{
    /// <summary>Into the stream, in this order, as soon as it is open.</summary>
    void Write(byte[] octets);
}

/// <summary>Who takes what comes of a stream.</summary>
public interface IStreamReceiver
{
    /// <summary>Called on any thread, one after the other: must hand over and return.</summary>
    void OnStream(StreamNews news);
}

/// <summary>What happened to a stream.</summary>
public abstract class StreamNews(IStreamChannel stream, Moment at)
{
    /// <summary>Which one.</summary>
    public IStreamChannel Stream { get; } = stream;

    /// <summary>When.</summary>
    public Moment At { get; } = at;

    /// <summary>It is open.</summary>
    public sealed class Opened(IStreamChannel stream, Moment at, string local) : StreamNews(stream, at)
    {
        /// <summary>Our end of it, HOST:PORT.</summary>
        public string Local { get; } = local;
    }

    /// <summary>More of it.</summary>
    public sealed class Arrived(IStreamChannel stream, Moment at, byte[] octets, Action? taken = null)
        : StreamNews(stream, at)
    {
        /// <summary>The next octets, their own copy.</summary>
        public byte[] Octets { get; } = octets;

        /// <summary>
        /// They were taken in: more are read only then, so that a gateway cannot tell faster than is
        /// listened.
        /// </summary>
        public void Take() => taken?.Invoke();
    }

    /// <summary>It could not be opened, or is closed: nothing follows.</summary>
    public sealed class Broken(IStreamChannel stream, Moment at, string reason) : StreamNews(stream, at)
    {
        /// <summary>In words, such as "connection refused".</summary>
        public string Reason { get; } = reason;
    }
}

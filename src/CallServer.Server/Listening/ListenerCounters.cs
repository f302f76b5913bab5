using System.Collections.Concurrent;

namespace CallServer.Server.Listening;

/// <summary>Counters of one listener.</summary>
public sealed class ListenerCounters
{
    private readonly ConcurrentDictionary<string, long> notices = new(StringComparer.Ordinal);
    private long taken;
    private long strangers;
    private long unreadable;
    private long faults;

    /// <summary>Datagrams from configured gateways that were understood.</summary>
    public long Taken => Volatile.Read(ref taken);

    /// <summary>Datagrams from any other address; they are dropped unread.</summary>
    public long Strangers => Volatile.Read(ref strangers);

    /// <summary>Datagrams from configured gateways that could not be used.</summary>
    public long Unreadable => Volatile.Read(ref unreadable);

    /// <summary>Datagrams lost to a fault of our own.</summary>
    public long Faults => Volatile.Read(ref faults);

    /// <summary>What gateways announced, counted by the protocol's own words.</summary>
    public IEnumerable<KeyValuePair<string, long>> Notices => notices;

    internal void Took() => Interlocked.Increment(ref taken);

    internal void CameFromStranger() => Interlocked.Increment(ref strangers);

    internal void CouldNotRead() => Interlocked.Increment(ref unreadable);

    internal void Failed() => Interlocked.Increment(ref faults);

    internal void Heard(string notice) => notices.AddOrUpdate(notice, 1, static (_, count) => count + 1);
}

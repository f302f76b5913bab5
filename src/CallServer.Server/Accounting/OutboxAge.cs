using CallServer.Model;
using CallServer.Server.Net;
using CallServer.Storage;

namespace CallServer.Server.Accounting;

/// <summary>How long entries of the outbox have waited.</summary>
internal static class OutboxAge
{
    /// <summary>
    /// How long the oldest entry has waited that a reader has not passed; null if none waits. Throws StoreException if
    /// the store cannot be read.
    /// </summary>
    public static TimeSpan? OldestWait(this ILedgerStore store, string reader, IClock clock)
    {
        if (store.ReadAccounting(reader, 1).Items is not [var oldest, ..])
            return null;
        var waited = clock.WallTime() - oldest.At;
        // The wall clock may have been set back since.
        return waited > TimeSpan.Zero ? waited : TimeSpan.Zero;
    }

    /// <summary>The wall clock's time.</summary>
    public static DateTimeOffset WallTime(this IClock clock) => InstantModule.toDateTime(clock.Now.Wall);
}

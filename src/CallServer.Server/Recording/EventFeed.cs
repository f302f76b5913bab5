using CallServer.Storage;

namespace CallServer.Server.Recording;

/// <summary>
/// Tells readers of the event stream that the store holds new changes. They read them from the store, each at
/// its own pace: a slow client holds up nobody and misses nothing that the store still keeps.
/// </summary>
public sealed class EventFeed(ILedgerStore store)
{
    private TaskCompletionSource news = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Ends at the next news. To be taken before reading, so that none falls between.</summary>
    public Task News => Volatile.Read(ref news).Task;

    /// <summary>Changes after a sequence, oldest first.</summary>
    public ChangePage Read(long afterSequence, int limit) => store.ReadChanges(afterSequence, limit);

    /// <summary>There are new changes.</summary>
    public void Announce() =>
        Interlocked
            .Exchange(ref news, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously))
            .TrySetResult();
}

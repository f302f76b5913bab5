using CallServer.Storage;

namespace CallServer.Server.Recording;

/// <summary>
/// Tells readers of the event stream that the store holds new changes. They read the changes from the store, each at
/// its own pace: a slow client delays nobody and misses nothing that the store still keeps.
/// </summary>
public sealed class EventFeed(ILedgerStore store)
{
    private TaskCompletionSource news = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes at the next news. Take it before reading, so that no change falls in between.</summary>
    public Task News => Volatile.Read(ref news).Task;

    /// <summary>Reads changes after a sequence, oldest first.</summary>
    public ChangePage Read(long afterSequence, int limit) => store.ReadChanges(afterSequence, limit);

    /// <summary>Says that there are new changes.</summary>
    public void Announce() =>
        Interlocked
            .Exchange(ref news, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously))
            .TrySetResult();
}

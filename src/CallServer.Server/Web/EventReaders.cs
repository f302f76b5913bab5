namespace CallServer.Server.Web;

/// <summary>
/// Who follows the events: so many at a time, of whom one reads a page of the journal while the others write what
/// they have read, so that a crowd that begins at the beginning leaves the audits their processor.
/// </summary>
internal sealed class EventReaders(int most) : IDisposable
{
    private readonly SemaphoreSlim turn = new(1, 1);
    private int open;
    private long refused;
    private long dropped;

    /// <summary>How many there may be.</summary>
    public int Most => most;

    /// <summary>How many there are.</summary>
    public int Open => Volatile.Read(ref open);

    /// <summary>Those that came when there were as many as may be.</summary>
    public long Refused => Volatile.Read(ref refused);

    /// <summary>Those that did not read what was written to them.</summary>
    public long Dropped => Volatile.Read(ref dropped);

    /// <summary>One more, until it leaves; false where there are as many as may be.</summary>
    public bool TryEnter()
    {
        if (Interlocked.Increment(ref open) <= most)
            return true;
        Interlocked.Decrement(ref open);
        Interlocked.Increment(ref refused);
        return false;
    }

    /// <inheritdoc/>
    public void Dispose() => turn.Dispose();

    /// <summary>One of them is gone.</summary>
    public void Leave() => Interlocked.Decrement(ref open);

    /// <summary>One is let go as it does not read.</summary>
    public void Drop() => Interlocked.Increment(ref dropped);

    /// <summary>Does this while no other reader does.</summary>
    public async Task<T> InTurnAsync<T>(Func<T> read, CancellationToken cancel)
    {
        await turn.WaitAsync(cancel);
        try
        {
            return read();
        }
        finally
        {
            turn.Release();
        }
    }
}

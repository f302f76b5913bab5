namespace CallServer.Server.Web;

/// <summary>
/// Limits the clients of the event stream. Only one of them reads a page of the journal at a time, while the others
/// send what they have read, so that a crowd starting from the beginning leaves the audits their processor.
/// </summary>
internal sealed class EventReaders(int most) : IDisposable
{
    private readonly SemaphoreSlim turn = new(1, 1);
    private int open;
    private long refused;
    private long dropped;

    /// <summary>The most clients at once.</summary>
    public int Most => most;

    /// <summary>The number of clients now.</summary>
    public int Open => Volatile.Read(ref open);

    /// <summary>Clients refused because the limit was reached.</summary>
    public long Refused => Volatile.Read(ref refused);

    /// <summary>Clients dropped because they did not read what was sent to them.</summary>
    public long Dropped => Volatile.Read(ref dropped);

    /// <summary>Admits one more client, until it leaves; false if the limit is reached.</summary>
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

    /// <summary>A client has left.</summary>
    public void Leave() => Interlocked.Decrement(ref open);

    /// <summary>Counts a client that is dropped because it does not read.</summary>
    public void Drop() => Interlocked.Increment(ref dropped);

    /// <summary>Runs <paramref name="read"/> while no other client reads.</summary>
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

namespace CallServer.Server.Accounting;

/// <summary>What a push sink has counted since it began. Safe for use by several threads.</summary>
public sealed class PushTally
{
    private readonly long[] requests = new long[Enum.GetValues<PushResult>().Length];
    private long records;

    /// <summary>Records that the receiver took.</summary>
    public long Records => Volatile.Read(ref records);

    /// <summary>Requests with this result.</summary>
    public long Requests(PushResult result) => Volatile.Read(ref requests[(int)result]);

    internal void Count(PushResult result, int sent)
    {
        Interlocked.Increment(ref requests[(int)result]);
        if (result == PushResult.Taken)
            Interlocked.Add(ref records, sent);
    }
}

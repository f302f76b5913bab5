using CallServer.Surface;

namespace CallServer.Storage;

/// <summary>A commit with what of it is written as JSON: made before the transaction, which holds a lock.</summary>
internal sealed class WrittenCommit(StoreCommit commit)
{
    public StoreCommit Commit => commit;
    public (CdrView Cdr, string Json)[] Cdrs { get; } = Each(commit.Cdrs, RecordJson.Cdr);
    public (CdrView Cdr, string Json)[] Starts { get; } = Each(commit.Starts, RecordJson.Cdr);
    public (CdrView Cdr, string Json)[] Interims { get; } = Each(commit.Interims, RecordJson.Cdr);
    public (ChangeView Change, string Json)[] Changes { get; } = Each(commit.Changes, RecordJson.Change);

    /// <summary>
    /// Whether the outbox's readers get what is written: not while it is held, and not if there are no readers. Until
    /// somebody names them, the store keeps everything.
    /// </summary>
    public static bool Enters(bool held, IReadOnlyList<string>? readers) =>
        !held && readers is not { Count: 0 };

    public static (T, string)[] Each<T>(IReadOnlyList<T> items, Func<T, string> json) =>
        [.. items.Select(item => (item, json(item)))];
}

/// <summary>What tells one CDR from another (docs/adr/0005).</summary>
/// <param name="Id">Its id.</param>
/// <param name="Reuse">0, but the latest end where the gateway uses ids again and states no stamp.</param>
internal readonly record struct CdrKey(string Id, long Reuse)
{
    public static CdrKey Of(CdrView cdr) => new(cdr.Id, cdr.IdReused ? EndOf(cdr) : 0L);

    /// <summary>When its connection ended, by the latest bound, in microseconds.</summary>
    public static long EndOf(CdrView cdr) => Micros.Of(cdr.EndStampMax ?? cdr.EndStampMin);
}

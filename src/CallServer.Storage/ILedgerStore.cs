namespace CallServer.Storage;

/// <summary>
/// Where the record outlives the server: ledger, changes, CDRs and audits. Every store obeys the same
/// contract, and the same tests (LedgerStoreContract) prove it.
/// <list type="bullet">
/// <item>A commit is one transaction: all of it or nothing of it. After a
/// <see cref="StoreUnavailableException"/> nothing was written, and the same commit, or one folded together
/// with later ones (<see cref="StoreCommit.Then"/>), may be tried again.</item>
/// <item>What a store cannot read it neither deletes nor overwrites without keeping a copy.</item>
/// <item>Safe for use by several threads: one writes at a time, readers do not wait for the writer.</item>
/// </list>
/// </summary>
public interface ILedgerStore : IDisposable
{
    /// <summary>Reads the whole record. Call it once, before the first commit.</summary>
    StoreImage Load();

    /// <summary>Takes in what one snapshot did to one gateway's record.</summary>
    /// <returns>What was new, with the sequence numbers under which it can be read again.</returns>
    CommitResult Commit(StoreCommit commit);

    /// <summary>Adds changes that belong to no gateway's record, such as findings of calls.</summary>
    CommitResult AddChanges(IReadOnlyList<Surface.ChangeView> changes);

    /// <summary>Keeps the server's name and its epoch, the fencing number. Both are on the disk when this
    /// returns.</summary>
    void SetIdentity(string name, int epoch);

    /// <summary>Keeps whether the server acts. It is on the disk when this returns.</summary>
    void SetRole(bool acts);

    /// <summary>Keeps steps of the wall clock (the newest 100 of them), and how far it has been moved in all since the
    /// timeline was anchored.</summary>
    void AddSteps(IReadOnlyList<Surface.ClockStep> steps, TimeSpan correction);

    /// <summary>
    /// Names the readers of the outbox (<see cref="AccountingEntry"/>), once, after <see cref="Load"/>. From then on
    /// the store forgets an entry when all of them have passed it. A reader that is no longer named holds nothing back.
    /// A reader that was never named before begins with what is still there.
    /// </summary>
    void RegisterReaders(IReadOnlyList<string> readers);

    /// <summary>The entries of the outbox after a reader's mark, oldest first, without those that are
    /// held back.</summary>
    StoredPage<AccountingEntry> ReadAccounting(string reader, int limit);

    /// <summary>How many entries a reader has not passed, without those that are held back.</summary>
    long CountAccounting(string reader);

    /// <summary>Moves a reader's mark (never back): the reader has kept everything up to this sequence in a place of its own
    /// that survives a loss of power.</summary>
    void AdvanceAccounting(string reader, long sequence);

    /// <summary>Entries that are held back (<see cref="StoreCommit.Held"/>), oldest first.</summary>
    /// <param name="cursor">Only those with a higher sequence; 0 to begin.</param>
    /// <param name="limit">At most so many.</param>
    StoredPage<AccountingEntry> ReadHeld(long cursor, int limit);

    /// <summary>Gives held entries to the readers, in the order of their sequences, under new sequences at the end, so
    /// that no reader has passed them. Sequences that are not held stay as they are.</summary>
    void ReleaseHeld(IReadOnlyList<long> sequences);

    /// <summary>Gives everything that is held to the readers.</summary>
    void ReleaseAllHeld();

    /// <summary>Forgets held entries, such as those that another server has told. Sequences that are not held stay
    /// as they are.</summary>
    void DropHeld(IReadOnlyList<long> sequences);

    /// <summary>One gateway's connections, in the order of their ids.</summary>
    IReadOnlyList<Surface.ConnectionRow> ReadConnections(string gateway);

    /// <summary>CDRs in the order in which they were written, oldest first.</summary>
    /// <param name="since">Only those whose connection ended at this time or later (by the latest
    /// bound).</param>
    /// <param name="gateway">Only those of this gateway.</param>
    /// <param name="cursor">Only those with a higher sequence; 0 to begin.</param>
    /// <param name="limit">At most so many.</param>
    StoredPage<StoredCdr> ReadCdrs(DateTimeOffset? since, string? gateway, long cursor, int limit);

    /// <summary>
    /// Forgets the CDRs that are older than the store was told to keep, and those that are more. What waits in the outbox
    /// goes on waiting. The store uses the room again.
    /// </summary>
    /// <param name="now">The present on the record's timeline, which no step of the wall clock moves.</param>
    /// <param name="limit">At most so many for each of the two reasons, so that nobody waits long.</param>
    ForgottenCdrs Forget(DateTimeOffset now, int limit);

    /// <summary>The ids of these CDRs that the store has.</summary>
    IReadOnlyCollection<string> FindCdrs(IReadOnlyCollection<string> ids);

    /// <summary>Audits, newest first.</summary>
    /// <param name="gateway">Only those of this gateway.</param>
    /// <param name="cursor">Only those with a lower sequence; <see cref="long.MaxValue"/> to begin.</param>
    /// <param name="limit">At most so many.</param>
    StoredPage<StoredAudit> ReadAudits(string? gateway, long cursor, int limit);

    /// <summary>What operators released, or tried to, newest first.</summary>
    /// <param name="gateway">Only those of this gateway.</param>
    /// <param name="cursor">Only those with a lower sequence; <see cref="long.MaxValue"/> to begin.</param>
    /// <param name="limit">At most so many.</param>
    StoredPage<StoredRelease> ReadReleases(string? gateway, long cursor, int limit);

    /// <summary>Keeps the report of a takeover, of which the store keeps the newest 1,000.</summary>
    void AddRecovery(Surface.RecoveryView report);

    /// <summary>Reports of takeovers, newest first.</summary>
    /// <param name="cursor">Only those with a lower sequence; <see cref="long.MaxValue"/> to begin.</param>
    /// <param name="limit">At most so many.</param>
    StoredPage<StoredRecovery> ReadRecoveries(long cursor, int limit);

    /// <summary>Changes after a sequence, oldest first: what a client of the event stream has
    /// missed.</summary>
    ChangePage ReadChanges(long afterSequence, int limit);
}

/// <summary>CDRs that a store forgot.</summary>
/// <param name="Old">How many, because their time was over.</param>
/// <param name="Surplus">How many, because there were too many.</param>
public readonly record struct ForgottenCdrs(int Old, int Surplus);

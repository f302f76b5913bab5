namespace CallServer.Storage;

/// <summary>
/// The durable record: ledger, changes, CDRs and audits. Every store obeys the same contract, and the same tests
/// (LedgerStoreContract) prove it.
/// <list type="bullet">
/// <item>A commit is one transaction: it is written whole or not at all. After a <see
/// cref="StoreUnavailableException"/> nothing was written, and the same commit may be tried again, alone or folded
/// together with later ones (<see cref="StoreCommit.Then"/>).</item>
/// <item>A row that a store cannot read is never deleted, nor overwritten without keeping a copy.</item>
/// <item>Safe for use by several threads: one writes at a time, and readers do not wait for the writer.</item>
/// </list>
/// </summary>
public interface ILedgerStore : IDisposable
{
    /// <summary>Reads the whole record. Call it once, before the first commit.</summary>
    StoreImage Load();

    /// <summary>Writes what one snapshot did to one gateway's record.</summary>
    /// <returns>What was new, with the sequence numbers under which it can be read again.</returns>
    CommitResult Commit(StoreCommit commit);

    /// <summary>
    /// Writes commits of different gateways, in one transaction where the store can do that, so that many that wait cost
    /// less. If it throws, some of them may have been written where it cannot; all of them may be tried again. Where hosts share
    /// a record, those whose <see cref="StoreCommit.Fence"/> is not held any more are refused, and the others written.
    /// </summary>
    /// <returns>What was new of each, in the order of the commits.</returns>
    IReadOnlyList<CommitResult> CommitAll(IReadOnlyList<StoreCommit> commits) => [.. commits.Select(Commit)];

    /// <summary>Adds changes that belong to no gateway's record, such as findings of calls.</summary>
    CommitResult AddChanges(IReadOnlyList<Surface.ChangeView> changes);

    /// <summary>
    /// Stores the server's name and its epoch, the fencing number. Both are on the disk when this returns.
    /// </summary>
    void SetIdentity(string name, int epoch);

    /// <summary>Stores whether the server acts. It is on the disk when this returns.</summary>
    void SetRole(bool acts);

    /// <summary>
    /// Stores steps of the wall clock (the newest 100 are kept), and the sum of all steps since the timeline was
    /// anchored.
    /// </summary>
    void AddSteps(IReadOnlyList<Surface.ClockStep> steps, TimeSpan correction);

    /// <summary>
    /// Names the readers of the outbox (<see cref="AccountingEntry"/>), once, after <see cref="Load"/>. From then on
    /// the store deletes an entry when all of them have passed it. A reader that is no longer named holds nothing
    /// back: its mark is kept all the same, and a name that never reads may have one (<see cref="AdvanceAccounting"/>).
    /// A new reader begins with what is still there.
    /// </summary>
    void RegisterReaders(IReadOnlyList<string> readers);

    /// <summary>Entries of the outbox after a reader's mark, oldest first, without those that are held.</summary>
    StoredPage<AccountingEntry> ReadAccounting(string reader, int limit);

    /// <summary>How many entries a reader has not passed, not counting those that are held.</summary>
    long CountAccounting(string reader);

    /// <summary>
    /// Moves a reader's mark, never backwards: the reader has stored everything up to this sequence itself, safe from
    /// a loss of power.
    /// </summary>
    void AdvanceAccounting(string reader, long sequence);

    /// <summary>Entries that are held (<see cref="StoreCommit.Held"/>), oldest first.</summary>
    /// <param name="cursor">Only those with a higher sequence; 0 to begin.</param>
    /// <param name="limit">The most entries to return.</param>
    StoredPage<AccountingEntry> ReadHeld(long cursor, int limit);

    /// <summary>
    /// Releases held entries to the readers, in sequence order, under new sequences at the end, so that no reader has
    /// passed them yet. Sequences that are not held are left alone.
    /// </summary>
    void ReleaseHeld(IReadOnlyList<long> sequences);

    /// <summary>Releases everything that is held to the readers.</summary>
    void ReleaseAllHeld();

    /// <summary>
    /// Deletes held entries, such as those that another server has written. Sequences that are not held are left
    /// alone.
    /// </summary>
    void DropHeld(IReadOnlyList<long> sequences);

    /// <summary>
    /// One gateway's connections with what its own row tells of them (<see cref="Surface.StoredConnections"/>), in the
    /// ordinal order of ids.
    /// </summary>
    IReadOnlyList<Surface.ConnectionRow> ReadConnections(string gateway);

    /// <summary>CDRs in the order in which they were written, oldest first.</summary>
    /// <param name="since">Only those whose connection ended at this time or later, by the latest bound; null for
    /// all.</param>
    /// <param name="gateway">Only those of this gateway; null for all.</param>
    /// <param name="cursor">Only those with a higher sequence; 0 to begin.</param>
    /// <param name="limit">The most CDRs to return.</param>
    StoredPage<StoredCdr> ReadCdrs(DateTimeOffset? since, string? gateway, long cursor, int limit);

    /// <summary>
    /// Searches CDRs. One call looks at a limited number of them and never holds up other readers for long: a page
    /// may hold fewer CDRs than <paramref name="limit"/>, even none, and still have a next one.
    /// </summary>
    /// <param name="filter">What to find.</param>
    /// <param name="newestFirst">Whether to begin with the CDR written last.</param>
    /// <param name="cursor">Only those after this sequence in that order; null to begin.</param>
    /// <param name="limit">The most CDRs to return.</param>
    StoredPage<StoredCdr> SearchCdrs(CdrFilter filter, bool newestFirst, long? cursor, int limit);

    /// <summary>The CDR with this id, the newest if a gateway reuses ids; null if there is none.</summary>
    StoredCdr? FindCdr(string id);

    /// <summary>
    /// Deletes what is older than the store was told to keep, and the oldest beyond the number it keeps: CDRs, entries
    /// of the control log, and, where they have an age, changes. Entries that wait in the outbox stay. The store reuses
    /// the room.
    /// </summary>
    /// <param name="now">The present on the record's timeline, which no step of the wall clock moves.</param>
    /// <param name="limit">The most to delete of each kind and for each reason, so that nobody waits long.</param>
    Forgotten Forget(DateTimeOffset now, int limit);

    /// <summary>Which of these CDR ids the store has.</summary>
    IReadOnlyCollection<string> FindCdrs(IReadOnlyCollection<string> ids);

    /// <summary>Audits, newest first.</summary>
    /// <param name="gateway">Only those of this gateway; null for all.</param>
    /// <param name="cursor">Only those with a lower sequence; <see cref="long.MaxValue"/> to begin.</param>
    /// <param name="limit">The most audits to return.</param>
    StoredPage<StoredAudit> ReadAudits(string? gateway, long cursor, int limit);

    /// <summary>What operators released or tried to release, newest first.</summary>
    /// <param name="gateway">Only those of this gateway; null for all.</param>
    /// <param name="cursor">Only those with a lower sequence; <see cref="long.MaxValue"/> to begin.</param>
    /// <param name="limit">The most entries to return.</param>
    StoredPage<StoredRelease> ReadReleases(string? gateway, long cursor, int limit);

    /// <summary>Adds entries to the control log. They are on the disk when this returns.</summary>
    /// <param name="entries">The entries, oldest first, each with its time on the record's timeline.</param>
    void AddControls(IReadOnlyList<(DateTimeOffset At, ControlEntry Entry)> entries);

    /// <summary>The control log, newest first.</summary>
    /// <param name="cursor">Only those with a lower sequence; <see cref="long.MaxValue"/> to begin.</param>
    /// <param name="limit">The most entries to return.</param>
    StoredPage<StoredControl> ReadControls(long cursor, int limit);

    /// <summary>Stores the report of a takeover; the newest 1,000 are kept.</summary>
    void AddRecovery(Surface.RecoveryView report);

    /// <summary>Reports of takeovers, newest first.</summary>
    /// <param name="cursor">Only those with a lower sequence; <see cref="long.MaxValue"/> to begin.</param>
    /// <param name="limit">The most reports to return.</param>
    StoredPage<StoredRecovery> ReadRecoveries(long cursor, int limit);

    /// <summary>Changes after a sequence, oldest first: what a client of the event stream has missed.</summary>
    ChangePage ReadChanges(long afterSequence, int limit);

    /// <summary>The newest changes of one connection id, oldest first.</summary>
    /// <param name="gateway">The gateway's id.</param>
    /// <param name="connection">What the gateway calls the connection.</param>
    /// <param name="before">Only changes with a lower sequence; <see cref="long.MaxValue"/> for all.</param>
    /// <param name="limit">The most changes to return.</param>
    IReadOnlyList<StoredChange> ReadStory(string gateway, string connection, long before, int limit);
}

/// <summary>What a store deleted.</summary>
/// <param name="Old">CDRs that were too old.</param>
/// <param name="Surplus">CDRs of which there were too many.</param>
/// <param name="Changes">Changes that were too old.</param>
/// <param name="Controls">Entries of the control log, for either reason.</param>
public readonly record struct Forgotten(int Old, int Surplus, int Changes, int Controls)
{
    /// <summary>The most of any kind: if it reaches the limit, there may be more to delete.</summary>
    public int Most => Math.Max(Math.Max(Old, Surplus), Math.Max(Changes, Controls));

    /// <summary>Both together.</summary>
    public Forgotten Add(Forgotten more) =>
        new(Old + more.Old, Surplus + more.Surplus, Changes + more.Changes, Controls + more.Controls);
}

using CallServer.Storage;
using CallServer.Surface;

namespace CallServer.Host.Tests.Recording;

/// <summary>
/// A real store that behaves as if its disk were full, or somebody else held it, whenever a test says so.
/// </summary>
internal sealed class FlakyStore(ILedgerStore inner) : ILedgerStore
{
    /// <summary>The exception that a commit throws; null lets it pass.</summary>
    public Func<StoreCommit, Exception?> Fault { get; set; } = _ => null;

    public int Attempts { get; private set; }

    public StoreImage Load() => inner.Load();

    public CommitResult Commit(StoreCommit commit)
    {
        Attempts++;
        return Fault(commit) is { } fault ? throw fault : inner.Commit(commit);
    }

    public IReadOnlyList<CommitResult> CommitAll(IReadOnlyList<StoreCommit> commits)
    {
        Attempts++;
        return commits.Select(Fault).FirstOrDefault(fault => fault is not null) is { } first
            ? throw first
            : inner.CommitAll(commits);
    }

    public CommitResult AddChanges(IReadOnlyList<ChangeView> changes) =>
        Down is { } fault ? throw fault : inner.AddChanges(changes);

    /// <summary>The exception that adding changes throws; null lets it pass.</summary>
    public Exception? Down { get; set; }

    public void SetIdentity(string name, int epoch) => inner.SetIdentity(name, epoch);

    public void AddRecovery(RecoveryView report) => inner.AddRecovery(report);

    public StoredPage<StoredRecovery> ReadRecoveries(long cursor, int limit) =>
        inner.ReadRecoveries(cursor, limit);

    public void SetRole(bool acts) => inner.SetRole(acts);

    public void AddControls(IReadOnlyList<(DateTimeOffset At, ControlEntry Entry)> entries)
    {
        if (Down is { } fault)
            throw fault;
        inner.AddControls(entries);
    }

    public StoredPage<StoredControl> ReadControls(long cursor, int limit) =>
        inner.ReadControls(cursor, limit);

    public Forgotten Forget(DateTimeOffset now, int limit) =>
        Down is { } fault ? throw fault : inner.Forget(now, limit);

    public IReadOnlyCollection<string> FindCdrs(IReadOnlyCollection<string> ids) => inner.FindCdrs(ids);

    public void AddSteps(IReadOnlyList<ClockStep> steps, TimeSpan correction) =>
        inner.AddSteps(steps, correction);

    public void RegisterReaders(IReadOnlyList<string> readers) => inner.RegisterReaders(readers);

    public StoredPage<AccountingEntry> ReadAccounting(string reader, int limit) =>
        inner.ReadAccounting(reader, limit);

    public long CountAccounting(string reader) => inner.CountAccounting(reader);

    public void AdvanceAccounting(string reader, long sequence)
    {
        if (AdvanceFault is { } fault)
            throw fault;
        if (!Forgetful && reader != ForgetfulOf)
            inner.AdvanceAccounting(reader, sequence);
    }

    /// <summary>The exception that moving a reader's mark throws; null lets it pass.</summary>
    public Exception? AdvanceFault { get; set; }

    /// <summary>Loses every move of a mark, like a crash just before it.</summary>
    public bool Forgetful { get; set; }

    /// <summary>The same for this reader's mark alone; null for none.</summary>
    public string? ForgetfulOf { get; set; }

    public StoredPage<AccountingEntry> ReadHeld(long cursor, int limit) => inner.ReadHeld(cursor, limit);

    public void ReleaseHeld(IReadOnlyList<long> sequences) => inner.ReleaseHeld(sequences);

    public void ReleaseAllHeld() => inner.ReleaseAllHeld();

    public void DropHeld(IReadOnlyList<long> sequences) => inner.DropHeld(sequences);

    public IReadOnlyList<ConnectionRow> ReadConnections(string gateway) => inner.ReadConnections(gateway);

    public StoredPage<StoredCdr> ReadCdrs(DateTimeOffset? since, string? gateway, long cursor, int limit) =>
        inner.ReadCdrs(since, gateway, cursor, limit);

    public StoredPage<StoredAudit> ReadAudits(string? gateway, long cursor, int limit) =>
        inner.ReadAudits(gateway, cursor, limit);

    public StoredPage<StoredRelease> ReadReleases(string? gateway, long cursor, int limit) =>
        inner.ReadReleases(gateway, cursor, limit);

    public StoredPage<StoredCdr> SearchCdrs(CdrFilter filter, bool newestFirst, long? cursor, int limit) =>
        inner.SearchCdrs(filter, newestFirst, cursor, limit);

    public StoredCdr? FindCdr(string id) => inner.FindCdr(id);

    public IReadOnlyList<StoredChange> ReadStory(string gateway, string connection, long before, int limit) =>
        inner.ReadStory(gateway, connection, before, limit);

    public ChangePage ReadChanges(long afterSequence, int limit) => inner.ReadChanges(afterSequence, limit);

    public void Dispose() => inner.Dispose();
}

using System.Diagnostics;
using CallServer.Surface;

namespace CallServer.Storage;

/// <summary>
/// What a host must hold to write about a gateway where several hosts write one record: the unit that the gateway belongs to,
/// and the epoch under which the host took it. Each taking raises the epoch, so that what an earlier owner still has to write
/// is refused.
/// </summary>
/// <param name="Unit">The unit's number, from 0.</param>
/// <param name="Epoch">From 1; 0 is the epoch of a unit that nobody has taken yet.</param>
public readonly record struct UnitFence(int Unit, long Epoch);

/// <summary>Everything that one transaction writes about one gateway.</summary>
public sealed record StoreCommit
{
    /// <summary>The gateway's own row.</summary>
    public required GatewayRow Gateway { get; init; }

    /// <summary>
    /// Rows to insert or replace, each id once. Those of connections that were merely confirmed are left out: the
    /// gateway's row tells that.
    /// </summary>
    public IReadOnlyList<ConnectionRow> Upserts { get; init; } = [];

    /// <summary>Ids of rows to delete; none of them is in <see cref="Upserts"/>.</summary>
    public IReadOnlyList<string> Deletes { get; init; } = [];

    /// <summary>
    /// One for each connection that ended. The store skips a CDR that it already has (same id; if the gateway reuses
    /// ids, same id and same end).
    /// </summary>
    public IReadOnlyList<CdrView> Cdrs { get; init; } = [];

    /// <summary>One for each connection that began, for the outbox only. Empty unless a reader wants them.</summary>
    public IReadOnlyList<CdrView> Starts { get; init; } = [];

    /// <summary>
    /// Interim records of long connections, for the outbox only, in the order in which they fell due.
    /// </summary>
    public IReadOnlyList<CdrView> Interims { get; init; } = [];

    /// <summary>
    /// Whether a standby writes this. Then its CDRs enter the outbox held, because the active server writes them;
    /// starts and interims do not enter it at all, because the active server writes those too.
    /// </summary>
    public bool Held { get; init; }

    /// <summary>Changes for the event stream; the store numbers them.</summary>
    public IReadOnlyList<ChangeView> Changes { get; init; } = [];

    /// <summary>The audits that led to this, oldest first. Empty if an operator acted.</summary>
    public IReadOnlyList<AuditSummary> Audits { get; init; } = [];

    /// <summary>What operators released or tried to release, oldest first.</summary>
    public IReadOnlyList<ReleaseEntry> Releases { get; init; } = [];

    /// <summary>What the host must hold; null where one server writes the record alone.</summary>
    public UnitFence? Fence { get; init; }

    /// <summary>
    /// The span of the audit that led to this, the newest if there were several; default if nobody traces.
    /// </summary>
    public ActivityContext Trace { get; init; }

    /// <summary>
    /// Whether something began, ended or changed, rather than only being confirmed. Then the transaction is on the
    /// disk, safe from a loss of power, before the commit returns (docs/adr/0005).
    /// </summary>
    public bool MustReachDisk =>
        Changes.Count > 0
        || Cdrs.Count > 0
        || Deletes.Count > 0
        || Releases.Count > 0
        || Starts.Count > 0
        || Interims.Count > 0;

    /// <summary>What a step of the record asks to be written.</summary>
    /// <param name="step">What the record took in.</param>
    /// <param name="audit">The audit that caused it; null if none did.</param>
    /// <param name="wants">What the readers of the outbox want besides CDRs.</param>
    public static StoreCommit Of(RecordStep step, AuditSummary? audit, AccountingWants wants) =>
        new()
        {
            Gateway = step.GatewayRow,
            Upserts = step.Upserts,
            Deletes = step.Deletes,
            Cdrs = step.Finals(wants.Interim),
            Interims = step.Interims(wants.Interim),
            Starts = wants.Starts ? step.Starts : [],
            Changes = step.Changes,
            Audits = audit is null ? [] : [audit],
        };

    /// <summary>
    /// Combines this commit with a later one of the same gateway, for when the store could not take this one. Writing
    /// the result is the same as writing both in order. Throws ArgumentException if the gateways differ. What was made under
    /// another epoch of the unit is left out: it would be refused, and the record that this commit comes from never had it.
    /// </summary>
    public StoreCommit Then(StoreCommit later)
    {
        if (later.Gateway.Gateway != Gateway.Gateway)
            throw new ArgumentException("commits of two gateways cannot be folded into one", nameof(later));
        if (later.Fence != Fence)
            return later;

        var upserts = new Dictionary<string, ConnectionRow>(StringComparer.Ordinal);
        var deletes = new HashSet<string>(Deletes, StringComparer.Ordinal);
        foreach (var row in Upserts)
            upserts[row.Id] = row;
        foreach (var id in later.Deletes)
        {
            upserts.Remove(id);
            deletes.Add(id);
        }
        foreach (var row in later.Upserts)
        {
            upserts[row.Id] = row;
            deletes.Remove(row.Id);
        }
        return later with
        {
            Upserts = [.. upserts.Values],
            Deletes = [.. deletes],
            Cdrs = [.. Cdrs, .. later.Cdrs],
            // If the server changed its role in between, it is better to report twice than never.
            Held = Held && later.Held,
            Starts = [.. Starts, .. later.Starts],
            Interims = [.. Interims, .. later.Interims],
            Changes = [.. Changes, .. later.Changes],
            Audits = [.. Audits, .. later.Audits],
            Releases = [.. Releases, .. later.Releases],
        };
    }
}

/// <summary>What a commit added.</summary>
/// <param name="Cdrs">The CDRs that the store did not have yet.</param>
/// <param name="Changes">The changes of the commit, in order.</param>
/// <param name="Told">Whether something entered the outbox for its readers.</param>
/// <param name="Refused">Whether nothing was written, and never will be, because the host does not hold the unit any
/// more.</param>
public sealed record CommitResult(
    IReadOnlyList<StoredCdr> Cdrs,
    IReadOnlyList<StoredChange> Changes,
    bool Told = false,
    bool Refused = false
);

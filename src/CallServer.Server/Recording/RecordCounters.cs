using System.Collections.Concurrent;
using CallServer.Storage;
using CallServer.Surface;

namespace CallServer.Server.Recording;

/// <summary>Counters of the record since the server started.</summary>
public sealed class RecordCounters
{
    private readonly ConcurrentDictionary<string, long> closedByEvidence = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, long> changesByKind = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, long> findingsByKind = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, long> releasesByOutcome = new(StringComparer.Ordinal);
    private long complete;
    private long partial;
    private long silent;
    private long requests;
    private long failed;

    /// <summary>Audits by result.</summary>
    public IEnumerable<(string Result, long Count)> Audits =>
        [
            ("complete", Volatile.Read(ref complete)),
            ("partial", Volatile.Read(ref partial)),
            ("silent", Volatile.Read(ref silent)),
        ];

    /// <summary>Messages that the audits sent, repeats included.</summary>
    public long Requests => Volatile.Read(ref requests);

    /// <summary>Connections that ended, by evidence.</summary>
    public IEnumerable<KeyValuePair<string, long>> ClosedByEvidence => closedByEvidence;

    /// <summary>Changes by kind.</summary>
    public IEnumerable<KeyValuePair<string, long>> ChangesByKind => changesByKind;

    /// <summary>Findings of calls that began, by kind.</summary>
    public IEnumerable<KeyValuePair<string, long>> FindingsByKind => findingsByKind;

    /// <summary>Attempts to release a connection, by outcome.</summary>
    public IEnumerable<KeyValuePair<string, long>> ReleasesByOutcome => releasesByOutcome;

    /// <summary>Snapshots that a fault of our own kept out of the record.</summary>
    public long Failures => Volatile.Read(ref failed);

    internal void Failed() => Interlocked.Increment(ref failed);

    internal void Count(AuditResult result, StoreCommit commit)
    {
        if (result.Complete)
            Interlocked.Increment(ref complete);
        else if (result.Silent)
            Interlocked.Increment(ref silent);
        else
            Interlocked.Increment(ref partial);
        Interlocked.Add(ref requests, result.Requests);
        Count(commit);
    }

    internal void CountFinding(string kind) =>
        findingsByKind.AddOrUpdate(kind, 1, static (_, count) => count + 1);

    internal void Count(StoreCommit commit)
    {
        foreach (var release in commit.Releases)
            releasesByOutcome.AddOrUpdate(release.Outcome, 1, static (_, count) => count + 1);
        foreach (var cdr in commit.Cdrs)
            closedByEvidence.AddOrUpdate(cdr.EndEvidence, 1, static (_, count) => count + 1);
        foreach (var change in commit.Changes)
            changesByKind.AddOrUpdate(change.Kind, 1, static (_, count) => count + 1);
    }
}

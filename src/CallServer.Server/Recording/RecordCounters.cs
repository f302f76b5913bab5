using System.Collections.Concurrent;
using CallServer.Storage;
using CallServer.Surface;

namespace CallServer.Server.Recording;

/// <summary>What the record counts since the server started.</summary>
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
    private long micros;
    private long failed;

    /// <summary>Audits by what they came to.</summary>
    public IEnumerable<(string Result, long Count)> Audits =>
        [
            ("complete", Volatile.Read(ref complete)),
            ("partial", Volatile.Read(ref partial)),
            ("silent", Volatile.Read(ref silent)),
        ];

    /// <summary>Messages that the audits sent, repeats included.</summary>
    public long Requests => Volatile.Read(ref requests);

    /// <summary>How long all audits took together.</summary>
    public TimeSpan Duration => TimeSpan.FromMicroseconds(Volatile.Read(ref micros));

    /// <summary>Connections that ended, by the evidence for it.</summary>
    public IEnumerable<KeyValuePair<string, long>> ClosedByEvidence => closedByEvidence;

    /// <summary>Changes by kind.</summary>
    public IEnumerable<KeyValuePair<string, long>> ChangesByKind => changesByKind;

    /// <summary>Findings of calls that began, by kind.</summary>
    public IEnumerable<KeyValuePair<string, long>> FindingsByKind => findingsByKind;

    /// <summary>Attempts to release a connection, by what came of them.</summary>
    public IEnumerable<KeyValuePair<string, long>> ReleasesByOutcome => releasesByOutcome;

    /// <summary>Snapshots that could not be taken in by a fault of our own.</summary>
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
        Interlocked.Add(ref micros, (long)(result.Answered - result.Asked).TotalMicroseconds);
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

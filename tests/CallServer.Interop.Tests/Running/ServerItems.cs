using CallServer.Interop.Auditing;

namespace CallServer.Interop.Running;

/// <summary>A connection in a running server's record: what these tests look at.</summary>
internal sealed record RecordedConnection(
    string Gateway,
    string Id,
    string Call,
    string Status,
    IntervalLine? Start,
    bool Recovered
);

/// <summary>A call that a running server joined.</summary>
internal sealed record RecordedCall(
    string? Call,
    IReadOnlyList<string> Sources,
    IReadOnlyList<string> Connections,
    IReadOnlyList<RecordedFinding> Findings
);

/// <summary>What its sources disagree about.</summary>
internal sealed record RecordedFinding(string Kind, DateTimeOffset Since, string Text);

/// <summary>An audit that a running server made.</summary>
internal sealed record RecordedAudit(
    string Gateway,
    bool Complete,
    IReadOnlyList<string> Reasons,
    DateTimeOffset Asked,
    DateTimeOffset Answered
);

/// <summary>A call detail record. What has no bound is null: the start of one that was never absent.</summary>
internal sealed record CallDetail(
    string Id,
    string Gateway,
    string Call,
    DateTimeOffset? AnswerStampMin,
    DateTimeOffset AnswerStampMax,
    DateTimeOffset EndStampMin,
    DateTimeOffset EndStampMax,
    long Billsec,
    long BillsecMin,
    long? BillsecMax,
    string EndEvidence,
    string Connection,
    CountersLine? Counters,
    string? ReleasedBy,
    string? ReleaseReason
);

/// <summary>What the gateway counted of one connection: what these tests look at.</summary>
internal sealed record CountersLine(long? PacketsReceived, long? OctetsReceived);

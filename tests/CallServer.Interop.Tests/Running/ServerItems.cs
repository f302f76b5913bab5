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
    string EndEvidence
);

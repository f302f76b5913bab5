using CallServer.Interop.Auditing;

namespace CallServer.Interop.Running;

/// <summary>A connection in a running server's record: the fields that these tests look at.</summary>
internal sealed record RecordedConnection(
    string Gateway,
    string Id,
    string Call,
    string? Codec,
    string Status,
    string? State,
    IntervalLine? Start,
    DateTimeOffset FirstHeard,
    bool Recovered
);

/// <summary>A call that a running server joined.</summary>
internal sealed record RecordedCall(
    string? Call,
    IReadOnlyList<string> Sources,
    IReadOnlyList<string> Connections,
    IReadOnlyList<RecordedFinding> Findings
);

/// <summary>Something on which its sources disagree.</summary>
internal sealed record RecordedFinding(string Kind, DateTimeOffset Since, string Text);

/// <summary>A gateway as a running server reports it.</summary>
internal sealed record RecordedGateway(string Gateway, long Opened, long Conflicts, RecordedUnseen? Unseen);

/// <summary>Calls that nobody saw, by the gateway's running total.</summary>
internal sealed record RecordedUnseen(long Least, long Most, long Surplus);

/// <summary>An audit that a running server made.</summary>
internal sealed record RecordedAudit(
    string Gateway,
    bool Complete,
    IReadOnlyList<string> Reasons,
    DateTimeOffset Asked,
    DateTimeOffset Answered
);

/// <summary>
/// A call detail record. An unknown bound is null, such as the start of a connection that was never absent or never
/// answered.
/// </summary>
internal sealed record CallDetail(
    string Id,
    string Gateway,
    string Call,
    DateTimeOffset? AnswerStampMin,
    DateTimeOffset? AnswerStampMax,
    DateTimeOffset EndStampMin,
    DateTimeOffset EndStampMax,
    long Billsec,
    long BillsecMin,
    long? BillsecMax,
    string EndEvidence,
    int Epoch,
    string Server,
    string Connection,
    CountersLine? Counters,
    string? ReleasedBy,
    string? ReleaseReason
);

/// <summary>The gateway's counters of one connection: the fields that these tests look at.</summary>
internal sealed record CountersLine(long? PacketsReceived, long? OctetsReceived);

/// <summary>What a running server reports of itself.</summary>
internal sealed record RecordedStatus(string Name, string Role, int Epoch, string? Peer, int Connections);

/// <summary>The report of a takeover, or of a dry run.</summary>
internal sealed record RecordedRecovery(
    string Server,
    int Epoch,
    string Cause,
    DateTimeOffset Decided,
    DateTimeOffset? LastHeard,
    double? DetectionSeconds,
    bool Whole,
    GatewaysLine Gateways,
    RecoveredLine Connections,
    StartsLine Starts,
    double SecondsAtRisk,
    RiskLine AtRisk
);

/// <summary>How many gateways ended with which result.</summary>
internal sealed record GatewaysLine(int Total, int Complete, int Partial, int Silent, int Waiting);

/// <summary>What became of the connections.</summary>
internal sealed record RecoveredLine(int Recovered, int Confirmed, int Ended, int Unknown);

/// <summary>How exact the starts are.</summary>
internal sealed record StartsLine(int Bounded, int Unbounded, double? MedianSeconds, double? WorstSeconds);

/// <summary>(Upper - lower) over billable time, in seconds.</summary>
internal sealed record RiskLine(double Active, double Ended, double Unknown);

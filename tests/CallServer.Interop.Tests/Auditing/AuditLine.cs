using System.Text.Json;
using System.Text.Json.Serialization;

namespace CallServer.Interop.Auditing;

/// <summary>
/// What <c>callserver audit --json</c> prints for one gateway, read strictly: every key must be present.
/// </summary>
internal sealed record AuditLine(
    string Gateway,
    string Uri,
    string Protocol,
    string? Profile,
    bool Complete,
    IReadOnlyList<string> Proof,
    IReadOnlyList<string> Reasons,
    DateTimeOffset Asked,
    DateTimeOffset Answered,
    string? Boot,
    int Requests,
    IReadOnlyList<ConnectionLine> Connections
)
{
    private static readonly JsonSerializerOptions Strict = new(JsonSerializerDefaults.Strict)
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
    };

    /// <summary>Reads one object a line, one for each gateway.</summary>
    public static IReadOnlyList<AuditLine> Read(string output) =>
        [
            .. output
                .Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(line => JsonSerializer.Deserialize<AuditLine>(line, Strict)!),
        ];
}

/// <summary>One connection of an audit.</summary>
internal sealed record ConnectionLine(
    string Id,
    string? Call,
    string? Endpoint,
    string? Originator,
    string? Remote,
    string? Codec,
    int? ClockRate,
    QosLine Qos,
    IntervalLine? Setup,
    IntervalLine? Start,
    AgeLine? AgeSeconds,
    string? Mode,
    string? State,
    string? LocalMedia,
    string? RemoteMedia
);

internal sealed record QosLine(int? Dscp, string? Service, string? Reported);

internal sealed record IntervalLine(DateTimeOffset? Earliest, DateTimeOffset? Latest, string Evidence)
{
    [JsonIgnore]
    public TimeSpan Width =>
        Latest is { } latest && Earliest is { } earliest ? latest - earliest : TimeSpan.MaxValue;
}

internal sealed record AgeLine(double? Min, double? Max);

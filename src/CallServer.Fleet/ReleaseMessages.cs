using System.Text.Json;
using CallServer.Server.Releasing;
using CallServer.Storage;
using CallServer.Surface;

namespace CallServer.Fleet;

/// <summary>An operator's order, on its way to the host that holds the gateway.</summary>
/// <param name="Gateway">The gateway's id.</param>
/// <param name="Connection">The connection's id there.</param>
/// <param name="By">Who gave the order.</param>
/// <param name="Reason">Why.</param>
[GenerateSerializer, Immutable, Alias("release-order")]
public sealed record ReleaseMessage(
    [property: Id(0)] string Gateway,
    [property: Id(1)] string Connection,
    [property: Id(2)] string By,
    [property: Id(3)] string Reason
);

/// <summary>What became of it: <see cref="ReleaseAnswer"/> on its way back.</summary>
/// <param name="Status">By its name, which hosts of other versions know too.</param>
/// <param name="Gateway">The gateway's id; null if it is not known.</param>
/// <param name="Connection">The connection's id there.</param>
/// <param name="Detail">Why not; null if it was released.</param>
/// <param name="Counters">The gateway's counters as JSON; null if it did not tell them.</param>
/// <param name="Cdr">The id of its CDR; null if there is none.</param>
[GenerateSerializer, Immutable, Alias("release-answer")]
public sealed record ReleaseReply(
    [property: Id(0)] string Status,
    [property: Id(1)] string? Gateway,
    [property: Id(2)] string Connection,
    [property: Id(3)] string? Detail,
    [property: Id(4)] string? Counters,
    [property: Id(5)] string? Cdr
)
{
    internal static ReleaseReply Of(ReleaseAnswer answer) =>
        new(
            answer.Status.ToString(),
            answer.Gateway,
            answer.Connection,
            answer.Detail,
            answer.Counters is { } counters ? JsonSerializer.Serialize(counters, RecordJson.Camel) : null,
            answer.Cdr
        );

    internal ReleaseAnswer Answer =>
        new(
            Enum.TryParse<ReleaseStatus>(Status, out var status) ? status : ReleaseStatus.Unknown,
            Gateway,
            Connection,
            Detail,
            Counters is null ? null : JsonSerializer.Deserialize<CountersView>(Counters, RecordJson.Camel),
            Cdr
        );
}

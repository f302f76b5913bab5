using Orleans.Concurrency;

namespace CallServer.Fleet;

/// <summary>The grain of a unit, whose key is the unit's number: where it is active, the unit is held.</summary>
[Alias("unit")]
public interface IUnitGrain : IGrainWithIntegerKey
{
    /// <summary>Sees to it that the unit is held by some host. Whoever is asked may just have died: the others are not kept waiting.</summary>
    [Alias("ensure"), ResponseTimeout("00:00:05")]
    ValueTask EnsureAsync();

    /// <summary>
    /// Has a gateway of the unit asked as soon as possible. Returns whether it is polled; null if the unit is not claimed yet.
    /// </summary>
    [Alias("audit"), AlwaysInterleave]
    ValueTask<bool?> AuditAsync(string gateway);

    /// <summary>
    /// Has a connection of one of the unit's gateways released; null if the unit is not claimed yet. A gateway may take 20 s to answer.
    /// </summary>
    [Alias("release"), AlwaysInterleave, ResponseTimeout("00:00:30")]
    ValueTask<ReleaseReply?> ReleaseAsync(ReleaseMessage order);
}

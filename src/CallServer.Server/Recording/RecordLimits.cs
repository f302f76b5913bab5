using CallServer.Server.Polling;
using CallServer.Surface;

namespace CallServer.Server.Recording;

/// <summary>How many connections a gateway may have in the record.</summary>
/// <param name="gateways">How many there are.</param>
/// <param name="memory">What the record takes of it; null: as much as there is.</param>
public sealed class RecordLimits(Func<int> gateways, MemoryBudget? memory)
{
    /// <summary>As many as a gateway's own limit allows.</summary>
    public static RecordLimits Usual { get; } = new(() => 1, null);

    /// <summary>What of an audit goes into a gateway's record.</summary>
    public AuditResult Bound(GatewayRecord record, AuditResult result)
    {
        ArgumentNullException.ThrowIfNull(record);
        return record.Bounded(
            result,
            memory?.RoomFor(record.Count, gateways()) ?? int.MaxValue,
            memory?.Most ?? long.MaxValue
        );
    }

    /// <summary>There are so many more, or fewer.</summary>
    public void Count(int change) => memory?.Count(change);
}

using CallServer.Server.Polling;
using CallServer.Surface;

namespace CallServer.Server.Recording;

/// <summary>Limits how many connections a gateway may have in the record.</summary>
/// <param name="gateways">Returns the number of gateways.</param>
/// <param name="memory">The memory budget that the record shares; null for no limit.</param>
public sealed class RecordLimits(Func<int> gateways, MemoryBudget? memory)
{
    /// <summary>Limits each gateway only by its own limit.</summary>
    public static RecordLimits Usual { get; } = new(() => 1, null);

    /// <summary>The part of an audit's result that may enter the gateway's record.</summary>
    public AuditResult Bound(GatewayRecord record, AuditResult result)
    {
        ArgumentNullException.ThrowIfNull(record);
        return record.Bounded(
            result,
            memory?.RoomFor(record.Count, gateways()) ?? int.MaxValue,
            memory?.Most ?? long.MaxValue
        );
    }

    /// <summary>Counts connections that the record gained, or lost (negative).</summary>
    public void Count(int change) => memory?.Count(change);
}

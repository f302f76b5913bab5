using CallServer.Server.Net;
using CallServer.Surface;

namespace CallServer.Server.Polling;

/// <summary>What all pollers share.</summary>
internal sealed record PollingContext(
    IClock Clock,
    IEndpointResolver Resolver,
    FleetLanes Lanes,
    PollingCounters Counters,
    AddressBook Addresses,
    Func<string, KnownConnections?> Known,
    Func<string, Task> TakenIn,
    ILogger Logger
)
{
    /// <summary>
    /// The limits that a change of the configuration may change for every poller; replaced as a whole.
    /// </summary>
    public volatile PollingLimits Limits = new(TimeSpan.Zero, TimeSpan.Zero);

    /// <summary>Whether this host may ask anybody at this moment.</summary>
    public Func<bool> MayAsk { get; init; } = () => true;

    private int pace = (int)AuditPace.Full;

    /// <summary>How often all gateways are asked; may change at any time.</summary>
    public AuditPace Pace
    {
        get => (AuditPace)Volatile.Read(ref pace);
        set => Volatile.Write(ref pace, (int)value);
    }
}

/// <summary>
/// How long an audit may take, and how long the longest pause is between two audits of a silent gateway.
/// </summary>
internal sealed record PollingLimits(TimeSpan Deadline, TimeSpan BackoffLimit);

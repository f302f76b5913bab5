using System.Net;

namespace CallServer.Fleet;

/// <summary>What a host of a fleet is told. A class rather than a record, so that nothing prints the password.</summary>
internal sealed class FleetOptions
{
    /// <summary>This host's name, for people.</summary>
    public required string Name { get; init; }

    /// <summary>Where the other hosts reach this one, over TCP.</summary>
    public required IPEndPoint Listen { get; init; }

    /// <summary>Into how many units the gateways are divided; the same on all hosts.</summary>
    public required int Units { get; init; }

    /// <summary>How the table of members is reached: a connection string for Npgsql, with the password.</summary>
    public required string Members { get; init; }

    /// <summary>Makes what holds units; what it needs of the fleet is registered, such as <see cref="IFleetGate"/>.</summary>
    public required Func<IServiceProvider, IUnitHost> OpenUnits { get; init; }

    /// <summary>Carries out what is ordered of the gateways of these units; null if nothing is.</summary>
    public IUnitOrders? Orders { get; init; }

    /// <summary>Answers what other hosts ask of what this one holds; null if nothing does.</summary>
    public HostRecord? Record { get; init; }

    /// <summary>Brings other hosts' connections into this one's calls, when units are held; null if nothing does.</summary>
    public Func<IServiceProvider, CallImports>? OpenImports { get; init; }
}

using System.Net;

namespace CallServer.Server.Configuration;

/// <summary>A host of a fleet: several hosts that share the gateways and one record in PostgreSQL.</summary>
/// <param name="Listen">Where the other hosts reach this one, over TCP.</param>
public sealed record FleetConfiguration(IPEndPoint Listen)
{
    /// <summary>What <see cref="Units"/> is if nobody says otherwise.</summary>
    public const int UsualUnits = 1024;

    /// <summary>Into how many units the gateways are divided; each unit is asked by one host.</summary>
    public int Units { get; init; } = UsualUnits;
}

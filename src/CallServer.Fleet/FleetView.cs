using Orleans.Runtime;

namespace CallServer.Fleet;

/// <summary>The hosts of the fleet, as this one knows them.</summary>
internal sealed class FleetView(IClusterMembershipService membership, ILocalSiloDetails self)
{
    /// <summary>This host.</summary>
    public FleetMember Self => Silos.Member(self.SiloAddress);

    /// <summary>The active hosts, in an order that is the same everywhere; this one among them if it is active.</summary>
    public IReadOnlyList<FleetMember> Active =>
        [
            .. membership
                .CurrentSnapshot.Members.Values.Where(member => member.Status == SiloStatus.Active)
                .Select(member => Silos.Member(member.SiloAddress))
                .OrderBy(member => member.Address, StringComparer.Ordinal)
                .ThenBy(member => member.Port)
                .ThenBy(member => member.Generation),
        ];

    /// <summary>Reads the table of members. Throws whatever the database's driver throws if it cannot.</summary>
    public Task LookAsync(CancellationToken cancellation) =>
        membership.Refresh(default, cancellation).AsTask();
}

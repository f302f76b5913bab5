using Orleans.Placement;
using Orleans.Runtime;
using Orleans.Runtime.Placement;

namespace CallServer.Fleet;

/// <summary>Grains go to the host that <see cref="Rendezvous"/> names.</summary>
[GenerateSerializer, Immutable, Alias("rendezvous")]
internal sealed class RendezvousPlacement : PlacementStrategy;

/// <summary>Places the grains of a class by <see cref="RendezvousPlacement"/>.</summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class RendezvousAttribute() : PlacementAttribute(new RendezvousPlacement());

/// <summary>Places units by <see cref="Rendezvous"/>, among the active hosts that can run their grain.</summary>
internal sealed class RendezvousDirector(FleetView view) : IPlacementDirector
{
    /// <inheritdoc/>
    public Task<SiloAddress> OnAddActivation(
        PlacementStrategy strategy,
        PlacementTarget target,
        IPlacementContext context
    )
    {
        var able = context.GetCompatibleSilos(target).Select(Silos.Member).ToList();
        // That list lags behind the membership, and may name hosts that have left.
        var active = able.Intersect(view.Active).ToList();
        var owner = new Rendezvous(active.Count > 0 ? active : able).OwnerOf(
            (int)target.GrainIdentity.GetIntegerKey()
        );
        return Task.FromResult(
            owner is { } member ? Silos.Silo(member) : throw new OrleansException("no host can hold units")
        );
    }
}

using Orleans.Runtime;

namespace CallServer.Fleet;

/// <summary>
/// Holds its unit while it is active. What is held lives in <see cref="IUnitHost"/>, not here: Orleans also deactivates grains
/// whose place it has lost, such as those that a dead host knew of, and they come back to what never stopped.
/// </summary>
[Rendezvous]
internal sealed class UnitGrain(UnitGrains grains, IUnitHost units) : Grain, IUnitGrain
{
    private int Unit => (int)this.GetPrimaryKeyLong();

    /// <inheritdoc/>
    public ValueTask EnsureAsync() => default;

    /// <summary>Waits for no database: the unit's claim is the unit's own matter.</summary>
    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        grains.Add(Unit, GrainContext);
        units.Hold(Unit);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public override async Task OnDeactivateAsync(
        DeactivationReason reason,
        CancellationToken cancellationToken
    )
    {
        var refused = grains.Remove(Unit, GrainContext);
        if (
            refused
            || reason.ReasonCode is DeactivationReasonCode.Migrating or DeactivationReasonCode.ShuttingDown
        )
            await units.GiveUpAsync(Unit, cancellationToken);
    }
}

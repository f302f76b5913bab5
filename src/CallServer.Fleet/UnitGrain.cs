using Orleans.Runtime;

namespace CallServer.Fleet;

/// <summary>
/// Holds its unit while it is active. What is held lives in <see cref="IUnitHost"/>, not here: Orleans also deactivates grains
/// whose place it has lost, such as those that a dead host knew of, and they come back to what never stopped.
/// </summary>
[Rendezvous]
internal sealed class UnitGrain(UnitGrains grains, IUnitHost units, IUnitOrders? orders = null)
    : Grain,
        IUnitGrain
{
    private int Unit => (int)this.GetPrimaryKeyLong();

    /// <inheritdoc/>
    public ValueTask EnsureAsync() => default;

    /// <inheritdoc/>
    public ValueTask<bool?> AuditAsync(string gateway) =>
        ValueTask.FromResult(Claimed is { } here ? here.Audit(gateway) : (bool?)null);

    /// <inheritdoc/>
    public async ValueTask<ReleaseReply?> ReleaseAsync(ReleaseMessage order) =>
        Claimed is { } here
            ? ReleaseReply.Of(
                await here.ReleaseAsync(order.Gateway, order.Connection, order.By, order.Reason)
            )
            : null;

    private IUnitOrders? Claimed => units.Held.GetValueOrDefault(Unit) > 0 ? orders : null;

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

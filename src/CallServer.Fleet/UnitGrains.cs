using System.Collections.Concurrent;
using Orleans.Runtime;

namespace CallServer.Fleet;

/// <summary>The units whose grain is active in this process.</summary>
internal sealed class UnitGrains : IDisposable
{
    private readonly ConcurrentDictionary<int, IGrainContext> active = new();
    private readonly ConcurrentDictionary<int, IGrainContext> refused = new();
    private readonly IUnitHost units;

    public UnitGrains(IUnitHost units)
    {
        this.units = units;
        units.Refused += OnRefused;
    }

    public bool Contains(int unit) => active.ContainsKey(unit);

    /// <summary>The units, at this moment.</summary>
    public IReadOnlyCollection<int> Units => [.. active.Keys];

    public void Add(int unit, IGrainContext grain) => active[unit] = grain;

    /// <summary>Returns whether the unit was refused while this grain held it.</summary>
    public bool Remove(int unit, IGrainContext grain)
    {
        active.TryRemove(new KeyValuePair<int, IGrainContext>(unit, grain));
        return refused.TryRemove(new KeyValuePair<int, IGrainContext>(unit, grain));
    }

    /// <summary>Has the unit's grain go where it belongs, as soon as it is idle; nothing happens if it is there.</summary>
    public void Move(int unit)
    {
        if (active.TryGetValue(unit, out var grain))
            grain.Migrate(requestContext: null);
    }

    /// <inheritdoc/>
    public void Dispose() => units.Refused -= OnRefused;

    private void OnRefused(int unit)
    {
        if (!active.TryGetValue(unit, out var grain))
            return;
        refused[unit] = grain;
        grain.Deactivate(new(DeactivationReasonCode.ApplicationRequested, "another host holds the unit"));
    }
}

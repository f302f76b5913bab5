using System.Collections.Concurrent;
using CallServer.Fleet;

namespace CallServer.Member;

/// <summary>Holds units by remembering their numbers: claims nothing, and asks nobody.</summary>
internal sealed class RememberedUnits : IUnitHost
{
    private readonly ConcurrentDictionary<int, long> held = new();
    private readonly ConcurrentDictionary<int, long> taken = new();

    /// <summary>The units held, with how many times each was taken.</summary>
    public IReadOnlyDictionary<int, long> Held => held;

    public event Action<int>? Refused;

    public void Hold(int unit)
    {
        if (!held.ContainsKey(unit))
            held[unit] = taken.AddOrUpdate(unit, 1, (_, times) => times + 1);
    }

    public Task GiveUpAsync(int unit, CancellationToken cancellation)
    {
        held.TryRemove(unit, out _);
        return Task.CompletedTask;
    }

    /// <summary>As if another host had claimed it.</summary>
    public void Refuse(int unit) => Refused?.Invoke(unit);
}

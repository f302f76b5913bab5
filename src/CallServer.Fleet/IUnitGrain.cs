namespace CallServer.Fleet;

/// <summary>The grain of a unit, whose key is the unit's number: where it is active, the unit is held.</summary>
[Alias("unit")]
public interface IUnitGrain : IGrainWithIntegerKey
{
    /// <summary>Sees to it that the unit is held by some host.</summary>
    [Alias("ensure")]
    ValueTask EnsureAsync();
}

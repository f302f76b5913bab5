namespace CallServer.Fleet;

/// <summary>What holds units in this process: claims, asks, writes, hands over. It outlives the grains.</summary>
public interface IUnitHost
{
    /// <summary>
    /// Holds this unit from now on, if it is not held: returns at once; claim, load and first audits follow, and are
    /// tried again until they succeed or the unit is given up.
    /// </summary>
    void Hold(int unit);

    /// <summary>
    /// Stops asking, writes what is left, gives up the ownership. Returns when the unit is free or the token is
    /// cancelled.
    /// </summary>
    Task GiveUpAsync(int unit, CancellationToken cancellation);

    /// <summary>The units held, with their epoch (0 while the claim is not through).</summary>
    IReadOnlyDictionary<int, long> Held { get; }

    /// <summary>A unit was refused (another host claimed it): the host has stopped asking for it already.</summary>
    event Action<int>? Refused;
}

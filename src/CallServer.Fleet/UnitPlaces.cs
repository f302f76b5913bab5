using CallServer.Server.Configuration;

namespace CallServer.Fleet;

/// <summary>Which of the configured gateways are in some units, and which are in none of them.</summary>
/// <param name="units">How many units the record has.</param>
/// <param name="configuration">The present configuration.</param>
internal sealed class UnitPlaces(int units, Func<ServerConfiguration> configuration)
{
    private Known known = new(null, [], []);

    /// <summary>The gateways in none of these units, in the order of lists.</summary>
    public IReadOnlyList<string> Outside(IReadOnlySet<int> inside)
    {
        var now = Now();
        return [.. now.Ids.Where((_, place) => !inside.Contains(now.Units[place]))];
    }

    /// <summary>Those of these units all of whose gateways are there.</summary>
    public IEnumerable<int> Whole(IEnumerable<int> some, Func<string, bool> isThere)
    {
        var now = Now();
        var whole = some.ToHashSet();
        foreach (var (place, id) in now.Ids.Index())
            if (whole.Contains(now.Units[place]) && !isThere(id))
                whole.Remove(now.Units[place]);
        return whole;
    }

    private Known Now()
    {
        var all = configuration();
        var last = Volatile.Read(ref known);
        if (ReferenceEquals(last.Of, all))
            return last;
        var ids = all.GatewayIds;
        last = new Known(all, ids, [.. ids.Select(id => UnitMap.Of(id, units))]);
        Volatile.Write(ref known, last);
        return last;
    }

    /// <summary>What was computed for a configuration, by place in its list.</summary>
    private sealed record Known(ServerConfiguration? Of, IReadOnlyList<string> Ids, int[] Units);
}

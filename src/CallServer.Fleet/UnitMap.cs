using CallServer.Server.Configuration;
using CallServer.Server.Polling;

namespace CallServer.Fleet;

/// <summary>Which unit each gateway belongs to: the same on every host and in every run.</summary>
public static class UnitMap
{
    /// <summary>The unit of a gateway, from 0.</summary>
    /// <param name="gateway">The gateway's id.</param>
    /// <param name="units">How many units the record has.</param>
    public static int Of(string gateway, int units) => (int)(Phase.Hash(gateway) % (ulong)units);

    /// <summary>The configured gateways by their unit.</summary>
    public static ILookup<int, GatewayConfiguration> ByUnit(ServerConfiguration configuration, int units)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return configuration.Gateways.ToLookup(gateway => Of(gateway.Id, units));
    }
}

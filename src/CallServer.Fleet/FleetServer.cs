using CallServer.Server.Configuration;

namespace CallServer.Fleet;

/// <summary>Runs <c>callserver run</c> as a host of a fleet.</summary>
public static class FleetServer
{
    private const int WrongUse = 64;

    /// <summary>
    /// Refuses for now, with exit status 64: the hosts of a fleet agree who holds which unit, but no unit is asked yet.
    /// </summary>
    public static async Task<int> RunAsync(ServerConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        await Console.Error.WriteLineAsync(
            $"{configuration.Source}: mode: this version checks the configuration of a fleet, and cannot run one yet"
        );
        return WrongUse;
    }
}

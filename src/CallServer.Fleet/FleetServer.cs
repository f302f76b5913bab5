using CallServer.Server;
using CallServer.Server.Configuration;

namespace CallServer.Fleet;

/// <summary>Runs <c>callserver run</c> as a host of a fleet.</summary>
public static class FleetServer
{
    /// <summary>
    /// Runs until SIGINT, SIGTERM or the token, and returns the exit status of <see cref="ServerHost.RunAsync"/>; 70, too, where
    /// the other hosts have declared this one dead, so that whoever started it starts it again.
    /// </summary>
    public static Task<int> RunAsync(
        ServerConfiguration configuration,
        ServerParts parts,
        CancellationToken cancel
    )
    {
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentNullException.ThrowIfNull(parts);
        return ServerHost.RunAsync(
            configuration,
            cancel,
            parts with
            {
                Share = new FleetShare(configuration),
            }
        );
    }
}

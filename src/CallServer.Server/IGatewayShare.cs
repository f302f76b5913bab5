using CallServer.Server.Configuration;

namespace CallServer.Server;

/// <summary>
/// This server's part of a fleet: other hosts ask the rest of the gateways and write the same record. What a fleet needs is
/// behind this, so that a server alone loads none of it.
/// </summary>
public interface IGatewayShare : IDisposable
{
    /// <summary>Whether anybody may be asked at this moment.</summary>
    bool MayAsk { get; }

    /// <summary>Whether this host could not stay in the fleet, and has asked the process to end.</summary>
    bool HasEnded { get; }

    /// <summary>
    /// Adds what the hosts need of each other to the process. It joins them when the process starts, and hands over what it
    /// holds when that stops in order.
    /// </summary>
    /// <param name="builder">The process.</param>
    /// <param name="runtime">What asks and writes; to be called when the process starts, and not before.</param>
    void Join(IHostApplicationBuilder builder, Func<ServerRuntime> runtime);

    /// <summary>The configuration is another one: asks those of its gateways that belong to this host.</summary>
    void Follow(ServerConfiguration configuration);

    /// <summary>
    /// Whether this host, and no other, takes records out of the outbox for this reader (<see
    /// cref="Storage.ILedgerStore.RegisterReaders"/>).
    /// </summary>
    bool Serves(string reader);
}

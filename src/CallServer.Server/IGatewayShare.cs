using CallServer.Server.Configuration;
using CallServer.Server.Recording;
using CallServer.Server.Releasing;

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

    /// <summary>
    /// What the record holds of these gateways, whoever asks them, by their ids; those of which it holds nothing are left out. Throws
    /// StoreException if the database cannot be read.
    /// </summary>
    Task<IReadOnlyDictionary<string, GatewayState>> ReadAsync(
        IReadOnlyCollection<string> gateways,
        CancellationToken cancellation
    );

    /// <summary>
    /// How the newest audits of all gateways went, whoever asked them, by the gateways' ids; at most a second old. Throws
    /// StoreException if the database cannot be read.
    /// </summary>
    Task<IReadOnlyDictionary<string, SharedAudit>> AuditsAsync(CancellationToken cancellation);

    /// <summary>
    /// How many connections all hosts have written as active. Throws StoreException if the database cannot be read.
    /// </summary>
    Task<long> CountConnectionsAsync(CancellationToken cancellation);

    /// <summary>
    /// Has the host that holds a gateway ask it as soon as possible. Returns whether it does: not if it does not poll the gateway; null
    /// if no host holds the gateway now, or that one does not answer.
    /// </summary>
    Task<bool?> AuditAsync(string gateway);

    /// <summary>Has the host that holds a gateway release a connection.</summary>
    Task<ReleaseAnswer> ReleaseAsync(string gateway, string connection, string by, string reason);
}

/// <summary>How the newest audit of a gateway went, whichever host made it.</summary>
/// <param name="IsRecent">Whether the host that holds the gateway's unit has heard it since it took the unit, and within the last
/// few intervals.</param>
/// <param name="Complete">Whether it listed everything.</param>
/// <param name="Silent">Whether it told nothing.</param>
public readonly record struct SharedAudit(bool IsRecent, bool Complete, bool Silent);

using CallServer.Model;
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

    /// <summary>
    /// What the clock that all hosts can ask tells of this host's timeline, so that they show times alike whatever becomes of their own
    /// wall clocks; null before this host has joined.
    /// </summary>
    ClockReading? CommonClock { get; }

    /// <summary>How many units this host holds now.</summary>
    int UnitsHeld { get; }

    /// <summary>
    /// The hosts of the fleet and what each of them holds, by their names. Throws StoreException if the database cannot be read.
    /// </summary>
    Task<SharedHosts> HostsAsync(CancellationToken cancellation);

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
    /// How many connections of these gateways are written as active, whoever asks them. Throws StoreException if the database cannot
    /// be read.
    /// </summary>
    Task<long> CountConnectionsAsync(IReadOnlyCollection<string> gateways, CancellationToken cancellation);

    /// <summary>
    /// Has the host that holds a gateway ask it as soon as possible. Returns whether it does: not if it does not poll the gateway; null
    /// if no host holds the gateway now, or that one does not answer.
    /// </summary>
    Task<bool?> AuditAsync(string gateway);

    /// <summary>Has the host that holds a gateway release a connection.</summary>
    Task<ReleaseAnswer> ReleaseAsync(string gateway, string connection, string by, string reason);

    /// <summary>
    /// Asks all other hosts (see <see cref="ServerRuntime.AnswerAsync"/>), each for some seconds at most. Throws StoreException before
    /// this host has joined.
    /// </summary>
    /// <param name="question">The question.</param>
    /// <param name="read">Reads an answer; null for one that does not answer the question, as that of a host of another version. It
    /// counts as none.</param>
    /// <param name="cancellation">Gives up.</param>
    Task<HostAnswers<T>> AskAsync<T>(string question, Func<string, T?> read, CancellationToken cancellation)
        where T : class;

    /// <summary>
    /// Up to when this host's calls include what the other hosts wrote; null before that is known.
    /// </summary>
    Instant? JoinedUntil { get; }
}

/// <summary>What other hosts answered.</summary>
/// <param name="Answers">One for each that answered.</param>
/// <param name="Rest">The gateways, in the order of lists, that none of these held all the time: this host's own, and those of which
/// nobody tells.</param>
public sealed record HostAnswers<T>(IReadOnlyList<T> Answers, IReadOnlyList<string> Rest);

/// <summary>How the newest audit of a gateway went, whichever host made it.</summary>
/// <param name="IsRecent">Whether the host that holds the gateway's unit has heard it since it took the unit, and within the last
/// few intervals.</param>
/// <param name="Complete">Whether it listed everything.</param>
/// <param name="Silent">Whether it told nothing.</param>
public readonly record struct SharedAudit(bool IsRecent, bool Complete, bool Silent);

/// <summary>The hosts of a fleet.</summary>
/// <param name="Units">How many units the record has.</param>
/// <param name="Hosts">All that live, and those that have died within the last hour or still own units.</param>
public sealed record SharedHosts(int Units, IReadOnlyList<SharedHost> Hosts);

/// <summary>A host of the fleet: one start of one process.</summary>
/// <param name="Name">The name of the server.</param>
/// <param name="Address">Where the other hosts reach it, IP address and port.</param>
/// <param name="IsSelf">Whether it is this one.</param>
/// <param name="State">What the membership says of it.</param>
/// <param name="Started">When it started, by its own clock, UTC.</param>
/// <param name="Alive">When it last wrote that it lives, by its own clock, UTC; every five seconds.</param>
/// <param name="Units">How many units it owns. Those of a dead host are free to be taken.</param>
/// <param name="Gateways">How many configured gateways belong to them.</param>
/// <param name="Took">When it took the newest of them, by the database's clock, UTC; null if it owns none.</param>
public sealed record SharedHost(
    string Name,
    string Address,
    bool IsSelf,
    HostState State,
    DateTime Started,
    DateTime Alive,
    int Units,
    int Gateways,
    DateTime? Took
);

/// <summary>What the membership says of a host.</summary>
public enum HostState
{
    /// <summary>It has begun, and asks nobody yet.</summary>
    Joining,

    /// <summary>It holds its share.</summary>
    Active,

    /// <summary>It hands over what it holds.</summary>
    Leaving,

    /// <summary>It has left, or the others have declared it dead.</summary>
    Dead,
}

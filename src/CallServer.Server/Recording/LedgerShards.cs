using System.Reactive.Concurrency;
using System.Reactive.Linq;
using CallServer.Model;
using CallServer.Server.Net;
using CallServer.Server.Polling;
using CallServer.Server.Releasing;
using CallServer.Storage;
using CallServer.Surface;

namespace CallServer.Server.Recording;

/// <summary>The record of every gateway, in shards by the gateways' ids.</summary>
public sealed class LedgerShards : IDisposable
{
    private readonly LedgerShard[] shards;

    /// <param name="schedulers">One for each shard; each runs one thing at a time.</param>
    /// <param name="clock">Time.</param>
    /// <param name="identity">Whose record it is.</param>
    /// <param name="writer">Saves it.</param>
    /// <param name="joining">Joins connections into calls; runs one thing at a time.</param>
    /// <param name="logger">Says what changed.</param>
    /// <param name="wants">What the outbox's readers want besides CDRs; null: nothing.</param>
    /// <param name="limits">How many connections a gateway may have; null: as many as is usual.</param>
    /// <param name="protocols">That the gateways speak; null: those that come with the program.</param>
    public LedgerShards(
        IReadOnlyList<IScheduler> schedulers,
        IClock clock,
        ServerIdentity identity,
        StoreWriter writer,
        IScheduler joining,
        ILogger logger,
        AccountingWants? wants = null,
        RecordLimits? limits = null,
        GatewayProtocols? protocols = null
    )
    {
        Identity = identity;
        Joiner = new CallJoiner(
            joining,
            clock,
            identity,
            writer,
            Counters,
            () => States,
            protocols ?? GatewayProtocols.BuiltIn,
            logger
        );
        shards =
        [
            .. schedulers.Select(scheduler => new LedgerShard(
                scheduler,
                clock,
                identity,
                writer,
                Counters,
                wants ?? AccountingWants.Finals,
                limits ?? RecordLimits.Usual,
                logger
            )),
        ];
        Steps = shards.Select(shard => shard.Steps).Merge();
        Steps.Subscribe(Joiner.Take);
    }

    /// <summary>Whose record it is.</summary>
    public ServerIdentity Identity { get; }

    /// <summary>
    /// What the shards took in, one step after the other and those of a gateway in order, on their threads: whoever follows
    /// hands over and returns.
    /// </summary>
    public IObservable<ShardStep> Steps { get; }

    /// <summary>What it counts.</summary>
    public RecordCounters Counters { get; } = new();

    /// <summary>The calls of all gateways.</summary>
    public CallJoiner Joiner { get; }

    /// <summary>Every gateway of which something is known, by id.</summary>
    public IReadOnlyList<GatewayState> States =>
        [.. shards.SelectMany(shard => shard.States).OrderBy(state => state.Gateway, StringComparer.Ordinal)];

    /// <summary>The newest state of a gateway; null where nothing is known of it.</summary>
    public GatewayState? Find(string gateway) => Shard(gateway).Find(gateway);

    /// <summary>As the store kept it; before anything is taken in.</summary>
    public void Restore(StoreImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        foreach (var gateway in image.Gateways)
            Shard(gateway.Gateway).Restore(gateway);
        Joiner.Restore(image.Gateways);
    }

    /// <summary>
    /// This server took over at this instant: nothing is confirmed until the gateways speak. Ends when what was
    /// handed over before is taken in.
    /// </summary>
    /// <param name="at">When it was decided.</param>
    /// <param name="lastHeard">When the other server was last heard to act; null where it never was.</param>
    /// <param name="gateways">Those that are to be asked.</param>
    public Task TakenOverAsync(Instant at, Instant? lastHeard, IEnumerable<string> gateways)
    {
        var owners = gateways.ToLookup(Shard);
        return Task.WhenAll(shards.Select(shard => shard.TakenOverAsync(at, lastHeard, [.. owners[shard]])));
    }

    /// <summary>Leaves connections to another server, which has them; from any thread, returns at once.</summary>
    public void Leave(string gateway, IReadOnlyCollection<string> connections) =>
        Shard(gateway).Leave(gateway, connections);

    /// <summary>Takes in what an audit learnt; from any thread, returns at once.</summary>
    public void Take(AuditResult result, string? uri)
    {
        ArgumentNullException.ThrowIfNull(result);
        Shard(result.Gateway).Take(result, uri);
    }

    /// <summary>Ends when what was handed over of a gateway so far is in its record and in the calls.</summary>
    public async Task PassAsync(string gateway)
    {
        await Shard(gateway).PassAsync();
        await Joiner.PassAsync();
    }

    /// <summary>
    /// A gateway said, heard at this instant, that it began anew and lost its connections; from any thread,
    /// returns at once.
    /// </summary>
    public void NoteRestart(string gateway, Instant at) => Shard(gateway).NoteRestart(gateway, at);

    /// <summary>Takes in how a release went; gives the CDR, null where there is none.</summary>
    public Task<CdrView?> Take(ReleaseOrder order, ReleaseResult result)
    {
        ArgumentNullException.ThrowIfNull(order);
        return Shard(order.Gateway).Take(order, result);
    }

    /// <summary>Takes in nothing more.</summary>
    public void Dispose()
    {
        foreach (var shard in shards)
            shard.Dispose();
    }

    private LedgerShard Shard(string gateway) => shards[(int)(Phase.Hash(gateway) % (ulong)shards.Length)];
}

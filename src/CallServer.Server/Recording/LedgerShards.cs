using System.Reactive;
using System.Reactive.Concurrency;
using System.Reactive.Subjects;
using CallServer.Model;
using CallServer.Server.Measuring;
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
    private readonly Subject<ShardStep> steps = new();
    private Order order = new(0, []);

    /// <param name="schedulers">One for each shard; each runs one action at a time.</param>
    /// <param name="clock">The server's clock.</param>
    /// <param name="identity">The server whose record it is.</param>
    /// <param name="writer">Saves the record.</param>
    /// <param name="joining">Where connections are joined into calls; runs one action at a time.</param>
    /// <param name="logger">Reports what changed.</param>
    /// <param name="wants">What the outbox's readers want besides CDRs; null for nothing.</param>
    /// <param name="limits">How many connections a gateway may have; null for the default.</param>
    /// <param name="protocols">The protocols that the gateways speak; null for the built-in ones.</param>
    /// <param name="measures">Measures what is taken in; null for no one.</param>
    /// <param name="isShared">Whether hosts share the record, so that each gateway is held by unit and epoch.</param>
    public LedgerShards(
        IReadOnlyList<IScheduler> schedulers,
        IClock clock,
        ServerIdentity identity,
        StoreWriter writer,
        IScheduler joining,
        ILogger logger,
        AccountingWants? wants = null,
        RecordLimits? limits = null,
        GatewayProtocols? protocols = null,
        Measures? measures = null,
        bool isShared = false
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
            logger,
            isShared
        );
        steps.Subscribe(Joiner.Take);
        // The shards report side by side.
        var reports = Observer.Synchronize(steps);
        shards =
        [
            .. schedulers.Select(scheduler => new LedgerShard(
                scheduler,
                clock,
                identity,
                writer,
                Counters,
                reports,
                wants ?? AccountingWants.Finals,
                limits ?? RecordLimits.Usual,
                logger,
                measures,
                isShared
            )),
        ];
    }

    /// <summary>The server whose record it is.</summary>
    public ServerIdentity Identity { get; }

    /// <summary>
    /// Every step that the shards took in, those of a gateway in order, on the shards' threads: a subscriber must hand
    /// over and return.
    /// </summary>
    public IObservable<ShardStep> Steps => steps;

    /// <summary>Counters of the record.</summary>
    public RecordCounters Counters { get; } = new();

    /// <summary>The calls of all gateways.</summary>
    public CallJoiner Joiner { get; }

    /// <summary>Every gateway of which something is known, by id.</summary>
    public IEnumerable<GatewayState> States =>
        InOrder().Select(place => place.Shard.Find(place.Gateway)).OfType<GatewayState>();

    /// <summary>The same in any order, for whoever only counts.</summary>
    public IEnumerable<GatewayState> Unordered => shards.SelectMany(shard => shard.States);

    /// <summary>The states of all gateways, or of one, by id.</summary>
    public IEnumerable<GatewayState> StatesOf(string? gateway) =>
        gateway is null ? States
        : Find(gateway) is { } state ? [state]
        : [];

    /// <summary>The newest state of a gateway; null if nothing is known of it.</summary>
    public GatewayState? Find(string gateway) => Shard(gateway).Find(gateway);

    /// <summary>Restores what the store kept. Call it before anything is taken in.</summary>
    public void Restore(StoreImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        foreach (var gateway in image.Gateways)
            Shard(gateway.Gateway).Restore(gateway);
        Joiner.Restore(image.Gateways);
    }

    /// <summary>
    /// From now on these gateways are held under this epoch of their unit, with what the record has of them. Completes when
    /// that is so.
    /// </summary>
    public async Task HoldAsync(
        UnitFence fence,
        IReadOnlyList<string> gateways,
        IReadOnlyList<StoredGateway> stored
    )
    {
        var (owners, records) = (
            gateways.ToLookup(Shard),
            stored.ToLookup(gateway => Shard(gateway.Gateway))
        );
        await Task.WhenAll(owners.Select(own => own.Key.HoldAsync(fence, [.. own], [.. records[own.Key]])));
        Joiner.Restore(stored);
    }

    /// <summary>Forgets what is held under this epoch. Completes when that is so.</summary>
    public async Task LetAsync(UnitFence fence)
    {
        var left = await Task.WhenAll(shards.Select(shard => shard.LetAsync(fence)));
        Joiner.Leave([.. left.SelectMany(gateways => gateways)]);
    }

    /// <summary>
    /// This server took over at this instant: nothing is confirmed until the gateways are heard again. Completes when
    /// everything handed over before is taken in.
    /// </summary>
    /// <param name="at">When the takeover was decided.</param>
    /// <param name="lastHeard">When the other server was last heard to act; null if never.</param>
    /// <param name="gateways">The gateways that are to be asked.</param>
    public Task TakenOverAsync(Instant at, Instant? lastHeard, IEnumerable<string> gateways)
    {
        var owners = gateways.ToLookup(Shard);
        return Task.WhenAll(shards.Select(shard => shard.TakenOverAsync(at, lastHeard, [.. owners[shard]])));
    }

    /// <summary>
    /// Leaves connections to another server, which has them. Callable from any thread; returns at once.
    /// </summary>
    public void Leave(string gateway, IReadOnlyCollection<string> connections) =>
        Shard(gateway).Leave(gateway, connections);

    /// <summary>Takes in what an audit learnt. Callable from any thread; returns at once.</summary>
    public void Take(AuditResult result, string? uri)
    {
        ArgumentNullException.ThrowIfNull(result);
        Shard(result.Gateway).Take(result, uri);
    }

    /// <summary>Completes when everything handed over so far is in the record.</summary>
    public Task PassAsync() => Task.WhenAll(shards.Select(shard => shard.PassAsync()));

    /// <summary>Completes when everything handed over of a gateway so far is in its record and in the calls.</summary>
    public async Task PassAsync(string gateway)
    {
        await Shard(gateway).PassAsync();
        await Joiner.PassAsync();
    }

    /// <summary>
    /// A gateway announced, heard at this instant, that it restarted and lost its connections. Callable from any
    /// thread; returns at once.
    /// </summary>
    public void NoteRestart(string gateway, Instant at) => Shard(gateway).NoteRestart(gateway, at);

    /// <summary>Takes in how a release went. Returns the CDR, or null if there is none.</summary>
    public Task<CdrView?> Take(ReleaseOrder order, ReleaseResult result)
    {
        ArgumentNullException.ThrowIfNull(order);
        return Shard(order.Gateway).Take(order, result);
    }

    /// <summary>Stops reporting what the shards take in.</summary>
    public void Dispose() => steps.Dispose();

    /// <summary>
    /// Where every gateway is of which something is known, by id. Sorting them is most of what a page of a list costs, and they
    /// seldom come and go.
    /// </summary>
    private (string Gateway, LedgerShard Shard)[] InOrder()
    {
        var last = Volatile.Read(ref order);
        // Read before the gateways are: one that comes meanwhile may be missing here, and is there the next time.
        var changes = shards.Sum(shard => shard.Changes);
        if (last.Changes == changes)
            return last.Places;
        var places = shards
            .SelectMany(shard => shard.States, (shard, state) => (state.Gateway, shard))
            .OrderBy(place => place.Gateway, StringComparer.Ordinal)
            .ToArray();
        Volatile.Write(ref order, new Order(changes, places));
        return places;
    }

    private LedgerShard Shard(string gateway) => shards[(int)(Phase.Hash(gateway) % (ulong)shards.Length)];

    private sealed record Order(long Changes, (string Gateway, LedgerShard Shard)[] Places);
}

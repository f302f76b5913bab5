using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using CallServer.Server.Accounting;
using CallServer.Server.Configuration;
using CallServer.Server.Listening;
using CallServer.Server.Measuring;
using CallServer.Server.Net;
using CallServer.Server.Polling;
using CallServer.Server.Recording;
using CallServer.Server.Recording.Cdrs;
using CallServer.Server.Releasing;
using CallServer.Server.Roles;
using CallServer.Storage;
using CallServer.Surface;

namespace CallServer.Server;

/// <summary>
/// A running server without its HTTP side: clock, sockets, audit loops, ledger shards, the store's writer and the CDR
/// files, each loop on its own thread.
/// </summary>
public sealed partial class ServerRuntime : IAsyncDisposable
{
    /// <summary>After this time the server counts as ready even if some gateways have not answered.</summary>
    public static readonly TimeSpan ReadyAtLatest = TimeSpan.FromSeconds(10);

    private const int Shards = 2;

    // So no host of a fleet asks for more than some twenty transactions a second of the database that all of them share, and what
    // others read there is hardly older.
    private static readonly TimeSpan SharedGathering = TimeSpan.FromMilliseconds(50);

    private readonly ILoggerFactory loggers;
    private readonly ILogger logger;
    private readonly ILedgerStore store;
    private readonly IGatewayShare? share;
    private readonly SystemClock clock;
    private readonly List<LoopScheduler> shardLoops = [];
    private readonly List<LoopScheduler> auditLoops = [];
    private readonly LoopScheduler asideLoop;
    private readonly LoopScheduler storeLoop;
    private readonly LoopScheduler fileLoop;
    private readonly LoopScheduler callLoop;
    private readonly LoopScheduler roleLoop;
    private readonly PeerLink? peerLink;
    private readonly IReadOnlyList<SinkService> sinks;
    private readonly ServerDuties duties;
    private readonly StoreIdentity kept;
    private readonly CompositeDisposable watches = [];
    private readonly Model.Instant started;
    private ServerConfiguration configuration;
    private readonly Lock reloading = new();
    private ServerHistory? history;
    private bool ready;
    private int stopped;

    private ServerRuntime(
        ServerConfiguration configuration,
        ServerParts parts,
        ILoggerFactory loggers,
        Measures? measures
    )
    {
        this.configuration = configuration;
        this.loggers = loggers;
        Measures = measures;
        logger = loggers.CreateLogger("CallServer");
        Protocols = parts.Protocols;
        share = parts.Share;
        var timeline = share is null ? null : new SystemClock();
        store = parts.OpenStore?.Invoke() ?? RecordStore.Open(configuration, share, timeline);
        try
        {
            var image = store.Load();
            clock = timeline ?? SystemClock.Continue(image.Correction, image.Steps);
            started = clock.Now.Steady;
            kept = image.Identity;
            var epoch = Math.Max(1, kept.Epoch);

            asideLoop = Loop("audits-aside");
            storeLoop = Loop("store");
            fileLoop = Loop("cdr-file");
            callLoop = Loop("calls");
            roleLoop = Loop("role");
            Events = new EventFeed(store);
            EventReaders = new Web.EventReaders(configuration.EventReaders);
            Writer = new StoreWriter(store, storeLoop, loggers.CreateLogger("CallServer.Store"))
            {
                Gathering = share is null ? TimeSpan.Zero : SharedGathering,
            };
            Masking = new Masking(configuration.Privacy);
            Controls = new ControlLog(
                Writer,
                clock,
                TaskPoolScheduler.Default,
                loggers.CreateLogger("CallServer.Control")
            );
            CdrFiles = new CdrFiles(configuration, store, fileLoop, loggers.CreateLogger("CallServer.Cdr"));
            Radius = RadiusService.Open(configuration, store, clock, loggers);
            Push = PushService.Open(configuration, Masking, store, clock, loggers);
            sinks = [.. new SinkService?[] { Radius, Push }.OfType<SinkService>()];
            OutboxReaders = [.. CdrFiles.Readers, .. sinks.Select(sink => sink.Reader)];
            store.RegisterReaders(OutboxReaders);
            for (var shard = 0; shard < Shards; shard++)
            {
                shardLoops.Add(Loop($"ledger-{shard}"));
                auditLoops.Add(Loop($"audits-{shard}"));
            }

            Memory = new MemoryBudget(configuration.Memory);
            Ledger = new LedgerShards(
                shardLoops,
                clock,
                new ServerIdentity(configuration.Name, epoch),
                Writer,
                callLoop,
                loggers.CreateLogger("CallServer.Ledger"),
                new AccountingWants(
                    configuration.CdrInterim ?? TimeSpan.Zero,
                    Starts: Radius is not null
                        || configuration.CdrHttp?.Records.Contains(AccountingKind.Start) is true
                ),
                new RecordLimits(() => Configuration.Gateways.Count, Memory),
                parts.Protocols,
                measures,
                isShared: share is not null
            );
            Ledger.Restore(image);
            StoreNews.Tell(image, store, clock, logger);
            StoreNews.Say(image, configuration, logger);

            var network = parts.OpenNetwork?.Invoke(clock) ?? new FleetNetwork(clock, loggers);
            Fleet = network as FleetNetwork;
            var heap = new HeapWatch(Memory);
            AuditLoop Audits(LoopScheduler loop, AuditLoop? beside = null) =>
                new(loop, new AuditRunner(network, clock, loop, memory: Memory, heap: heap), beside);
            var aside = Audits(asideLoop);
            Polling = new PollingService(
                clock,
                parts.Resolver ?? new EndpointResolver(),
                configuration,
                [.. auditLoops.Select(loop => Audits(loop, aside))],
                gateway => Ledger.Find(gateway)?.Record.Known,
                loggers.CreateLogger("CallServer.Polling"),
                TakenInAsync,
                AuditPace.Known,
                share is null ? null : () => share.MayAsk
            );
            Polling.Results.Subscribe(polled => Ledger.Take(polled.Result, polled.Gateway.Uri.Text));
            Writer.Committed.Subscribe(OnCommitted);
            Releaser = new Releaser(
                () => Configuration,
                () =>
                    Roles?.Role is { Acts: false } standby
                        ? $"this server is a standby: ask the one that acts{(standby.Peer is { } peer ? $", {peer}" : "")}"
                        : null,
                Ledger,
                Polling,
                parts.Protocols,
                clock,
                loggers.CreateLogger("CallServer.Releasing")
            );
            var pairLog = loggers.CreateLogger("CallServer.Pair");
            Recovery = new Recovery(
                () => Configuration,
                store,
                Ledger,
                Polling,
                NudgeReaders,
                clock,
                storeLoop,
                pairLog,
                measures
            );
            if (configuration.Pair is { } pair)
            {
                Trust = new PeerTrust(configuration.Name, pair.Secret, clock);
                peerLink = new PeerLink(PeerPatience(configuration), Trust, pairLog);
                Settlement = new Settlement(
                    store,
                    Ledger,
                    () => Roles?.Role,
                    () => Polling.Pace == AuditPace.Known,
                    () =>
                        Configuration
                            .Gateways.Select(gateway => gateway.Interval)
                            .Append(TimeSpan.Zero)
                            .Max(),
                    NudgeReaders,
                    Trust,
                    clock,
                    storeLoop,
                    pairLog
                );
            }

            duties = new ServerDuties(
                () => Configuration,
                store,
                Ledger,
                Polling,
                () => Follow(Configuration),
                Writer,
                clock,
                Recovery.ReleaseHeld,
                Recovery.Begin,
                pairLog
            );
            Roles = new RoleKeeper(clock, roleLoop, peerLink, duties, pairLog);
        }
        catch
        {
            store.Dispose();
            throw;
        }
    }

    /// <summary>The current configuration.</summary>
    public ServerConfiguration Configuration => Volatile.Read(ref configuration);

    /// <summary>The protocols in which gateways can be asked.</summary>
    internal GatewayProtocols Protocols { get; }

    /// <summary>This host's part of a fleet; null for a server alone or of a pair.</summary>
    internal IGatewayShare? Share => share;

    /// <summary>The record.</summary>
    public LedgerShards Ledger { get; }

    /// <summary>Saves the record.</summary>
    public StoreWriter Writer { get; }

    /// <summary>What audits and the record hold together.</summary>
    public MemoryBudget Memory { get; }

    /// <summary>Asks the gateways.</summary>
    public PollingService Polling { get; }

    /// <summary>Ends connections on an operator's order.</summary>
    public Releaser Releaser { get; }

    /// <summary>The sockets; null if the network was given.</summary>
    public FleetNetwork? Fleet { get; }

    /// <summary>The files that billing reads.</summary>
    public CdrFiles CdrFiles { get; }

    /// <summary>Accounting to a RADIUS server; null if none is configured.</summary>
    public RadiusService? Radius { get; }

    /// <summary>The posting of CDRs over HTTP; null if none is configured.</summary>
    public PushService? Push { get; }

    /// <summary>The names of those that take records from the store's outbox.</summary>
    public IReadOnlyList<string> OutboxReaders { get; }

    /// <summary>
    /// The loops that answer as long as the server does its work, by name. Those that wait for disks (the store, the CDR
    /// files) are not among them: a server whose disk hangs keeps the record in memory, and must not be ended for it.
    /// </summary>
    internal IReadOnlyList<(string Name, IScheduler Loop)> Loops =>
        [
            ("role", roleLoop),
            .. auditLoops.Select((loop, number) => ($"audits-{number}", (IScheduler)loop)),
            ("audits-aside", asideLoop),
            .. shardLoops.Select((loop, number) => ($"ledger-{number}", (IScheduler)loop)),
            ("calls", callLoop),
        ];

    /// <summary>What is measured as it happens; null if nothing is.</summary>
    public Measures? Measures { get; }

    /// <summary>The server's figures over the last hour, from its start on.</summary>
    internal IReadOnlyList<ServerSample> History => history?.Samples ?? [];

    /// <summary>Counts and limits the clients of the event stream.</summary>
    internal Web.EventReaders EventReaders { get; }

    /// <summary>Hides numbers of people where the configuration wants it.</summary>
    public Masking Masking { get; }

    /// <summary>Keeps who asked for what besides reading.</summary>
    internal ControlLog Controls { get; }

    /// <summary>Announces changes to the event stream.</summary>
    public EventFeed Events { get; }

    /// <summary>The store: the past's CDRs and audits.</summary>
    public ILedgerStore Store => store;

    /// <summary>The server's clock.</summary>
    public IClock Clock => clock;

    /// <summary>How long it has run.</summary>
    public TimeSpan Uptime => clock.Now.Steady - started;

    /// <summary>When it began, on the record's timeline.</summary>
    public Model.Instant Started => started;

    /// <summary>
    /// Whether the record is loaded and every gateway has been asked once or has had its time. Once true, it stays
    /// true.
    /// </summary>
    public bool IsReady
    {
        get
        {
            if (!Volatile.Read(ref ready))
            {
                var due =
                    Roles.Role is { Decided: true }
                    && (
                        Polling.Pace == AuditPace.Known
                        || Uptime >= ReadyAtLatest
                        || Configuration.Gateways.All(gateway =>
                            Ledger.Find(gateway.Id) is { AskedSinceStart: true }
                        )
                    );
                if (due)
                    Volatile.Write(ref ready, true);
            }

            return Volatile.Read(ref ready);
        }
    }

    /// <summary>
    /// Opens the store and everything else, but asks nobody yet. Throws StoreException if the store cannot be used.
    /// </summary>
    public static ServerRuntime Open(
        ServerConfiguration configuration,
        ServerParts parts,
        ILoggerFactory loggers,
        Measures? measures = null
    )
    {
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentNullException.ThrowIfNull(parts);
        return new ServerRuntime(configuration, parts, loggers, measures);
    }

    /// <summary>The ports on which gateways speak unasked; null until they are open.</summary>
    public Listeners? Listeners { get; private set; }

    /// <summary>Decides which server acts, this one or the other.</summary>
    public RoleKeeper Roles { get; }

    /// <summary>Authenticates the two servers of a pair to each other; null if this one runs alone.</summary>
    public PeerTrust? Trust { get; }

    /// <summary>Settles held CDRs; null if this server runs alone.</summary>
    public Settlement? Settlement { get; }

    /// <summary>Recovers the record after a takeover.</summary>
    public Recovery Recovery { get; }

    /// <summary>How long to wait before a heartbeat is given up.</summary>
    private static TimeSpan PeerPatience(ServerConfiguration configuration)
    {
        var shortest = TimeSpan.FromSeconds(1);
        var patience = configuration.Backup is { } backup ? backup.Heartbeat * backup.Misses : shortest;
        return patience > shortest ? patience : shortest;
    }

    private static LoopScheduler Loop(string name) => new("callserver " + name);

    /// <summary>
    /// Completes when what was learnt of a gateway so far is in the record and the store has tried to save it.
    /// </summary>
    private async Task TakenInAsync(string gateway)
    {
        await Ledger.PassAsync(gateway);
        await Writer.PassAsync(gateway);
    }

    /// <summary>Asks the configured gateways, or this host's share of them. Returns those that are no longer asked at all.</summary>
    private IReadOnlyList<GatewayConfiguration> Follow(ServerConfiguration next)
    {
        if (share is null)
            return Polling.Follow(next);
        share.Follow(next);
        return [];
    }

    /// <summary>What other hosts of a fleet have written.</summary>
    private void LookForNews()
    {
        NudgeReaders();
        Events.Announce();
    }

    private void NudgeReaders()
    {
        CdrFiles.Nudge();
        foreach (var sink in sinks)
            sink.Nudge();
    }

    private void OnCommitted(CommitResult result)
    {
        if (result.Told)
            NudgeReaders();
        if (result.Changes.Count > 0)
            Events.Announce();
    }
}

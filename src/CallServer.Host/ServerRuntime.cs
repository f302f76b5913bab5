using System.Reactive.Concurrency;
using System.Reactive.Disposables;
using CallServer.Host.Accounting;
using CallServer.Host.Configuration;
using CallServer.Host.Listening;
using CallServer.Host.Net;
using CallServer.Host.Polling;
using CallServer.Host.Recording;
using CallServer.Host.Recording.Cdrs;
using CallServer.Host.Releasing;
using CallServer.Host.Roles;
using CallServer.Storage;
using CallServer.Storage.Sqlite;
using CallServer.Surface;

namespace CallServer.Host;

/// <summary>What a server may be given instead of the machine's own; null is the machine's own.</summary>
public sealed record ServerParts
{
    /// <summary>Opens the store.</summary>
    public Func<ILedgerStore>? OpenStore { get; init; }

    /// <summary>Opens the network of the audits; what comes is stamped by the server's clock.</summary>
    public Func<IClock, IGatewayNetwork>? OpenNetwork { get; init; }

    /// <summary>Host names.</summary>
    public IEndpointResolver? Resolver { get; init; }

    /// <summary>Where logs go besides or instead of standard error; null is standard error.</summary>
    public Action<ILoggingBuilder>? Logging { get; init; }

    /// <summary>
    /// Reads the configuration again, on SIGHUP; null reads the file that it came from, if it came from one.
    /// </summary>
    public Func<ServerConfiguration>? Reload { get; init; }
}

/// <summary>
/// A running server without its HTTP side: clock, sockets, audit loops, ledger shards, the store's writer and
/// the CDR file, each loop with its own thread.
/// </summary>
public sealed class ServerRuntime : IAsyncDisposable
{
    /// <summary>After this the server is ready though some gateways have not answered yet.</summary>
    public static readonly TimeSpan ReadyAtLatest = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan SavePatience = TimeSpan.FromSeconds(2);
    private const int Shards = 2;

    private readonly ILoggerFactory loggers;
    private readonly ILogger logger;
    private readonly ILedgerStore store;
    private readonly SystemClock clock;
    private readonly List<EventLoopScheduler> shardLoops = [];
    private readonly List<EventLoopScheduler> auditLoops = [];
    private readonly EventLoopScheduler storeLoop;
    private readonly EventLoopScheduler fileLoop;
    private readonly EventLoopScheduler callLoop;
    private readonly EventLoopScheduler roleLoop;
    private readonly PeerLink peerLink;
    private readonly ServerDuties duties;
    private readonly StoreIdentity kept;
    private readonly CompositeDisposable watches = [];
    private readonly Model.Instant started;
    private ServerConfiguration configuration;
    private bool ready;
    private int stopped;

    private ServerRuntime(ServerConfiguration configuration, ServerParts parts, ILoggerFactory loggers)
    {
        this.configuration = configuration;
        this.loggers = loggers;
        logger = loggers.CreateLogger("CallServer");
        store = (parts.OpenStore ?? OpenSqlite)();
        try
        {
            var image = store.Load();
            clock = SystemClock.Continue(image.Correction);
            started = clock.Now.Steady;
            kept = image.Identity;
            var epoch = Math.Max(1, kept.Epoch);

            storeLoop = Loop("store");
            fileLoop = Loop("cdr-file");
            callLoop = Loop("calls");
            roleLoop = Loop("role");
            Events = new EventFeed(store);
            Writer = new StoreWriter(store, storeLoop, OnCommitted, loggers.CreateLogger("CallServer.Store"));
            CdrFiles = new CdrFiles(configuration, store, fileLoop, loggers.CreateLogger("CallServer.Cdr"));
            Radius = RadiusService.Open(configuration, store, clock, loggers);
            store.RegisterReaders([
                .. CdrFiles.Readers,
                .. Radius is null ? [] : (string[])[RadiusSink.Reader],
            ]);
            for (var shard = 0; shard < Shards; shard++)
            {
                shardLoops.Add(Loop($"ledger-{shard}"));
                auditLoops.Add(Loop($"audits-{shard}"));
            }

            Ledger = new LedgerShards(
                shardLoops,
                clock,
                new ServerIdentity(configuration.Name, epoch),
                Writer,
                callLoop,
                loggers.CreateLogger("CallServer.Ledger"),
                new AccountingWants(configuration.CdrInterim ?? TimeSpan.Zero, Starts: Radius is not null)
            );
            Ledger.Restore(image);
            Say(image);

            var network = parts.OpenNetwork?.Invoke(clock) ?? new FleetNetwork(clock, loggers);
            Fleet = network as FleetNetwork;
            Polling = new PollingService(
                clock,
                parts.Resolver ?? new EndpointResolver(),
                configuration,
                [.. auditLoops.Select(loop => new AuditLoop(loop, new AuditRunner(network, clock, loop)))],
                gateway => Ledger.Find(gateway)?.Record.Known,
                (gateway, result) => Ledger.Take(result, gateway.Uri.Text),
                loggers.CreateLogger("CallServer.Polling"),
                AuditPace.None
            );
            Releaser = new Releaser(
                () => Configuration,
                () =>
                    Roles?.Role is { Acts: false } standby
                        ? $"this server is a standby: ask the one that acts{(standby.Peer is { } peer ? $", {peer}" : "")}"
                        : null,
                Ledger,
                Polling,
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
                pairLog
            );
            peerLink = new PeerLink(PeerPatience(configuration), configuration.Token, pairLog);
            Settlement = new Settlement(
                store,
                Ledger,
                () => Roles?.Role,
                () => Polling.Pace == AuditPace.None,
                () => Configuration.Gateways.Select(gateway => gateway.Interval).Append(TimeSpan.Zero).Max(),
                NudgeReaders,
                configuration.Token,
                clock,
                storeLoop,
                pairLog
            );
            duties = new ServerDuties(
                () => Configuration,
                store,
                Ledger,
                Polling,
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

    /// <summary>The configuration as it is now.</summary>
    public ServerConfiguration Configuration => Volatile.Read(ref configuration);

    /// <summary>The record.</summary>
    public LedgerShards Ledger { get; }

    /// <summary>Saves it.</summary>
    public StoreWriter Writer { get; }

    /// <summary>Asks the gateways.</summary>
    public PollingService Polling { get; }

    /// <summary>Ends connections at an operator's word.</summary>
    public Releaser Releaser { get; }

    /// <summary>The sockets; null where the network was given.</summary>
    public FleetNetwork? Fleet { get; }

    /// <summary>Where billing reads.</summary>
    public CdrFiles CdrFiles { get; }

    /// <summary>Null where no RADIUS server is configured.</summary>
    public RadiusService? Radius { get; }

    /// <summary>What changed.</summary>
    public EventFeed Events { get; }

    /// <summary>CDRs and audits of the past.</summary>
    public ILedgerStore Store => store;

    /// <summary>Time.</summary>
    public IClock Clock => clock;

    /// <summary>
    /// The record was loaded, and every gateway was asked once or has had its time. Once ready, it stays
    /// ready.
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
                        Polling.Pace == AuditPace.None
                        || clock.Now.Steady - started >= ReadyAtLatest
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
    /// Opens the store and everything else; asks nobody yet. Throws StoreException where the store cannot be
    /// used.
    /// </summary>
    public static ServerRuntime Open(
        ServerConfiguration configuration,
        ServerParts parts,
        ILoggerFactory loggers
    )
    {
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentNullException.ThrowIfNull(parts);
        return new ServerRuntime(configuration, parts, loggers);
    }

    /// <summary>The ports on which gateways speak by themselves; null until they are open.</summary>
    public Listeners? Listeners { get; private set; }

    /// <summary>
    /// Opens the ports on which gateways speak by themselves. Throws ConfigurationException where one cannot
    /// be had.
    /// </summary>
    public async Task ListenAsync() =>
        Listeners = await Listening.Listeners.OpenAsync(
            Configuration,
            Polling,
            Ledger.NoteRestart,
            clock,
            loggers.CreateLogger("CallServer.Listening")
        );

    /// <summary>Who acts, this server or the other one.</summary>
    public RoleKeeper Roles { get; }

    /// <summary>What becomes of CDRs that are held.</summary>
    public Settlement Settlement { get; }

    /// <summary>What follows a takeover.</summary>
    public Recovery Recovery { get; }

    /// <summary>Finds its role, and begins to ask where that is its role's work.</summary>
    /// <param name="address">Where it listens.</param>
    public Task StartAsync(Uri address)
    {
        watches.Add(ClockWatch.Steps(clock, storeLoop).Subscribe(OnStep));
        NudgeReaders();
        var backup = configuration.Backup;
        var watched = backup ?? new BackupConfiguration(address);
        return Roles.StartAsync(now =>
            ServerRole.Start(
                now,
                configuration.Name,
                address.ToString(),
                watched.Heartbeat,
                watched.Misses,
                watched.Cold,
                backup is not null,
                kept.Epoch,
                kept.Acted,
                backup?.Of.ToString() ?? kept.Peer
            )
        );
    }

    /// <summary>So long, and a heartbeat is given up.</summary>
    private static TimeSpan PeerPatience(ServerConfiguration configuration)
    {
        var shortest = TimeSpan.FromSeconds(1);
        var patience = configuration.Backup is { } backup ? backup.Heartbeat * backup.Misses : shortest;
        return patience > shortest ? patience : shortest;
    }

    /// <summary>
    /// Takes a changed configuration, or refuses it whole: then the mistakes say why, and nothing has
    /// changed.
    /// </summary>
    public IReadOnlyList<string> TryReload(ServerConfiguration next)
    {
        ArgumentNullException.ThrowIfNull(next);
        var fixedParts = Configuration.NeedsRestart(next);
        if (fixedParts.Count > 0)
            return [.. fixedParts.Select(part => $"{part} cannot change while the server runs: restart it")];

        Volatile.Write(ref configuration, next);
        foreach (var gateway in Polling.Follow(next))
        {
            // An operator's removal is no evidence that calls ended: they stay in the record, unconfirmed.
            var kept = Ledger.Find(gateway.Id)?.Record.Count ?? 0;
            logger.LogWarning(
                "{Gateway}: removed from the configuration; its {Count} connections stay in the record, unconfirmed",
                gateway.Id,
                kept
            );
            Ledger.Take(
                AuditResult.Unasked(
                    gateway.Id,
                    gateway.Uri.Protocol,
                    clock.Now.Steady,
                    "removed from the configuration"
                ),
                gateway.Uri.Text
            );
        }

        return [];
    }

    /// <summary>What the server says of itself.</summary>
    public ServerStatus Status()
    {
        var gateways = Configuration.Gateways;
        var asked = gateways
            .Select(gateway => Ledger.Find(gateway.Id))
            .Where(state => state is { AskedSinceStart: true, LastAudit: not null })
            .Select(state => state!.LastAudit!)
            .ToList();
        return new ServerStatus(
            Configuration.Name,
            Roles.Role?.Role ?? "standby",
            Ledger.Identity.Epoch,
            Roles.Role?.Peer,
            IsReady,
            Math.Round((clock.Now.Steady - started).TotalSeconds, 3),
            Ledger.States.Sum(state => state.Record.Count),
            new GatewayTotals(
                gateways.Count,
                asked.Count(audit => audit.Complete),
                asked.Count(audit => !audit.Complete && !audit.Silent),
                asked.Count(audit => audit.Silent)
            )
        );
    }

    /// <summary>Stops asking, saves what can be saved in the time there is, and closes.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref stopped, 1) != 0)
            return;
        watches.Dispose();
        Roles.Dispose();
        duties.Dispose();
        Settlement.Dispose();
        peerLink.Dispose();
        Recovery.Dispose();
        if (Listeners is not null)
            await Listeners.DisposeAsync();
        Polling.Dispose();
        if (Fleet is not null)
            await Fleet.DisposeAsync();
        try
        {
            await SaveAsync().WaitAsync(SavePatience);
        }
        catch (TimeoutException)
        {
            logger.LogWarning("stopped before everything was saved: the next audits tell it again");
        }

        Writer.Dispose();
        CdrFiles.Dispose();
        if (Radius is not null)
            await Radius.DisposeAsync();
        Ledger.Joiner.Dispose();
        foreach (
            var loop in (EventLoopScheduler[])
                [roleLoop, .. auditLoops, .. shardLoops, callLoop, storeLoop, fileLoop]
        )
            loop.Dispose();
        store.Dispose();
    }

    private async Task SaveAsync()
    {
        // Whatever the audit loops handed over before now is taken in, then saved, then appended.
        foreach (var loop in (EventLoopScheduler[])[.. auditLoops, .. shardLoops])
            await PassAsync(loop);
        await Ledger.Joiner.PassAsync();
        await Writer.FlushAsync();
        if (Writer.Health is { Healthy: false } health)
            logger.LogWarning(
                "stopped while the store cannot be written: {Gateways} gateways and {Cdrs} CDRs are not saved, the next audits tell them again",
                health.PendingGateways,
                health.PendingCdrs
            );
        await CdrFiles.FlushAsync();
        if (Radius is not null)
            await Radius.FlushAsync();
    }

    private static Task PassAsync(IScheduler loop)
    {
        var passed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        loop.Schedule(() => passed.TrySetResult());
        return passed.Task;
    }

    private static EventLoopScheduler Loop(string name) =>
        new(start => new Thread(start) { Name = "callserver " + name, IsBackground = true });

    private SqliteLedgerStore OpenSqlite() =>
        SqliteLedgerStore.Open(new SqliteStoreOptions { File = configuration.Data });

    private void NudgeReaders()
    {
        CdrFiles.Nudge();
        Radius?.Sink.Nudge();
    }

    private void OnCommitted(CommitResult result)
    {
        if (result.Told)
            NudgeReaders();
        if (result.Changes.Count > 0)
            Events.Announce();
    }

    private void OnStep(TimeSpan step)
    {
        logger.LogWarning(
            "the wall clock was stepped by {Step} s: times are shown corrected by {Correction} s from now on; durations are not touched",
            step.TotalSeconds,
            clock.Correction.TotalSeconds
        );
        Writer.EnqueueCorrection(clock.Correction);
    }

    private void Say(StoreImage image)
    {
        foreach (var row in image.Unreadable)
            logger.LogError(
                "the store holds what this version cannot read, kept there and left out: {Gateway} {Connection}: {Why}",
                row.Gateway,
                row.Connection ?? "(the gateway itself)",
                row.Why
            );
        if (image.Identity.Name is { } name && name != configuration.Name)
            logger.LogWarning(
                "the store was {Before}'s and is {Name}'s from now on",
                name,
                configuration.Name
            );
        var configured = configuration
            .Gateways.Select(gateway => gateway.Id)
            .ToHashSet(StringComparer.Ordinal);
        foreach (var gateway in image.Gateways.Where(gateway => !configured.Contains(gateway.Gateway)))
        {
            if (gateway.Record.Count > 0)
                logger.LogWarning(
                    "{Gateway}: not in the configuration; its {Count} connections stay in the record, unconfirmed",
                    gateway.Gateway,
                    gateway.Record.Count
                );
        }

        logger.LogInformation(
            "loaded {Connections} connections of {Gateways} gateways, all unconfirmed until their gateways speak",
            image.Gateways.Sum(gateway => gateway.Record.Count),
            image.Gateways.Count
        );
    }
}

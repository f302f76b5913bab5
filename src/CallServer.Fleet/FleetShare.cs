using CallServer.Model;
using CallServer.Server;
using CallServer.Server.Configuration;
using CallServer.Server.Recording;
using CallServer.Server.Releasing;
using CallServer.Storage;
using CallServer.Storage.Postgres;

namespace CallServer.Fleet;

/// <summary>This process's part of the fleet: the units that it holds, and the gate.</summary>
internal sealed class FleetShare(ServerConfiguration configuration) : IGatewayShare
{
    private readonly FleetConfiguration fleet = configuration.Fleet!;
    private readonly LoopScheduler loop = new("callserver units");
    private IFleetGate? gate;
    private FleetEnd? end;
    private UnitHost? units;
    private FleetRecord? record;
    private FleetOrders? orders;
    private PostgresLedgerStore? store;
    private FleetView? view;
    private Peers? peers;
    private CallImports? imports;
    private UnitPlaces? places;

    /// <inheritdoc/>
    public bool MayAsk => gate is { MayAsk: true };

    /// <inheritdoc/>
    public bool HasEnded => end is { HasCome: true };

    /// <inheritdoc/>
    public void Join(IHostApplicationBuilder builder, Func<ServerRuntime> runtime)
    {
        orders = new FleetOrders(fleet.Units, runtime);
        builder.AddFleet(
            new FleetOptions
            {
                Name = configuration.Name,
                Listen = fleet.Listen,
                Units = fleet.Units,
                Members = FleetDatabase.Members(
                    new PostgresStoreOptions
                    {
                        Address = configuration.Store!,
                        Password = configuration.ReadStorePassword(),
                        Application = $"callserver {configuration.Name}",
                    }
                ),
                OpenUnits = services => Open(services, runtime()),
                Orders = orders,
                Record = new HostRecord(question => AnswerAsync(question, runtime())),
                OpenImports = services => OpenImports(services, runtime()),
            }
        );
    }

    /// <inheritdoc/>
    public ClockReading? CommonClock => store?.CommonClock;

    /// <inheritdoc/>
    public int UnitsHeld => units?.Held.Count ?? 0;

    /// <inheritdoc/>
    public Task<SharedHosts> HostsAsync(CancellationToken cancellation) =>
        Record.HostsAsync(gate?.Self, cancellation);

    /// <inheritdoc/>
    public void Follow(ServerConfiguration changed) => units?.Reconfigure();

    /// <inheritdoc/>
    /// <remarks>
    /// Each reader belongs to a unit, and whoever holds that serves it. Readers beside each other on one host would do, and
    /// other units are on other hosts.
    /// </remarks>
    public bool Serves(string reader) =>
        MayAsk && units is { } mine && mine.Held.GetValueOrDefault(UnitMap.Of(reader, fleet.Units)) > 0;

    /// <inheritdoc/>
    public Task<IReadOnlyDictionary<string, GatewayState>> ReadAsync(
        IReadOnlyCollection<string> gateways,
        CancellationToken cancellation
    ) => Record.ReadAsync(gateways, cancellation);

    /// <inheritdoc/>
    public Task<IReadOnlyDictionary<string, SharedAudit>> AuditsAsync(CancellationToken cancellation) =>
        Record.AuditsAsync(cancellation);

    /// <inheritdoc/>
    public Task<long> CountConnectionsAsync(
        IReadOnlyCollection<string> gateways,
        CancellationToken cancellation
    ) => Record.CountConnectionsAsync(gateways, cancellation);

    /// <inheritdoc/>
    public Task<bool?> AuditAsync(string gateway) => orders!.PassAuditAsync(gateway);

    /// <inheritdoc/>
    public Task<ReleaseAnswer> ReleaseAsync(string gateway, string connection, string by, string reason) =>
        orders!.PassReleaseAsync(gateway, connection, by, reason);

    /// <inheritdoc/>
    public async Task<HostAnswers<T>> AskAsync<T>(
        string question,
        Func<string, T?> read,
        CancellationToken cancellation
    )
        where T : class
    {
        if (view is null || peers is null || places is null)
            throw new StoreUnavailableException("this host has not joined the fleet yet");
        var told = await Task.WhenAll(
            view.Active.Where(host => host != view.Self)
                .Select(host => peers.AskAsync(host, question, cancellation))
        );
        var (answers, inside) = (new List<T>(), new HashSet<int>());
        foreach (var held in told.OfType<HeldAnswer>())
            if (read(held.Text) is { } answer)
            {
                answers.Add(answer);
                inside.UnionWith(held.Units);
            }
        return new HostAnswers<T>(answers, places.Outside(inside));
    }

    /// <inheritdoc/>
    public Instant? JoinedUntil => imports?.Heard;

    /// <inheritdoc/>
    public void Dispose() => loop.Dispose();

    private FleetRecord Record =>
        record ?? throw new StoreUnavailableException("this host has not joined the fleet yet");

    /// <summary>Answers another host.</summary>
    internal async Task<HeldAnswer> AnswerAsync(string question, ServerRuntime runtime)
    {
        // Others may ask before this host has joined: it holds nothing then, and says so.
        if (units is not { } mine || places is not { } all)
            return new HeldAnswer(
                await runtime.AnswerAsync(question, _ => false, CancellationToken.None),
                []
            );
        var before = mine.Held;
        // What comes while the answer is made may be missing there.
        var whole = all.Whole(
                before.Where(held => held.Value > 0).Select(held => held.Key),
                gateway => runtime.Ledger.Find(gateway) is not null
            )
            .ToHashSet();
        var text = await runtime.AnswerAsync(
            question,
            gateway => whole.Contains(UnitMap.Of(gateway, fleet.Units)),
            CancellationToken.None
        );
        var after = mine.Held;
        return new HeldAnswer(
            text,
            [.. whole.Where(unit => after.GetValueOrDefault(unit) == before.GetValueOrDefault(unit))]
        );
    }

    private CallImports OpenImports(IServiceProvider services, ServerRuntime runtime) =>
        imports = new CallImports(
            ((PostgresLedgerStore)runtime.Store).Connections!,
            runtime.Ledger.Joiner,
            gateway => runtime.Ledger.Find(gateway) is not null,
            gateway => runtime.Configuration.Find(gateway)?.Uri.Protocol,
            runtime.Clock,
            services.GetRequiredService<ILogger<CallImports>>()
        );

    private UnitHost Open(IServiceProvider services, ServerRuntime runtime)
    {
        view = services.GetRequiredService<FleetView>();
        peers = services.GetRequiredService<Peers>();
        gate = services.GetRequiredService<IFleetGate>();
        end = services.GetRequiredService<FleetEnd>();
        orders!.Open(services);
        store = (PostgresLedgerStore)runtime.Store;
        places = new UnitPlaces(fleet.Units, () => runtime.Configuration);
        record = new FleetRecord(store.Whole!, fleet.Units, () => runtime.Configuration, runtime.Clock);
        units = new UnitHost(
            store.Units!,
            fleet.Units,
            runtime.Ledger,
            runtime.Writer,
            runtime.Polling,
            () => runtime.Configuration,
            gate,
            loop,
            services.GetRequiredService<ILoggerFactory>().CreateLogger("CallServer.Units")
        );
        return units;
    }
}

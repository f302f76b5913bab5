using System.Text.Json;
using CallServer.Fleet;
using CallServer.Interop.Peers;
using CallServer.Server;
using CallServer.Server.Configuration;
using CallServer.Server.Net;
using CallServer.Server.Polling;
using CallServer.Server.Recording;
using CallServer.Storage;
using CallServer.Storage.Postgres;
using CallServer.Surface;
using Microsoft.Extensions.Logging.Abstractions;

namespace CallServer.Interop.Storing;

/// <summary>Hosts that hold units of simulated gateways, in one process, over one PostgreSQL server.</summary>
[System.Diagnostics.CodeAnalysis.SuppressMessage(
    "Design",
    "CA1001",
    Justification = "NUnit calls EndTestAsync after each test."
)]
internal sealed class UnitHostTests : SharedRecordFixture
{
    private const int Connections = 20;

    private Scope scope = null!;
    private ServerConfiguration configuration = null!;
    private int[] units = [];

    [SetUp]
    public async Task BeginAsync()
    {
        scope = new Scope();
        var gateway = CallServerProcess.Start(
            scope,
            ["gateway", "--snmp", "0", "--ng", "0", "--connections", $"{Connections}", "--churn", "2"]
        );
        var gateways = new List<object>();
        foreach (var scheme in (string[])["snmp", "ng"])
        {
            var line = await gateway.LineAsync(line => line.StartsWith(scheme, StringComparison.Ordinal));
            gateways.Add(
                new
                {
                    id = scheme,
                    uri = line.Split(' ')[0],
                    interval = "1s",
                }
            );
        }
        var file = scope.PathOf("callserver.json");
        await File.WriteAllTextAsync(file, JsonSerializer.Serialize(new { gateways }));
        configuration = ServerConfiguration.Load(
            file,
            new Dictionary<string, string>(),
            GatewayProtocols.BuiltIn
        );
        units = [.. configuration.Gateways.Select(each => UnitMap.Of(each.Id, Units)).Distinct()];
    }

    [TearDown]
    public async Task EndTestAsync()
    {
        if (scope is not null)
            await scope.DisposeAsync();
    }

    [Test]
    public async Task A_unit_that_is_given_up_goes_on_at_the_next_host()
    {
        await using var a = await OpenAsync("a");
        await using var b = await OpenAsync("b");
        await HoldAsync(a);

        foreach (var unit in units)
        {
            await a.Host.GiveUpAsync(unit, CancellationToken.None);
            b.Host.Hold(unit);
        }
        await ConfirmedAsync(b);

        Assert.That(a.Host.Held, Is.Empty);
        Assert.That(a.Ledger.States, Is.Empty);
        Assert.That(b.Host.Held.Values, Is.All.EqualTo(2));
        Assert.That(b.Ledger.States.Sum(state => state.Record.ConflictsTotal), Is.Zero);
        Assert.That(a.Refusals, Is.Empty);
    }

    [Test]
    public async Task A_host_whose_units_another_one_has_taken_stops_asking_and_writes_nothing_more()
    {
        await using var a = await OpenAsync("a");
        await using var b = await OpenAsync("b");
        await HoldAsync(a);
        await DieAsync(a.Known);

        foreach (var unit in units)
            b.Host.Hold(unit);
        await ConfirmedAsync(b);
        await Eventually.GetAsync(
            () => Task.FromResult(a.Host.Held.Count == 0 ? "nothing" : null),
            () => $"a host that holds nothing; it holds {string.Join(", ", a.Host.Held)}"
        );

        Assert.That(a.Refusals, Is.EquivalentTo(units));
        Assert.That(b.Ledger.States.Sum(state => state.Record.ConflictsTotal), Is.Zero);
        var asked = a.Asked;
        await ConfirmedAsync(b);
        Assert.That(a.Asked, Is.EqualTo(asked));
    }

    private async Task HoldAsync(Member a)
    {
        foreach (var unit in units)
            a.Host.Hold(unit);
        await ConfirmedAsync(a);
    }

    /// <summary>Until a host has heard every gateway once more, and has written what it heard.</summary>
    private async Task ConfirmedAsync(Member host)
    {
        var before = host.Asked;
        await Eventually.GetAsync(
            () =>
                Task.FromResult(
                    host.Asked > before
                    && configuration.Gateways.All(gateway =>
                        host.Ledger.Find(gateway.Id) is { AskedSinceStart: true, LastAudit.Complete: true }
                    )
                        ? "heard"
                        : null
                ),
            () =>
                $"all gateways heard by {host.Known.Self}; it holds {string.Join(", ", host.Host.Held)}: "
                + string.Join("; ", host.Ledger.States.Select(state => $"{state.Gateway} {state.LastAudit}"))
        );
        await host.Writer.FlushAsync();
    }

    private async Task<Member> OpenAsync(string name) => new(configuration, await HostAsync(name));

    /// <summary>A host with everything that it needs to hold units.</summary>
    private sealed class Member : IFleetGate, IAsyncDisposable
    {
        private readonly SystemClock clock = new();
        private readonly FleetNetwork network;
        private readonly PollingService polling;
        private readonly List<LoopScheduler> loops = [];
        private int asked;

        public Member(ServerConfiguration configuration, FleetHost host)
        {
            Known = host;
            network = new FleetNetwork(clock);
            Writer = new StoreWriter(host.Store, Loop("store"), NullLogger.Instance);
            Ledger = new LedgerShards(
                [Loop("ledger-0"), Loop("ledger-1")],
                clock,
                new ServerIdentity(host.Self.Address, 1),
                Writer,
                Loop("calls"),
                NullLogger.Instance,
                isShared: true
            );
            var audits = Loop("audits");
            polling = new PollingService(
                clock,
                new EndpointResolver(),
                configuration with
                {
                    Gateways = [],
                },
                [new AuditLoop(audits, new AuditRunner(network, clock, audits))],
                gateway => Ledger.Find(gateway)?.Record.Known,
                NullLogger.Instance,
                mayAsk: () => MayAsk
            );
            polling.Results.Subscribe(polled =>
            {
                Interlocked.Increment(ref asked);
                Ledger.Take(polled.Result, polled.Gateway.Uri.Text);
            });
            Host = new UnitHost(
                host.Table,
                Units,
                Ledger,
                Writer,
                polling,
                () => configuration,
                this,
                Loop("units"),
                NullLogger.Instance
            );
            Host.Refused += unit =>
            {
                lock (Refusals)
                    Refusals.Add(unit);
            };
        }

        public FleetHost Known { get; }

        public UnitHost Host { get; }

        public LedgerShards Ledger { get; }

        public StoreWriter Writer { get; }

        public List<int> Refusals { get; } = [];

        /// <summary>How many audits and watches have told something.</summary>
        public int Asked => Volatile.Read(ref asked);

        public FleetMember? Self => new(Known.Self.Address, Known.Self.Port, Known.Self.Generation);

        public bool MayAsk => true;

        public async ValueTask DisposeAsync()
        {
            Host.Dispose();
            polling.Dispose();
            await network.DisposeAsync();
            Writer.Dispose();
            Ledger.Joiner.Dispose();
            loops.ForEach(loop => loop.Dispose());
            Ledger.Dispose();
        }

        private LoopScheduler Loop(string name)
        {
            var loop = new LoopScheduler(name);
            loops.Add(loop);
            return loop;
        }
    }
}

using System.Globalization;
using CallServer.Host.Tests.Storage;
using CallServer.Model;
using CallServer.Server.Net;
using CallServer.Storage;
using CallServer.Storage.Postgres;

namespace CallServer.Interop.Storing;

/// <summary>A record in PostgreSQL that several hosts of a test write.</summary>
[TestFixture]
internal abstract class SharedRecordFixture
{
    /// <summary>How many units the record has.</summary>
    protected const int Units = 16;

    private const int Active = 3;
    private const int ShuttingDown = 4;
    private const int Dead = 6;

    private readonly SystemClock clock = new();
    private readonly List<PostgresLedgerStore> opened = [];

    protected PostgresFixture Database { get; private set; } = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => Database = await PostgresFixture.StartAsync();

    [OneTimeTearDown]
    public async Task EndAsync()
    {
        if (Database is not null)
            await Database.DisposeAsync();
    }

    [SetUp]
    public void Next() => Database.Next();

    [TearDown]
    public void Close()
    {
        opened.ForEach(store => store.Dispose());
        opened.Clear();
    }

    /// <summary>A host: its store, and who it is.</summary>
    protected sealed record FleetHost(PostgresLedgerStore Store, UnitOwner Self)
    {
        public UnitTable Table => Store.Units!;

        /// <summary>Takes units, each with the gateway of its number.</summary>
        public async Task<IReadOnlyDictionary<int, ClaimedUnit>> ClaimAsync(params int[] units)
        {
            var claims = await Table.ClaimAsync(Self, Wanted(units), CancellationToken.None);
            Assert.That(claims.IsMember, $"{Self} is a member");
            return claims.Units.ToDictionary(unit => unit.Fence.Unit);
        }
    }

    protected static IReadOnlyDictionary<int, IReadOnlyList<string>> Wanted(params int[] units) =>
        units.ToDictionary(unit => unit, unit => (IReadOnlyList<string>)[Gateway(unit)]);

    protected static string Gateway(int unit) => string.Create(CultureInfo.InvariantCulture, $"gw{unit}");

    /// <summary>The options of a host; its timeline is ahead of the true time by this.</summary>
    protected PostgresStoreOptions Options(string name, TimeSpan ahead = default) =>
        Database.Options with
        {
            Application = name,
            ChangesKept = 100_000,
            Shared = new SharedRecord(Units, () => clock.Now.Steady + ahead),
        };

    /// <summary>Opens the record for one more host, an active member.</summary>
    protected async Task<FleetHost> HostAsync(string name, TimeSpan ahead = default) =>
        await HostAsync(name, Options(name, ahead));

    protected async Task<FleetHost> HostAsync(string name, PostgresStoreOptions options)
    {
        var host = new FleetHost(Keep(PostgresLedgerStore.Open(options)), new UnitOwner(name, 11_111, 1));
        await Database.Peer.AskAsync(
            $"""
            CREATE TABLE IF NOT EXISTS {Database.Schema}.member
                (address text, port int, generation int, status int, name text, machine text, gateway_port int,
                started_at timestamptz, alive_at timestamptz, PRIMARY KEY (address, port, generation));
            """
        );
        await SetMemberAsync(host, Active);
        return host;
    }

    /// <summary>The membership declares a host dead.</summary>
    protected Task DieAsync(FleetHost host) => SetMemberAsync(host, Dead);

    /// <summary>A host begins to leave.</summary>
    protected Task LeaveAsync(FleetHost host) => SetMemberAsync(host, ShuttingDown);

    protected PostgresLedgerStore Keep(PostgresLedgerStore store)
    {
        opened.Add(store);
        return store;
    }

    /// <summary>A commit of a unit's gateway that writes one of each kind.</summary>
    protected static StoreCommit Commit(UnitFence fence, string connection = "a") =>
        TestRows.Commit(TestRows.Connection(connection, Gateway(fence.Unit))) with
        {
            Gateway = TestRows.Gateway(Gateway(fence.Unit)),
            Fence = fence,
            Cdrs = [TestRows.Cdr($"{Gateway(fence.Unit)}-{connection}", Gateway(fence.Unit))],
            Starts = [TestRows.Cdr($"start-{connection}", Gateway(fence.Unit))],
            Changes = [TestRows.Change("opened", connection, Gateway(fence.Unit))],
            Audits = [TestRows.Audit(Gateway(fence.Unit))],
            Releases = [TestRows.Release(connection, Gateway(fence.Unit))],
        };

    private Task<object?> SetMemberAsync(FleetHost host, int status) =>
        Database.Peer.AskAsync(
            $"""
            INSERT INTO {Database.Schema}.member
                (address, port, generation, status, name, machine, gateway_port, started_at, alive_at)
            VALUES ('{host.Self.Address}', {host.Self.Port}, {host.Self.Generation}, {status}, 'a test''s', 'localhost', 1,
                now(), now())
            ON CONFLICT (address, port, generation) DO UPDATE SET status = excluded.status
            """
        );
}

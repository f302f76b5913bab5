using CallServer.Interop.Peers;
using CallServer.Storage;
using CallServer.Storage.Postgres;

namespace CallServer.Interop.Storing;

/// <summary>One PostgreSQL server for all tests of a fixture; each test has a schema of its own.</summary>
internal sealed class PostgresFixture : IAsyncDisposable
{
    private static int schemas;

    private readonly Scope scope;

    private PostgresFixture(Scope scope, PostgresPeer peer) => (this.scope, Peer) = (scope, peer);

    public PostgresPeer Peer { get; }

    public string Schema { get; private set; } = "";

    public PostgresAddress Address { get; private set; } = null!;

    public static async Task<PostgresFixture> StartAsync()
    {
        var scope = new Scope();
        try
        {
            return new PostgresFixture(scope, await PostgresPeer.StartAsync(scope));
        }
        catch
        {
            await scope.DisposeAsync();
            throw;
        }
    }

    /// <summary>Begins a test.</summary>
    public void Next()
    {
        Schema = $"record_{Interlocked.Increment(ref schemas)}";
        Address = PostgresAddress.TryParse(
            Peer.Address($"?schema={Schema}"),
            out var address,
            out var mistake
        )
            ? address
            : throw new ArgumentException(mistake);
    }

    /// <summary>As the contract wants it: 10 changes, 3 audits, CDRs for an hour and at most 10.</summary>
    public PostgresStoreOptions Options =>
        new()
        {
            Address = Address,
            Password = PostgresPeer.Password,
            ChangesKept = 10,
            AuditsKept = 3,
            CdrsKeptFor = TimeSpan.FromHours(1),
            CdrsKept = 10,
            ControlsKeptFor = TimeSpan.FromHours(1),
            ControlsKept = 5,
            RefusalsKept = 3,
            PartitionRows = 1_000,
            Slack = 0,
            CommandPatience = TimeSpan.FromSeconds(10),
            LockPatience = TimeSpan.FromSeconds(2),
        };

    public ValueTask DisposeAsync() => scope.DisposeAsync();
}

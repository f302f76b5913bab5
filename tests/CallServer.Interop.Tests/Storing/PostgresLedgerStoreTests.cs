using CallServer.Host.Tests.Storage;
using CallServer.Storage;
using CallServer.Storage.Postgres;
using CallServer.Surface;
using Dapper;
using Npgsql;

namespace CallServer.Interop.Storing;

/// <summary>PostgreSQL keeps the contract.</summary>
[TestFixture]
public sealed class PostgresLedgerStoreTests : LedgerStoreContract
{
    private PostgresFixture database = null!;

    [OneTimeSetUp]
    public async Task StartAsync() => database = await PostgresFixture.StartAsync();

    [OneTimeTearDown]
    public async Task EndAsync()
    {
        if (database is not null)
            await database.DisposeAsync();
    }

    [SetUp]
    public void Next() => database.Next();

    protected override ILedgerStore OpenStore() => PostgresLedgerStore.Open(database.Options);

    protected override IDisposable Break(Part part)
    {
        var (what, table) = part switch
        {
            Part.Gateway => ("UPDATE", "gateways"),
            Part.Upsert => ("UPDATE", "connections"),
            Part.Delete => ("DELETE", "connections"),
            Part.Audit => ("INSERT", "audits"),
            Part.Cdr => ("INSERT", "cdrs"),
            Part.Accounting => ("INSERT", "accounting"),
            Part.Change => ("INSERT", "changes"),
            Part.Release => ("INSERT", "releases"),
            _ => throw new ArgumentOutOfRangeException(nameof(part)),
        };
        Execute(
            $"""
            CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'broken'; END $$;
            CREATE TRIGGER broken AFTER {what} ON {table} FOR EACH ROW EXECUTE FUNCTION broken();
            """
        );
        return new Repair(() => Execute($"DROP TRIGGER broken ON {table}; DROP FUNCTION broken()"));
    }

    protected override void Garble(string gateway, string? connection)
    {
        var sql = connection is null
            ? "UPDATE gateways SET boot_scope = 'of the moon' WHERE gateway = @gateway"
            : "UPDATE connections SET start_evidence = 'hearsay' WHERE gateway = @gateway AND id = @connection";
        Assert.That(Execute(sql, new { gateway, connection }), Is.EqualTo(1));
    }

    protected override int CountAccounting() => Ask<int>("SELECT count(*) FROM accounting");

    protected override int CountSetAside() =>
        Ask<int>(
            "SELECT count(*) FROM set_aside WHERE columns ->> 'boot_scope' = 'of the moon' OR columns ->> 'start_evidence' = 'hearsay'"
        );

    protected override GatewayRow ReadGateway(string gateway)
    {
        using var other = Connect();
        using var command = new NpgsqlCommand(Sql.AllGateways, other);
        using var reader = command.ExecuteReader();
        return RowArrays.Gateways.Read(reader).Single(row => row.Gateway == gateway);
    }

    private int Execute(string sql, object? values = null)
    {
        using var other = Connect();
        return other.Execute(sql, values);
    }

    private T? Ask<T>(string sql)
    {
        using var other = Connect();
        return other.ExecuteScalar<T>(sql);
    }

    private NpgsqlConnection Connect()
    {
        var connection = database.Peer.Connection(database.Schema);
        connection.Open();
        return connection;
    }

    private sealed class Repair(Action action) : IDisposable
    {
        public void Dispose() => action();
    }
}

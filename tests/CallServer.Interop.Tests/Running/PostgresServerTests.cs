using CallServer.Interop.Peers;
using CallServer.Storage;
using CallServer.Storage.Postgres;
using CallServer.Storage.Sqlite;

namespace CallServer.Interop.Running;

/// <summary><c>callserver run</c> and <c>callserver store copy</c> with a record in PostgreSQL.</summary>
internal sealed class PostgresServerTests : PeerTest
{
    private const string Driver = "Npgsql.dll";
    private const string Orleans = "Orleans.";

    private static readonly Dictionary<string, string?> Secret = new()
    {
        ["STORE_PASSWORD"] = PostgresPeer.Password,
    };

    private Task<Server> StartAsync(string folder, SnmpdPeer agent, PostgresPeer database) =>
        Server.StartAsync(
            Scope,
            folder,
            [("gw1", $"snmp://127.0.0.1:{agent.Port}?profile=cisco-voice")],
            """
            "storePassword": "env:STORE_PASSWORD",
            """,
            Secret,
            store: database.Address()
        );

    [Test]
    public async Task The_record_outlives_a_kill_of_the_server_and_the_database_may_be_away()
    {
        var database = await PostgresPeer.StartAsync(Scope, safe: true);
        var calls = await CiscoCalls.MakeAsync(Scope, 40);
        var agent = await SnmpdPeer.StartAsync(Scope, calls);
        var folder = Scope.NewFolder("server");
        var first = await StartAsync(folder, agent, database);
        await first.CompleteAuditAsync();
        var before = await first.ConnectionsAsync();
        await first.KillAsync();

        calls = calls.Without(calls.Truth.Take(5).ToList());
        await agent.ServeAsync(calls, version: 1);
        var second = await StartAsync(folder, agent, database);
        await second.CompleteAuditAsync();
        Assert.That(
            (await second.ConnectionsAsync()).Select(connection => connection.Id),
            Is.SubsetOf(before.Select(connection => connection.Id)).And.Exactly(35).Items
        );
        Assert.That(await second.CdrsAsync(), Has.Count.EqualTo(5));

        await database.StopAsync();
        calls = calls.Without(calls.Truth.Take(7).ToList());
        await agent.ServeAsync(calls, version: 2);
        await second.MetricAsync("callserver_store_pending_cdrs", 7);
        await database.StartAgainAsync();
        await second.CompleteAuditAsync();
        await Server.CdrFileAsync(folder, 12);

        Assert.That((await second.CdrsAsync()).Select(cdr => cdr.Id), Is.Unique.And.Exactly(12).Items);
        Assert.That(await second.ConnectionsAsync(), Has.Count.EqualTo(28));
        Assert.That((await Server.ReadCdrFileAsync(folder)).Select(cdr => cdr.Id), Is.Unique);
        await second.StopAsync();
    }

    [Test]
    public async Task A_record_is_copied_from_sqlite_and_goes_on()
    {
        var database = await PostgresPeer.StartAsync(Scope);
        var calls = await CiscoCalls.MakeAsync(Scope, 30);
        var agent = await SnmpdPeer.StartAsync(Scope, calls);
        var folder = Scope.NewFolder("server");
        var first = await Server.StartAsync(Scope, folder, agent.Port);
        await first.CompleteAuditAsync();
        Assert.That(first.HasLoaded(Driver), Is.False, "a file needs no driver");
        Assert.That(first.HasLoaded(Orleans), Is.False);
        await agent.ServeAsync(calls.Without(calls.Truth.Take(4).ToList()), version: 1);
        await Server.CdrFileAsync(folder, 4);
        await first.CompleteAuditAsync();
        await first.StopAsync();
        var file = Path.Combine(folder, "callserver.db");

        string[] copy = ["store", "copy", file, database.Address(), "--password-from", "env:STORE_PASSWORD"];
        var copied = await CallServerProcess.RunAsync(Scope, copy, Secret);
        Assert.That(copied.ExitCode, Is.Zero, copied.ToString());
        var again = await CallServerProcess.RunAsync(Scope, copy, Secret);
        Assert.That(again.ExitCode, Is.EqualTo(64), again.ToString());

        using (var from = SqliteLedgerStore.Open(new SqliteStoreOptions { File = file }))
        using (var to = Open(database))
            Assert.That(Everything(to), Is.EqualTo(Everything(from)));
        var second = await StartAsync(folder, agent, database);
        await second.CompleteAuditAsync();
        Assert.That(second.HasLoaded(Driver), Is.True);
        Assert.That(second.HasLoaded(Orleans), Is.False, "a host alone is no fleet");
        Assert.That(await second.ConnectionsAsync(), Has.Count.EqualTo(26));
        Assert.That(await second.CdrsAsync(), Has.Count.EqualTo(4));
        await second.StopAsync();
        Assert.That(await Server.ReadCdrFileAsync(folder), Has.Count.EqualTo(4), "nothing is told twice");
    }

    [Test]
    public async Task Without_its_database_a_server_does_not_start_and_says_what_is_wrong()
    {
        var folder = Scope.NewFolder("server");
        var configuration = Path.Combine(folder, "callserver.json");
        await File.WriteAllTextAsync(
            configuration,
            $$"""{ "store": "postgres://cs@127.0.0.1:{{FreePort.Tcp()}}/postgres", "server": { "listen": "http://127.0.0.1:0" }, "gateways": [] }"""
        );

        var ended = await CallServerProcess.RunAsync(Scope, ["run", "--config", configuration]);

        Assert.That(ended.ExitCode, Is.EqualTo(70), "whoever started it tries again");
        Assert.That(ended.Errors, Does.Contain("the database is not reached"));
    }

    private static PostgresLedgerStore Open(PostgresPeer database) =>
        PostgresAddress.TryParse(database.Address(), out var address, out var mistake)
            ? PostgresLedgerStore.Open(
                new PostgresStoreOptions { Address = address, Password = PostgresPeer.Password }
            )
            : throw new ArgumentException(mistake);

    private static object?[] Everything(ILedgerStore store)
    {
        var image = store.Load();
        return
        [
            image.Identity with
            {
                LastOpened = null,
            },
            image.Correction,
            .. image.Gateways.Select(gateway => gateway.Gateway),
            .. image.Gateways.Select(gateway => gateway.LastAudit!.Asked),
            .. image.Gateways.SelectMany(gateway => store.ReadConnections(gateway.Gateway)).Cast<object>(),
            .. store.ReadCdrs(null, null, 0, 1000).Items,
            .. store.ReadChanges(0, 1000).Items,
            .. store.ReadAudits(null, long.MaxValue, 1000).Items,
            .. store.ReadAccounting("cdr-file", 1000).Items,
            .. store.ReadControls(long.MaxValue, 1000).Items,
            .. store.ReadRecoveries(long.MaxValue, 1000).Items,
            store.SearchCdrs(new CdrFilter { Codec = "*" }, newestFirst: true, null, 1000).Items.Count,
        ];
    }
}

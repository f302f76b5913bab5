using System.Text;
using CallServer.Host.Tests.Storage;
using CallServer.Server.Configuration;
using CallServer.Storage;
using CallServer.Surface;

namespace CallServer.Host.Tests.Configuration;

/// <summary>Where the record is kept, and every mistake in it with its place.</summary>
public sealed class StoreConfigurationTests
{
    private const string Place = "postgres://cs@db.example.org/calls";

    private TestDirectory folder = null!;

    [SetUp]
    public void MakeFolder() => folder = new TestDirectory();

    [TearDown]
    public void RemoveFolder() => folder.Dispose();

    private ServerConfiguration Read(string sections)
    {
        var file = folder.File("callserver.json");
        File.WriteAllText(file, $$"""{ {{sections}} "gateways": [] }""");
        return ServerConfiguration.Load(
            file,
            new Dictionary<string, string> { ["STORE_PASSWORD"] = "secret" },
            GatewayProtocols.BuiltIn
        );
    }

    private string Mistake(string sections)
    {
        var mistake = Assert.Throws<ConfigurationException>(() => Read(sections))!.Mistakes.Single();
        return $"{mistake.Path}: {mistake.Message}";
    }

    [Test]
    public void A_file_is_named_by_either_key()
    {
        Assert.That(Read("").Data, Is.EqualTo("callserver.db"));
        Assert.That(Read(""" "server": { "data": "a.db" }, """).Data, Is.EqualTo("a.db"));
        Assert.That(
            Read(""" "store": "b.db", """),
            Has.Property("Data").EqualTo("b.db").And.Property("Store").Null
        );
    }

    [Test]
    public void A_database_is_named_with_the_place_of_its_password()
    {
        File.WriteAllText(folder.File("password"), "secret\n");

        var read = Read($""" "store": "{Place}", "storePassword": "file:{folder.File("password")}", """);

        Assert.That(read.Store!.Text, Is.EqualTo(Place));
        Assert.That(Encoding.UTF8.GetString(read.StorePassword!), Is.EqualTo("secret"));
        Assert.That(read.StorePlace, Is.EqualTo(Place));
    }

    [Test]
    public void Every_mistake_is_named_and_no_password_shown()
    {
        Assert.That(
            Mistake($""" "store": "{Place}", "server": {"{"} "data": "a.db" {"}"}, """),
            Does.StartWith("server.data: ").And.Contain("only one of the two")
        );
        Assert.That(
            Mistake(""" "store": "postgres://cs:hunter2@db.example.org/calls", """),
            Does.StartWith("store: ").And.Contain("env:NAME").And.Not.Contain("hunter2")
        );
        Assert.That(
            Mistake(""" "store": "postgres://db.example.org", """),
            Does.StartWith("store: ").And.Contain("/DATABASE")
        );
        File.WriteAllText(folder.File("password"), "secret\n");
        Assert.That(
            Mistake($""" "store": "b.db", "storePassword": "file:{folder.File("password")}", """),
            Does.StartWith("storePassword: ").And.Contain("SQLite")
        );
    }

    [Test]
    public void It_cannot_change_while_the_server_runs()
    {
        Assert.That(
            Read(""" "store": "b.db", """).NeedsRestart(Read($""" "store": "{Place}", """)),
            Does.Contain("store")
        );
    }

    [TestCase("postgres://db/calls", null, "db:5432", "calls", "callserver")]
    [TestCase(
        "postgresql://cs@a:1,[::1]:2/calls?schema=x_1&sslmode=require",
        "cs",
        "a:1 ::1:2",
        "calls",
        "x_1"
    )]
    [TestCase(
        "postgres:///calls?host=%2Frun%2Fpostgresql",
        null,
        "/run/postgresql:5432",
        "calls",
        "callserver"
    )]
    [TestCase("postgres://c%40s@db/c%20d", "c@s", "db:5432", "c d", "callserver")]
    public void An_address_is_read(string text, string? user, string hosts, string database, string schema)
    {
        Assert.That(PostgresAddress.TryParse(text, out var address, out var mistake), mistake);
        Assert.That(
            (
                address!.User,
                string.Join(' ', address.Hosts.Select(host => $"{host.Host}:{host.Port}")),
                address.Database,
                address.Schema
            ),
            Is.EqualTo((user, hosts, database, schema))
        );
    }

    [TestCase("postgres://db", "/DATABASE")]
    [TestCase("postgres://db/", "/DATABASE")]
    [TestCase("postgres://db/a/b", "/DATABASE")]
    [TestCase("postgres://db:0/calls", "HOST:PORT")]
    [TestCase("postgres://db:70000/calls", "HOST:PORT")]
    [TestCase("postgres:///calls", "HOST")]
    [TestCase("postgres://db/calls?sslmode=maybe", "verify-full")]
    [TestCase("postgres://db/calls?schema=a;drop", "small letters")]
    [TestCase("postgres://db/calls?pasword=x", "known are host")]
    [TestCase("postgres://db/calls?password=hunter2", "env:NAME")]
    public void A_wrong_address_is_refused(string text, string expected)
    {
        Assert.That(PostgresAddress.TryParse(text, out _, out var mistake), Is.False);
        Assert.That(mistake, Does.Contain(expected).And.Not.Contain("hunter2"));
    }
}

using System.Text;
using CallServer.Host.Tests.Cli;
using CallServer.Host.Tests.Storage;
using CallServer.Server.Configuration;
using CallServer.Surface;

namespace CallServer.Host.Tests.Configuration;

/// <summary>A pair needs two servers with each other's address and one secret, or neither starts.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class PairConfigurationTests : IDisposable
{
    private const string Sixteen = "0123456789abcdef";

    private readonly TestDirectory directory = new();
    private readonly string secret;

    public PairConfigurationTests()
    {
        secret = directory.File("secret");
        File.WriteAllText(secret, Sixteen + "\n");
    }

    public void Dispose() => directory.Dispose();

    private ServerConfiguration Read(string sections) =>
        ConfigurationLoader.Read(
            Encoding.UTF8.GetBytes(Whole(sections)),
            "test.json",
            new Dictionary<string, string>(),
            GatewayProtocols.BuiltIn
        );

    private string Whole(string sections) =>
        $$"""
            {
              "gateways": [],
              {{sections.Replace("SECRET", $"file:{secret}", StringComparison.Ordinal)}}
            }
            """;

    private IEnumerable<string> Mistakes(string sections) =>
        Assert
            .Throws<ConfigurationException>(() => Read(sections))!
            .Mistakes.Select(mistake => mistake.ToString());

    [Test]
    public void APrimaryNamesItsPeer()
    {
        var pair = Read(""" "pair": { "peer": "http://192.0.2.8:8080", "secret": "SECRET" } """).Pair!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(pair.Peer, Is.EqualTo(new Uri("http://192.0.2.8:8080")));
            Assert.That(pair.Secret, Is.EqualTo(Encoding.ASCII.GetBytes(Sixteen)));
            Assert.That(pair.Patience, Is.EqualTo(TimeSpan.FromSeconds(30)));
            Assert.That(pair.ToString(), Does.Not.Contain(Sixteen));
        }
    }

    [Test]
    public void ABackupNamesItOnceOrTwice()
    {
        foreach (var peer in new[] { "", """ "peer": "http://192.0.2.7:8080", """ })
        {
            var backup = Read(
                $$""" "pair": { {{peer}} "secret": "SECRET", "patience": "5s" }, "backup": { "of": "http://192.0.2.7:8080" } """
            );
            Assert.That(backup.Pair!.Peer, Is.EqualTo(new Uri("http://192.0.2.7:8080")));
            Assert.That(backup.Pair.Patience, Is.EqualTo(TimeSpan.FromSeconds(5)));
        }
    }

    [Test]
    public void AServerThatIsAloneNeedsNone() => Assert.That(Read("").Pair, Is.Null);

    [TestCase(""" "backup": { "of": "http://h:1" } """, "3: backup: needs what both servers prove")]
    [TestCase(""" "backup": { "of": "http://h:1" }, "pair": { } """, "3: pair: lacks \"secret\"")]
    [TestCase(""" "pair": { "peer": "http://h:1" } """, "3: pair: lacks \"secret\"")]
    [TestCase(""" "pair": { "secret": "SECRET" } """, "3: pair: lacks \"peer\"")]
    [TestCase(""" "pair": { "peer": "h:1", "secret": "SECRET" } """, "3: pair.peer: 'h:1' is not http")]
    [TestCase(""" "pair": { "peer": "http://h:1/x", "secret": "SECRET" } """, "3: pair.peer: ")]
    [TestCase(
        """ "pair": { "peer": "http://h:1", "secret": "0123456789abcdef0123456789abcdef" } """,
        "3: pair.secret: a secret is named here"
    )]
    [TestCase(
        """ "pair": { "peer": "http://h:1", "secret": "file:/nowhere/at/all" } """,
        "3: pair.secret: the secret file:/nowhere/at/all cannot be read"
    )]
    [TestCase(
        """ "server": { "listen": "http://127.0.0.1:1" }, "pair": { "peer": "http://127.0.0.1:1", "secret": "SECRET" } """,
        "this server itself"
    )]
    [TestCase(
        """ "pair": { "peer": "http://g:1", "secret": "SECRET" }, "backup": { "of": "http://h:1" } """,
        "3: pair.peer: 'http://g:1/' is not http://h:1/"
    )]
    [TestCase(
        """ "pair": { "secret": "SECRET", "patience": "2s" }, "backup": { "of": "http://h:1", "heartbeat": "1s" } """,
        "3: pair.patience: 2s is shorter than this backup's own 4s"
    )]
    [TestCase(
        """ "pair": { "peer": "http://h:1", "secret": "SECRET", "patience": "2h" } """,
        "3: pair.patience: 2h is out of range"
    )]
    [TestCase(""" "server": { "hosts": ["http://h"] } """, "3: server.hosts[0]: ")]
    [TestCase(""" "server": { "hosts": "h" } """, "3: server.hosts: a list of host names")]
    [TestCase(""" "server": { "controlsPerSecond": 0 } """, "3: server.controlsPerSecond: ")]
    public void AMistakeIsNamed(string sections, string what) =>
        Assert.That(Mistakes(sections), Has.Some.Contain(what));

    [TestCase("", "is empty")]
    [TestCase("0123456789abcde", "has 15 octets")]
    [TestCase("short\n", "has 5 octets")]
    public async Task AShortSecretIsExit64WithItsPlaceAndNotItsContent(string content, string what)
    {
        await File.WriteAllTextAsync(secret, content);
        var file = directory.File("callserver.json");
        await File.WriteAllTextAsync(
            file,
            Whole(""" "pair": { "peer": "http://127.0.0.1:1", "secret": "SECRET" } """)
        );

        var run = await CliRun.Of("run", "--config", file);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(run.Status, Is.EqualTo(64));
            Assert.That(
                run.Complaints.Single(),
                Does.StartWith($"{file}:3: pair.secret: ").And.Contain(what)
            );
            if (content.Length > 0)
                Assert.That(run.Error, Does.Not.Contain(content.Trim()));
        }
    }

    [Test]
    public void NoneOfItChangesWhileTheServerRuns()
    {
        var before = Read(""" "pair": { "peer": "http://h:1", "secret": "SECRET" } """);
        File.WriteAllText(secret, "another secret that is long enough");
        var after = Read(
            """ "server": { "hosts": ["h"], "controlsPerSecond": 9 }, "pair": { "peer": "http://h:1", "secret": "SECRET" } """
        );
        Assert.That(
            before.NeedsRestart(after),
            Is.EqualTo(new[] { "server.hosts", "server.controlsPerSecond", "pair" })
        );
        Assert.That(before.NeedsRestart(before), Is.Empty);
    }
}

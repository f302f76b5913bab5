using System.Net;
using System.Text;
using CallServer.Server;
using CallServer.Server.Configuration;
using CallServer.Server.Recording.Cdrs;
using CallServer.Surface;

namespace CallServer.Host.Tests.Configuration;

public sealed class ServerConfigurationTests
{
    private string folder = "";

    [SetUp]
    public void MakeFolder() => folder = Directory.CreateTempSubdirectory("callserver-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(folder, recursive: true);

    [Test]
    public void TheContractsExampleReads()
    {
        var secret = Path.Combine(folder, "community");
        File.WriteAllText(secret, "s3cret-of-16-and-more\n");
        var configuration = Read(
            $$"""
            {
              // with comments
              "server":  { "name": "cs-a", "listen": "http://127.0.0.1:8080", "data": "callserver.db", "token": "file:{{secret}}" },
              "polling": { "interval": "10s", "timeout": "1s", "attempts": 4, "gatewaysInFlight": 256 },
              "cdr":     { "file": "cdr/callserver.ndjson", "csv": "cdr/callserver.csv", "rotate": "1d", "rotateSize": "100MB", "interim": "1h" },
              "keep":    { "cdrs": "30d", "cdrsAtMost": 5000, "changes": 6000, "audits": 7 },
              "listeners": { "mgcp": "127.0.0.1:2727", "traps": "127.0.0.1:1162" },
              "gateways": [
                { "id": "gw1", "uri": "snmp://127.0.0.1:1161?profile=cisco-voice", "community": "file:{{secret}}", "interval": "5s" },
              ],
              "profiles": { }
            }
            """
        );
        Assert.Multiple(() =>
        {
            Assert.That(configuration.Name, Is.EqualTo("cs-a"));
            Assert.That(configuration.Token, Is.EqualTo("s3cret-of-16-and-more"u8.ToArray()));
            Assert.That(configuration.CdrFile, Is.EqualTo("cdr/callserver.ndjson"));
            Assert.That(configuration.CdrCsv, Is.EqualTo("cdr/callserver.csv"));
            Assert.That(
                configuration.CdrRotation,
                Is.EqualTo(new CdrRotation(TimeSpan.FromDays(1), 100_000_000))
            );
            Assert.That(
                configuration.Keep,
                Is.EqualTo(
                    new Keeping
                    {
                        Cdrs = TimeSpan.FromDays(30),
                        CdrsAtMost = 5_000,
                        Changes = 6_000,
                        Audits = 7,
                    }
                )
            );
            Assert.That(configuration.CdrInterim, Is.EqualTo(TimeSpan.FromHours(1)));
            Assert.That(configuration.Gateways.Single().Interval, Is.EqualTo(TimeSpan.FromSeconds(5)));
            Assert.That(configuration.Gateways.Single().Attempts, Is.EqualTo(4));
            Assert.That(configuration.MgcpListener, Is.EqualTo(IPEndPoint.Parse("127.0.0.1:2727")));
            Assert.That(configuration.TrapListener, Is.EqualTo(IPEndPoint.Parse("127.0.0.1:1162")));
            Assert.That(configuration.Warnings, Is.Empty);
            Assert.That(configuration.ToString(), Does.Not.Contain("s3cret"));
        });
    }

    [Test]
    public void WhatOfAGatewayIsTakenIsSaidForAllOrForOne()
    {
        var configuration = Read(
            """
            { "server": { "eventReaders": 5 },
              "polling": { "memory": "2GB", "replyOctets": "1MB", "connections": 1000 },
              "gateways": [
                { "id": "a", "uri": "ng://h" },
                { "id": "b", "uri": "ng://h:2224", "replyOctets": "2MB", "auditOctets": "64MB", "connections": 5 } ] }
            """
        );
        Assert.That((configuration.Memory, configuration.EventReaders), Is.EqualTo((2_000_000_000, 5)));
        Assert.That(
            configuration.Gateways.Select(gateway => gateway.Bounds),
            Is.EqualTo([
                new GatewayBounds(1_000_000, GatewayBounds.Usual.AuditOctets, 1000),
                new GatewayBounds(2_000_000, 64_000_000, 5),
            ])
        );
        Assert.That(
            configuration.Gateways.Select(gateway => gateway.Target.MostConnections),
            Is.EqualTo([1000, 5])
        );
        Assert.That(
            configuration.Gateways[0].SameAs(configuration.Gateways[0] with { Bounds = GatewayBounds.Usual }),
            Is.False
        );
    }

    [TestCase("0027", 0x17)]
    [TestCase("077", 0x3F)]
    [TestCase("0022", null)]
    [TestCase("0777", null)]
    [TestCase("27", null)]
    [TestCase("0029", null)]
    public void AMaskKeepsOthersOut(string text, int? mask) =>
        Assert.That(FileModes.Parse(text), Is.EqualTo(mask));

    [TestCase("fifteen-octets.", "server.token: the token is too short")]
    [TestCase("sixteen octets..", "server.token: the token holds a space")]
    [TestCase("sixteen-octets.. ", "server.token: the token holds a space")]
    [TestCase("sixteen-octëts..", "server.token: the token holds a space")]
    public void ATokenThatIsNoneIsRefused(string token, string says)
    {
        var secret = Path.Combine(folder, "token");
        File.WriteAllText(secret, token + "\n");
        var mistakes = Mistakes($$"""{ "gateways": [], "server": { "token": "file:{{secret}}" } }""");
        Assert.That(mistakes.Select(mistake => mistake.ToString()), Has.Some.Contains(says));
        Assert.That(mistakes.Select(mistake => mistake.ToString()), Has.None.Contains(token));
    }

    [Test]
    public void AHistoryIsReadUnlessTheConfigurationSaysNo()
    {
        var configuration = Read(
            """
            { "gateways": [
                { "id": "a", "uri": "snmp://h" }, { "id": "b", "uri": "snmp://h:1161", "history": false },
                { "id": "c", "uri": "snmp://h:1162", "history": true } ] }
            """
        );
        Assert.That(
            configuration.Gateways.Select(gateway => gateway.ReadsHistory),
            Is.EqualTo([true, false, true])
        );
    }

    [Test]
    public void AGatewayMayBeDeclaredNeverComplete()
    {
        var configuration = Read(
            """
            { "gateways": [
                { "id": "a", "uri": "sip:u@h" }, { "id": "b", "uri": "sip:u@i", "complete": "never" } ] }
            """
        );
        Assert.That(
            configuration.Gateways.Select(gateway => gateway.NeverComplete),
            Is.EqualTo([false, true])
        );
    }

    [Test]
    public void ABackup()
    {
        var plain = Read(
            """{ "gateways": [], "pair": { "secret": "env:PATH" }, "backup": { "of": "http://127.0.0.1:8081" } }"""
        ).Backup!;
        var cold = Read(
            """{ "gateways": [], "pair": { "secret": "env:PATH" }, "backup": { "of": "http://h:1", "standby": "cold", "heartbeat": "1s", "misses": 3 } }"""
        ).Backup!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(plain.Of, Is.EqualTo(new Uri("http://127.0.0.1:8081/")));
            Assert.That(plain.Cold, Is.False);
            Assert.That(plain.Heartbeat, Is.EqualTo(TimeSpan.FromMilliseconds(250)));
            Assert.That(plain.Misses, Is.EqualTo(4));
            Assert.That(
                cold,
                Is.EqualTo(
                    new BackupConfiguration(new Uri("http://h:1"))
                    {
                        Cold = true,
                        Heartbeat = TimeSpan.FromSeconds(1),
                        Misses = 3,
                    }
                )
            );
            Assert.That(Read("""{ "gateways": [] }""").Backup, Is.Null);
        }
    }

    [Test]
    public void EveryMistakeIsListedWithItsLine()
    {
        var mistakes = Mistakes(
            """
            {
              "server": { "nmae": "x", "listen": "http://0.0.0.0:8080" },
              "polling": { "interval": "10", "attempts": 99 },
              "gateways": [
                { "id": "gw1", "uri": "snmp://h?profile=cisco-vioce" },
                { "id": "gw1", "uri": "snmp://h", "community": "private" },
                { "id": "gw 3", "uri": "nq://h", "interval": "200ms" },
                { "uri": "snmp://h", "community": "env:CALLSERVER_TEST_NO_SUCH_VARIABLE" }
              ]
            }
            """
        );
        Assert.That(
            mistakes.Select(mistake => (mistake.Line, mistake.Path)),
            Is.EqualTo(
                new[]
                {
                    (2, "server.nmae"),
                    (2, "server.listen"),
                    (3, "polling.interval"),
                    (3, "polling.attempts"),
                    (5, "gateways[0].uri"),
                    (6, "gateways[1].id"),
                    (6, "gateways[1].community"),
                    (7, "gateways[2].id"),
                    (7, "gateways[2].uri"),
                    (7, "gateways[2].interval"),
                    (8, "gateways[3]"),
                    (8, "gateways[3].community"),
                }
            ),
            string.Join("\n", mistakes)
        );
        var text = string.Join("\n", mistakes);
        Assert.That(text, Does.Contain("did you mean name?").And.Contain("did you mean cisco-voice?"));
        Assert.That(text, Does.Contain("needs a token").And.Contain("stands on line 5 already"));
        Assert.That(text, Does.Not.Contain("private"), "what may be a secret is not repeated");
    }

    [TestCase("{", "not JSON")]
    [TestCase("[]", "an object is expected")]
    [TestCase("{}", "lacks \"gateways\"")]
    [TestCase("""{ "gateways": {} }""", "a list is expected")]
    [TestCase("""{ "gateways": [7] }""", "an object is expected")]
    [TestCase("""{ "gateways": [], "server": [] }""", "an object is expected")]
    [TestCase("""{ "gateways": [], "gateways": [] }""", "a second time")]
    [TestCase("""{ "gateways": [], "backup": { "standby": "warm" } }""", "backup: lacks \"of\"")]
    [TestCase("""{ "gateways": [], "backup": { "of": "127.0.0.1:1" } }""", "is not http://HOST:PORT")]
    [TestCase("""{ "gateways": [], "backup": { "of": "http://u:p@h:1" } }""", "is not http://HOST:PORT")]
    [TestCase(
        """{ "gateways": [], "backup": { "of": "http://h:1", "standby": "hot" } }""",
        "neither \"warm\" nor \"cold\""
    )]
    [TestCase("""{ "gateways": [], "backup": { "of": "http://h:1", "misses": 0 } }""", "backup.misses")]
    [TestCase("""{ "gateways": [], "polling": { "interval": "1s", "timeout": "2s" } }""", "shorter than")]
    [TestCase("""{ "gateways": [], "server": { "listen": "https://127.0.0.1" } }""", "https")]
    [TestCase(
        """{ "gateways": [], "server": { "listen": "http://example.net:80" } }""",
        "no address of this"
    )]
    [TestCase(
        """{ "gateways": [], "server": { "token": "file:/nowhere/at/all" } }""",
        "there is no such file"
    )]
    [TestCase("""{ "gateways": [{ "id": "a", "uri": "snmp://u@h?auth=md5" }] }""", "needs a passphrase")]
    [TestCase("""{ "gateways": [{ "id": "a", "uri": "snmp://h", "uir": 1 }] }""", "did you mean uri?")]
    [TestCase(
        """{ "gateways": [{ "id": "a", "uri": "sip:u@h", "complete": "always" }] }""",
        "gateways[0].complete: \"never\" is expected here, not 'always'"
    )]
    [TestCase(
        """{ "gateways": [{ "id": "a", "uri": "sip:u@h", "complete": true }] }""",
        "gateways[0].complete: "
    )]
    [TestCase(
        """{ "gateways": [{ "id": "a", "uri": "snmp://h", "history": "no" }] }""",
        "gateways[0].history"
    )]
    [TestCase(
        """{ "gateways": [{ "id": "a", "uri": "ng://h", "history": true }] }""",
        "ng gateways tell no history"
    )]
    [TestCase(
        """{ "gateways": [{ "id": "a", "uri": "sip:u@h", "factsEvery": 5 }] }""",
        "sip gateways tell all facts at every audit"
    )]
    [TestCase(
        """{ "gateways": [{ "id": "a", "uri": "snmp://h", "factsEvery": 0 }] }""",
        "gateways[0].factsEvery"
    )]
    [TestCase(
        """{ "gateways": [{ "id": "a", "uri": "ng://h", "auth": "env:PATH" }] }""",
        "gateways[0].auth: ng gateways take no secret"
    )]
    [TestCase(
        """{ "gateways": [{ "id": "a", "uri": "mgcp://h", "community": "env:PATH" }] }""",
        "gateways[0].community: mgcp gateways take no secret"
    )]
    [TestCase(
        """{ "gateways": [{ "id": "a", "uri": "sip:u@h", "auth": "env:PATH" }] }""",
        "gateways[0].auth: is the digest password, and the URI names nobody"
    )]
    [TestCase(
        """{ "gateways": [{ "id": "a", "uri": "sip:u@h?from=sip:w@h", "priv": "env:PATH" }] }""",
        "gateways[0].priv: is for SNMP"
    )]
    [TestCase("""{ "gateways": [], "cdr": { "rotate": "30s" } }""", "from 1m to 366d")]
    [TestCase("""{ "gateways": [], "cdr": { "rotateSize": "100" } }""", "100MB or 1GB")]
    [TestCase("""{ "gateways": [], "cdr": { "rotateSize": "0kB" } }""", "from 1kB to 1000GB")]
    [TestCase("""{ "gateways": [], "cdr": { "interim": "59s" } }""", "from 1m to")]
    [TestCase("""{ "gateways": [], "cdr": { "file": "a", "csv": "a" } }""", "the same file")]
    public void AMistakeIsNamed(string text, string expected) =>
        Assert.That(string.Join("\n", Mistakes(text)), Does.Contain(expected));

    [TestCase("9m", 1)]
    [TestCase("10m", 0)]
    public void InterimRecordsMoreOftenThanTenMinutesAreWarnedOf(string interim, int warnings) =>
        Assert.That(
            Read($$"""{ "gateways": [], "cdr": { "interim": "{{interim}}" } }""").Warnings,
            Has.Count.EqualTo(warnings)
        );

    [TestCase("127.0.0.1")]
    [TestCase("2727")]
    [TestCase("127.0.0.1:0")]
    [TestCase("127.0.0.1:99999")]
    [TestCase("localhost:2727")]
    [TestCase("::1:2727")]
    [TestCase("")]
    public void WhereToListenIsAnAddressAndAPort(string text)
    {
        var mistake = Mistakes($$"""{ "gateways": [], "listeners": { "mgcp": "{{text}}" } }""").Single();
        Assert.That(mistake.Path, Is.EqualTo("listeners.mgcp"));
        Assert.That(mistake.Message, Does.Contain("ADDRESS:PORT"));
    }

    [Test]
    public void ListeningIsOffUnlessGiven()
    {
        var plain = Read("""{ "gateways": [] }""");
        Assert.That(
            (plain.MgcpListener, plain.TrapListener),
            Is.EqualTo(((IPEndPoint?)null, (IPEndPoint?)null))
        );
        var six = Read("""{ "gateways": [], "listeners": { "traps": "[::1]:1162" } }""");
        Assert.That(six.TrapListener, Is.EqualTo(new IPEndPoint(IPAddress.IPv6Loopback, 1162)));
        Assert.That(plain.NeedsRestart(six), Is.EqualTo(new[] { "listeners.traps" }));
    }

    [Test]
    public void ASipGatewayTakesAPasswordOrNone()
    {
        var gateways = Read(
            """
            { "gateways": [
                { "id": "a", "uri": "sip:u@h?from=sip:w@h", "auth": "env:PATH" },
                { "id": "b", "uri": "sip:u@h?from=sip:w@h" },
                { "id": "c", "uri": "sip:u@h" }
            ] }
            """
        ).Gateways;
        Assert.That(
            gateways.Select(gateway => gateway.Secrets.Auth is not null),
            Is.EqualTo(new[] { true, false, false })
        );
    }

    [Test]
    public void AFileThatIsNotThere()
    {
        var path = Path.Combine(folder, "none.json");
        var thrown = Assert.Throws<ConfigurationException>(() =>
            ServerConfiguration.Load(path, new Dictionary<string, string>(), GatewayProtocols.BuiltIn)
        );
        Assert.That(thrown!.Message, Does.Contain(path).And.Contain("there is no such file"));
    }

    [Test]
    public void HowOftenAllFactsAreReadIsSaidForAllGatewaysOrForOne()
    {
        var configuration = Read(
            """{ "polling": { "factsEvery": 3 }, "gateways": [{ "id": "a", "uri": "snmp://h" }, { "id": "b", "uri": "snmp://i", "factsEvery": 1 }, { "id": "c", "uri": "ng://j" }] }"""
        );
        Assert.Multiple(() =>
        {
            Assert.That(configuration.Gateways.Select(gateway => gateway.FactsEvery), Is.EqualTo([3, 1, 3]));
            Assert.That(
                Read("""{ "gateways": [{ "id": "a", "uri": "snmp://h" }] }""").Gateways.Single().FactsEvery,
                Is.EqualTo(20)
            );
        });
    }

    [Test]
    public void TheEnvironmentStandsOverTheFile()
    {
        var configuration = Read(
            """{ "polling": { "interval": "10s" }, "gateways": [{ "id": "a", "uri": "snmp://h" }] }""",
            ("CALLSERVER__POLLING__INTERVAL", "7s"),
            ("CALLSERVER__POLLING__GATEWAYSINFLIGHT", "3"),
            ("CALLSERVER__SERVER__NAME", "from-the-environment"),
            ("CALLSERVER__GATEWAYS__0__ATTEMPTS", "2"),
            ("CALLSERVER_TOKEN", "not ours to read")
        );
        Assert.Multiple(() =>
        {
            Assert.That(configuration.Gateways.Single().Interval, Is.EqualTo(TimeSpan.FromSeconds(7)));
            Assert.That(configuration.Gateways.Single().Attempts, Is.EqualTo(2));
            Assert.That(configuration.GatewaysInFlight, Is.EqualTo(3));
            Assert.That(configuration.Name, Is.EqualTo("from-the-environment"));
        });
    }

    [Test]
    public void AMistakeInTheEnvironmentNamesTheVariable()
    {
        var mistakes = Mistakes(
            """{ "gateways": [] }""",
            ("CALLSERVER__POLLING__INTREVAL", "7s"),
            ("CALLSERVER__POLLING__TIMEOUT", "soon"),
            ("CALLSERVER__GATEWAYS", "x")
        );
        var text = string.Join("\n", mistakes);
        Assert.That(mistakes, Has.Count.EqualTo(3), text);
        Assert.That(
            text,
            Does.Contain("CALLSERVER__POLLING__INTREVAL").And.Contain("did you mean interval?")
        );
        Assert.That(text, Does.Contain("environment: CALLSERVER__POLLING__TIMEOUT: 'soon' is not"));
    }

    [Test]
    public void WhatARunningServerCannotChange()
    {
        var before = Read("""{ "server": { "name": "a" }, "gateways": [] }""");
        var after = Read("""{ "server": { "name": "b" }, "cdr": { "file": "x" }, "gateways": [] }""");
        Assert.That(before.NeedsRestart(after), Is.EqualTo(new[] { "server.name", "cdr.file" }));
        Assert.That(before.NeedsRestart(before), Is.Empty);
        var files = Read(
            """{ "server": { "name": "a" }, "cdr": { "csv": "x", "rotateSize": "1MB", "interim": "1h" }, "gateways": [] }"""
        );
        Assert.That(before.NeedsRestart(files), Is.EqualTo(new[] { "cdr.csv", "cdr.rotate", "cdr.interim" }));
    }

    private static ServerConfiguration Read(string text, params (string Name, string Value)[] environment) =>
        ConfigurationLoader.Read(
            Encoding.UTF8.GetBytes(text),
            "test.json",
            environment.ToDictionary(variable => variable.Name, variable => variable.Value),
            GatewayProtocols.BuiltIn
        );

    private static IReadOnlyList<ConfigurationMistake> Mistakes(
        string text,
        params (string Name, string Value)[] environment
    ) => Assert.Throws<ConfigurationException>(() => Read(text, environment))!.Mistakes;
}

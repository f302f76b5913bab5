using System.Text;
using CallServer.Host.Tests.Storage;
using CallServer.Server.Configuration;
using CallServer.Surface;

namespace CallServer.Host.Tests.Configuration;

/// <summary><c>cdr.http</c>.</summary>
public sealed class PushConfigurationTests
{
    private const string Url = "\"url\": \"https://billing.example.net/cdrs?tenant=7\"";

    [Test]
    public void ItIsOffUnlessGivenAndPlainUnlessSaid()
    {
        Assert.That(Read("").CdrHttp, Is.Null);
        var push = Push(Url).CdrHttp!;
        Assert.Multiple(() =>
        {
            Assert.That(push.Url.ToString(), Is.EqualTo("https://billing.example.net/cdrs?tenant=7"));
            Assert.That(push.Shown, Is.EqualTo("https://billing.example.net/cdrs"));
            Assert.That(push.Token, Is.Null);
            Assert.That(push.Authorities, Is.Empty);
            Assert.That(push.Batch, Is.EqualTo(500));
            Assert.That(push.Every, Is.EqualTo(TimeSpan.FromSeconds(5)));
            Assert.That(push.Deadline, Is.EqualTo(TimeSpan.FromSeconds(30)));
            Assert.That(push.Records, Is.EqualTo(new[] { "stop" }));
            Assert.That(push.GzipFrom, Is.Null);
        });
    }

    [Test]
    public void EverythingCanBeSaidAndNeedsARestart()
    {
        using var directory = new TestDirectory();
        var ca = directory.File("ca.pem");
        TestCertificate.Write(ca, directory.File("key.pem"));
        var plain = Push(Url);
        var full = Read(
            $$"""
              "cdr": { "interim": "10m", "http": { {{Url}}, "token": "env:PATH", "ca": "{{ca}}", "batch": 10, "every": "1m",
                       "deadline": "1s", "gzipFrom": "100kB", "records": [ "stop", "interim", "start" ] } },
            """
        );
        var push = full.CdrHttp!;
        Assert.Multiple(() =>
        {
            Assert.That(
                push.Token,
                Is.EqualTo(Encoding.UTF8.GetBytes(Environment.GetEnvironmentVariable("PATH")!))
            );
            Assert.That(push.Authorities, Has.Count.EqualTo(1));
            Assert.That(
                (push.Batch, push.Every.TotalSeconds, push.Deadline.TotalSeconds),
                Is.EqualTo((10, 60d, 1d))
            );
            Assert.That(push.Records, Is.EqualTo(new[] { "stop", "interim", "start" }));
            Assert.That(push.GzipFrom, Is.EqualTo(100_000));
            Assert.That(push.ToString(), Is.EqualTo("https://billing.example.net/cdrs"));
        });
        Assert.That(plain.NeedsRestart(full), Is.EqualTo(new[] { "cdr.interim", "cdr.http" }));
        Assert.That(Read("").NeedsRestart(plain).Single(), Is.EqualTo("cdr.http"));
        Assert.That(full.NeedsRestart(full), Is.Empty);
    }

    [TestCase("http://127.0.0.1:8090/cdrs")]
    [TestCase("http://[::1]:8090/")]
    [TestCase("http://localhost/cdrs")]
    [TestCase("https://192.0.2.7")]
    public void OnThisMachineHttpIsEnough(string url) =>
        Assert.That(Push($"\"url\": \"{url}\"").CdrHttp!.Url, Is.EqualTo(new Uri(url)));

    [TestCase("\"batch\": 1", "cdr.http", "lacks \"url\"")]
    [TestCase("\"url\": \"http://192.0.2.7/cdrs\"", "cdr.http.url", "https://… is expected")]
    [TestCase("\"url\": \"http://billing.example.net/\"", "cdr.http.url", "everybody on the way")]
    [TestCase("\"url\": \"ftp://billing.example.net/\"", "cdr.http.url", "is not https://HOST/PATH")]
    [TestCase("\"url\": \"/cdrs\"", "cdr.http.url", "is not https://HOST/PATH")]
    [TestCase("\"url\": \"https://me:pass@h/\"", "cdr.http.url", "names a user")]
    [TestCase("\"url\": \"https://h/#x\"", "cdr.http.url", "after #")]
    [TestCase(Url + ", \"token\": \"sesame\"", "cdr.http.token", "never written")]
    [TestCase(Url + ", \"ca\": \"/nowhere/ca.pem\"", "cdr.http.ca", "there is no file /nowhere/ca.pem")]
    [TestCase("\"url\": \"http://[::1]/\", \"ca\": \"CA\"", "cdr.http.ca", "has no effect")]
    [TestCase(Url + ", \"batch\": 0", "cdr.http.batch", "from 1 to 10000")]
    [TestCase(Url + ", \"every\": \"1ms\"", "cdr.http.every", "out of range")]
    [TestCase(Url + ", \"deadline\": \"1h\"", "cdr.http.deadline", "out of range")]
    [TestCase(Url + ", \"records\": [ ]", "cdr.http.records", "an empty one")]
    [TestCase(Url + ", \"records\": \"stop\"", "cdr.http.records", "stop, interim, start")]
    [TestCase(Url + ", \"records\": [ \"stops\" ]", "cdr.http.records[0]", "did you mean stop?")]
    [TestCase(Url + ", \"records\": [ \"stop\", \"interim\" ]", "cdr.http.records[1]", "cdr.interim")]
    [TestCase(Url + ", \"tokens\": \"env:PATH\"", "cdr.http.tokens", "did you mean token?")]
    public void AMistakeIsNamedWithItsPlace(string http, string path, string words)
    {
        using var directory = new TestDirectory();
        TestCertificate.Write(directory.File("ca.pem"), directory.File("key.pem"));
        var mistakes = Assert
            .Throws<ConfigurationException>(() =>
                Push(http.Replace("\"CA\"", $"\"{directory.File("ca.pem")}\"", StringComparison.Ordinal))
            )!
            .Mistakes;
        Assert.That(mistakes.Single().Path, Is.EqualTo(path));
        Assert.That(mistakes.Single().Message, Does.Contain(words).And.Not.Contain("pass"));
    }

    [Test]
    public void AFileWithoutCertificatesAndATokenThatNoHeaderCarriesAreRefused()
    {
        using var directory = new TestDirectory();
        File.WriteAllText(directory.File("empty.pem"), "nothing\n");
        File.WriteAllText(directory.File("token"), "two words\n");
        var mistakes = Assert
            .Throws<ConfigurationException>(() =>
                Push(
                    $"{Url}, \"ca\": \"{directory.File("empty.pem")}\", \"token\": \"file:{directory.File("token")}\""
                )
            )!
            .Mistakes;
        Assert.That(
            mistakes.Select(mistake => mistake.Path),
            Is.EquivalentTo(new[] { "cdr.http.ca", "cdr.http.token" })
        );
        Assert.That(
            mistakes.Select(mistake => mistake.Message),
            Has.One.Contain("holds no certificate")
                .And.One.Contain("visible ASCII")
                .And.None.Contain("two words")
        );
    }

    [Test]
    public void TheEnvironmentReachesIt()
    {
        var configuration = ConfigurationLoader.Read(
            Encoding.UTF8.GetBytes($$"""{ "cdr": { "http": { {{Url}} } }, "gateways": [] }"""),
            "test.json",
            new Dictionary<string, string> { ["CALLSERVER__CDR__HTTP__BATCH"] = "7" },
            GatewayProtocols.BuiltIn
        );
        Assert.That(configuration.CdrHttp!.Batch, Is.EqualTo(7));
    }

    private static ServerConfiguration Push(string http) => Read($$"""  "cdr": { "http": { {{http}} } }, """);

    private static ServerConfiguration Read(string section) =>
        ConfigurationLoader.Read(
            Encoding.UTF8.GetBytes($$"""{ "server": { "name": "cs-a" }, {{section}} "gateways": [] }"""),
            "test.json",
            new Dictionary<string, string>(),
            GatewayProtocols.BuiltIn
        );
}

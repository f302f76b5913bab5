using System.Net;
using System.Text;
using CallServer.Server.Configuration;
using CallServer.Surface;

namespace CallServer.Host.Tests.Configuration;

public sealed class RadiusConfigurationTests
{
    private const string Server = "\"server\": \"192.0.2.1:1813\", \"secret\": \"env:PATH\"";

    [Test]
    public void ItIsOffUnlessGivenAndPlainUnlessSaid()
    {
        Assert.That(Read("").Radius, Is.Null);
        var radius = Read($$"""  "radius": { {{Server}} }, """).Radius!;
        Assert.Multiple(() =>
        {
            Assert.That(radius.Server, Is.EqualTo(IPEndPoint.Parse("192.0.2.1:1813")));
            Assert.That(
                radius.Secret,
                Is.EqualTo(Encoding.UTF8.GetBytes(Environment.GetEnvironmentVariable("PATH")!))
            );
            Assert.That(radius.Timeout, Is.EqualTo(TimeSpan.FromSeconds(2)));
            Assert.That(radius.NasIdentifier, Is.EqualTo("cs-a"));
            Assert.That(radius.Source, Is.Null);
            Assert.That(radius.ToString(), Is.EqualTo("192.0.2.1:1813 as cs-a"));
        });
    }

    [Test]
    public void EverythingCanBeSaidAndNeedsARestart()
    {
        var plain = Read($$"""  "radius": { {{Server}} }, """);
        var full = Read(
            $$"""  "radius": { {{Server}}, "source": "192.0.2.7", "timeout": "500ms", "nasIdentifier": "nas" }, """
        );
        Assert.That(
            (full.Radius!.Source, full.Radius.Timeout.TotalMilliseconds, full.Radius.NasIdentifier),
            Is.EqualTo((IPAddress.Parse("192.0.2.7"), 500, "nas"))
        );
        Assert.That(plain.NeedsRestart(full).Single(), Is.EqualTo("radius"));
        Assert.That(Read("").NeedsRestart(plain).Single(), Is.EqualTo("radius"));
        Assert.That(full.NeedsRestart(full), Is.Empty);
    }

    [TestCase("\"secret\": \"env:PATH\"", "radius", "lacks \"server\"")]
    [TestCase("\"server\": \"192.0.2.1:1813\"", "radius", "lacks \"secret\"")]
    [TestCase("\"server\": \"192.0.2.1\", \"secret\": \"env:PATH\"", "radius.server", "ADDRESS:PORT")]
    [TestCase("\"server\": \"192.0.2.1:1813\", \"secret\": \"testing123\"", "radius.secret", "never written")]
    [TestCase(Server + ", \"source\": \"nas.example\"", "radius.source", "is no address")]
    [TestCase(Server + ", \"source\": \"::1\"", "radius.source", "IPv6")]
    [TestCase(Server + ", \"timeout\": \"1ms\"", "radius.timeout", "out of range")]
    [TestCase(Server + ", \"nasIdentifier\": \"\"", "radius.nasIdentifier", "empty")]
    [TestCase(Server + ", \"nasidentifier\": \"x\"", "radius.nasidentifier", "did you mean nasIdentifier?")]
    public void AMistakeIsNamedWithItsPlace(string radius, string path, string words)
    {
        var mistakes = Assert
            .Throws<ConfigurationException>(() => Read($$"""  "radius": { {{radius}} }, """))!
            .Mistakes;
        Assert.That(mistakes.Single().Path, Is.EqualTo(path));
        Assert.That(mistakes.Single().Message, Does.Contain(words));
    }

    [Test]
    public void ANameThatNoAttributeHoldsIsRefused()
    {
        var name = new string('ß', 127);
        var mistake = Assert
            .Throws<ConfigurationException>(() =>
                Read($$"""  "radius": { {{Server}}, "nasIdentifier": "{{name}}" }, """)
            )!
            .Mistakes.Single();
        Assert.That(mistake.Message, Does.Contain("253 octets"));
    }

    private static ServerConfiguration Read(string section) =>
        ConfigurationLoader.Read(
            Encoding.UTF8.GetBytes($$"""{ "server": { "name": "cs-a" }, {{section}} "gateways": [] }"""),
            "test.json",
            new Dictionary<string, string>(),
            GatewayProtocols.BuiltIn
        );
}

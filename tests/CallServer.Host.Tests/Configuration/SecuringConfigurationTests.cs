using System.Security.Cryptography;
using CallServer.Server.Configuration;
using CallServer.Surface;

namespace CallServer.Host.Tests.Configuration;

/// <summary>Tokens, certificate, issuer and privacy in the configuration, and every mistake in them with its place.</summary>
public sealed class SecuringConfigurationTests
{
    private string folder = "";

    [SetUp]
    public void MakeFolder() => folder = Directory.CreateTempSubdirectory("callserver-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(folder, recursive: true);

    private string Place(string name) => Path.Combine(folder, name);

    private string Secret(string name, string content)
    {
        File.WriteAllText(Place(name), content + "\n");
        return $"file:{Place(name)}";
    }

    private ServerConfiguration Read(string server, string rest = "")
    {
        File.WriteAllText(
            Place("callserver.json"),
            $$"""
            {
              "server": {
                {{server}}
              },
              {{rest}}
              "gateways": []
            }
            """
        );
        return ServerConfiguration.Load(
            Place("callserver.json"),
            new Dictionary<string, string>(),
            GatewayProtocols.BuiltIn
        );
    }

    private string[] Mistakes(string server, string rest = "") =>
        [
            .. Assert
                .Throws<ConfigurationException>(() => Read(server, rest))!
                .Mistakes.Select(mistake => $"{mistake.Line}: {mistake.Path}: {mistake.Message}"),
        ];

    [Test]
    public void ReadingAndControllingHaveTokensOfTheirOwn()
    {
        var read = Secret("read", "read-token-of-16-octets");
        var control = Secret("control", "control-token-of-16");
        var configuration = Read(
            $"""
            "listen": "http://0.0.0.0:8080", "readToken": "{read}", "controlToken": "{control}"
            """
        );
        Assert.That(configuration.ReadToken, Is.EqualTo("read-token-of-16-octets"u8.ToArray()));
        Assert.That(configuration.ControlToken, Is.EqualTo("control-token-of-16"u8.ToArray()));
        Assert.That(configuration.Token, Is.Null);
        Assert.That(
            Read($"\"readToken\": \"{read}\"").NeedsRestart(Read($"\"controlToken\": \"{read}\"")),
            Is.EqualTo(new[] { "server.readToken", "server.controlToken" })
        );
    }

    [Test]
    public void ATokenThatReadsAndControlsIsNotCalledAReadToken()
    {
        var token = Secret("token", "one-token-of-16-octets");
        Assert.That(
            Mistakes($"\"token\": \"{token}\", \"readToken\": \"{token}\"").Single(),
            Does.StartWith("3: server.readToken: is the same as a token that controls")
        );
        Assert.That(
            Mistakes($"\"controlToken\": \"{Secret("short", "short")}\"").Single(),
            Does.StartWith("3: server.controlToken: the token is too short")
        );
    }

    [Test]
    public void HttpsNeedsACertificateAndACertificateHttps()
    {
        TestCertificate.Write(Place("cert.pem"), Place("key.pem"));
        var tls = $$"""
            "tls": { "certificate": "{{Place("cert.pem")}}", "key": "{{Place("key.pem")}}" }
            """;
        Assert.That(
            Read($"\"listen\": \"https://127.0.0.1:8443\", {tls}").Tls!.Files,
            Is.EqualTo(new[] { Place("cert.pem"), Place("key.pem") })
        );
        Assert.That(
            Mistakes("\"listen\": \"https://127.0.0.1:8443\"").Single(),
            Does.StartWith("3: server.listen: https needs a certificate")
        );
        Assert.That(
            Mistakes($"\"listen\": \"http://127.0.0.1:8080\", {tls}").Single(),
            Does.StartWith("3: server.tls: has no effect")
        );
        Assert.That(Mistakes("\"listen\": \"ftp://127.0.0.1\"").Single(), Does.Contain("ftp is not served"));
    }

    [Test]
    public void AFileThatGivesNoCertificateIsNamedWithItsPlace()
    {
        TestCertificate.Write(Place("cert.pem"), Place("key.pem"));
        TestCertificate.Write(Place("other.pem"), Place("otherkey.pem"));
        TestCertificate.Write(Place("old.pem"), Place("oldkey.pem"), days: -1, ago: 10);
        TestCertificate.Write(Place("young.pem"), Place("youngkey.pem"), days: 30, ago: -2);
        TestCertificate.WritePfx(Place("cert.pfx"), "right-9f3a");
        File.WriteAllText(Place("noise.pem"), "noise");
        Secret("wrong", "wrong-5be1");
        foreach (
            var (tls, mistake) in new[]
            {
                ("\"certificate\": \"@/none.pem\"", "server.tls.certificate: there is no file"),
                (
                    "\"certificate\": \"@/cert.pem\", \"key\": \"@/none.pem\"",
                    "server.tls.key: there is no file"
                ),
                (
                    "\"certificate\": \"@/cert.pem\"",
                    "server.tls.certificate: @/cert.pem holds no private key"
                ),
                (
                    "\"certificate\": \"@/cert.pem\", \"key\": \"@/otherkey.pem\"",
                    "server.tls.certificate: @/cert.pem and @/otherkey.pem give no certificate with its private key"
                ),
                (
                    "\"certificate\": \"@/noise.pem\"",
                    "server.tls.certificate: @/noise.pem gives no certificate"
                ),
                (
                    "\"certificate\": \"@/old.pem\", \"key\": \"@/oldkey.pem\"",
                    "server.tls.certificate: @/old.pem expired at "
                ),
                (
                    "\"certificate\": \"@/young.pem\", \"key\": \"@/youngkey.pem\"",
                    "server.tls.certificate: @/young.pem is not valid before "
                ),
                (
                    "\"certificate\": \"@/cert.pfx\"",
                    "server.tls.certificate: @/cert.pfx gives no certificate"
                ),
                (
                    "\"certificate\": \"@/cert.pfx\", \"password\": \"file:@/wrong\"",
                    "server.tls.certificate: @/cert.pfx gives no certificate"
                ),
                (
                    "\"certificate\": \"@/cert.pfx\", \"password\": \"right-9f3a\"",
                    "server.tls.password: a secret is named here"
                ),
                ("\"key\": \"@/key.pem\"", "server.tls: lacks \"certificate\""),
                ("\"certificat\": \"@/cert.pem\"", "server.tls"),
            }
        )
        {
            var told = Mistakes(
                $"\"listen\": \"https://127.0.0.1:8443\", \"tls\": {{ {tls.Replace("@", folder)} }}"
            );
            Assert.That(told[0], Does.StartWith($"3: {mistake.Replace("@", folder)}"));
            Assert.That(
                string.Join('\n', told),
                Does.Not.Contain("right-9f3a").And.Not.Contain("wrong-5be1")
            );
        }
    }

    [Test]
    public void APfxWithItsPasswordIsTakenAndOneThatEndsSoonIsWarnedOf()
    {
        TestCertificate.WritePfx(Place("cert.pfx"), "right-9f3a");
        TestCertificate.Write(Place("soon.pem"), Place("soonkey.pem"), days: 3);
        var password = Secret("password", "right-9f3a");
        const string Listen = "\"listen\": \"https://127.0.0.1:8443\", \"tls\": ";
        var pfx = Read(
            Listen + $$"""{ "certificate": "{{Place("cert.pfx")}}", "password": "{{password}}" }"""
        );
        Assert.That(pfx.Warnings, Is.Empty);
        Assert.That(pfx.Tls!.ToString(), Does.Not.Contain("right-9f3a"));
        var soon = Read(
            Listen + $$"""{ "certificate": "{{Place("soon.pem")}}", "key": "{{Place("soonkey.pem")}}" }"""
        );
        Assert.That(soon.Warnings.Single().Message, Does.Contain("expires in 3 days"));
    }

    [Test]
    public void AnIssuerIsNamedWhole()
    {
        var oidc = Read(
            """
            "oidc": { "issuer": "https://id.example/voice", "audience": "callserver", "roleClaim": "groups", "readRole": "r", "controlRole": "c" }
            """
        ).Oidc!;
        Assert.That(
            oidc,
            Is.EqualTo(
                new OidcConfiguration
                {
                    Issuer = "https://id.example/voice",
                    Audience = "callserver",
                    RoleClaim = "groups",
                    ReadRole = "r",
                    ControlRole = "c",
                }
            )
        );
    }

    [Test]
    public void WhatIsWrongWithAnIssuerIsNamed()
    {
        File.WriteAllText(Place("empty.json"), """{ "keys": [] }""");
        File.WriteAllText(Place("noise.json"), "noise");
        // A shared secret is no key that others may hold.
        File.WriteAllText(
            Place("secret.json"),
            """{ "keys": [ { "kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQ" } ] }"""
        );
        foreach (
            var (oidc, mistake) in new[]
            {
                ("\"audience\": \"a\"", "server.oidc: lacks \"issuer\""),
                ("\"issuer\": \"https://id.example\"", "server.oidc: lacks \"audience\""),
                ("\"issuer\": \"http://id.example\", \"audience\": \"a\"", "server.oidc.issuer: "),
                (
                    "\"issuer\": \"i\", \"audience\": \"a\", \"keys\": \"@/none\"",
                    "server.oidc.keys: there is no file"
                ),
                (
                    "\"issuer\": \"i\", \"audience\": \"a\", \"keys\": \"@/empty.json\"",
                    "server.oidc.keys: @/empty.json holds no public key"
                ),
                (
                    "\"issuer\": \"i\", \"audience\": \"a\", \"keys\": \"@/secret.json\"",
                    "server.oidc.keys: @/secret.json holds no public key"
                ),
                (
                    "\"issuer\": \"i\", \"audience\": \"a\", \"keys\": \"@/noise.json\"",
                    "server.oidc.keys: @/noise.json is no JWK set"
                ),
                (
                    "\"issuer\": \"https://i\", \"audience\": \"a\", \"readRole\": \"x\", \"controlRole\": \"x\"",
                    "server.oidc: \"readRole\" and \"controlRole\" are the same"
                ),
            }
        )
            Assert.That(
                Mistakes($"\"oidc\": {{ {oidc.Replace("@", folder)} }}")[0],
                Does.StartWith($"3: {mistake.Replace("@", folder)}")
            );
    }

    [Test]
    public void PrivacyIsReadAndItsMistakesAreNamed()
    {
        Assert.That(Read("").Privacy, Is.EqualTo(PrivacyConfiguration.Open));
        Assert.That(
            Read("", """ "privacy": { "mask": "last4", "cdrFiles": "masked", "retain": "90d" }, """).Privacy,
            Is.EqualTo(
                new PrivacyConfiguration
                {
                    Masks = true,
                    MasksCdrFiles = true,
                    Retain = TimeSpan.FromDays(90),
                }
            )
        );
        foreach (
            var (privacy, mistake) in new[]
            {
                ("\"mask\": \"last5\"", "privacy.mask: 'last5' is not one of last4, none"),
                ("\"cdrFiles\": \"masked\"", "privacy.cdrFiles: needs \"mask\""),
                ("\"retain\": \"59m\"", "privacy.retain: 59m is out of range"),
                ("\"hide\": true", "privacy.hide: is not known here"),
            }
        )
            Assert.That(Mistakes("", $"\"privacy\": {{ {privacy} }},").Single(), Does.Contain(mistake));
    }

    [Test]
    public void TheControlLogIsKeptAsLongAsIsSaid()
    {
        var keep = Read("", """ "keep": { "controls": "30d", "controlsAtMost": 1000 }, """).Keep;
        Assert.That((keep.Controls, keep.ControlsAtMost), Is.EqualTo((TimeSpan.FromDays(30), 1000)));
    }

    [Test]
    public void AConfigurationKnowsTheTextThatItCameFrom()
    {
        var configuration = Read("");
        Assert.That(
            configuration.Digest,
            Is.EqualTo(SHA256.HashData(File.ReadAllBytes(Place("callserver.json"))))
        );
    }
}

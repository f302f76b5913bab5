using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using CallServer.Host.Tests.Cli;
using CallServer.Host.Tests.Storage;
using CallServer.Server.Configuration;

namespace CallServer.Host.Tests.Web;

/// <summary>Bearer tokens of an issuer.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[CancelAfter(60_000)]
public sealed class OidcTests : IDisposable
{
    private readonly TestDirectory directory = new();
    private readonly TestGateways gateways = new();
    private readonly TestIssuer issuer = new();

    public void Dispose()
    {
        issuer.Dispose();
        directory.Dispose();
    }

    private Task<TestServer> StartAsync(
        Func<OidcConfiguration, OidcConfiguration>? change = null,
        byte[]? token = null
    )
    {
        var oidc = issuer.Configure(directory);
        return TestServer.StartAsync(
            directory,
            gateways,
            configuration => configuration with { Oidc = change?.Invoke(oidc) ?? oidc, Token = token }
        );
    }

    private static async Task<(HttpStatusCode Read, HttpStatusCode Control, string Why)> TryAsync(
        TestServer server,
        string? token,
        CancellationToken cancel
    )
    {
        server.Http.DefaultRequestHeaders.Authorization = token is null
            ? null
            : new AuthenticationHeaderValue("Bearer", token);
        using var read = await server.Http.GetAsync(new Uri("v1/status", UriKind.Relative), cancel);
        using var control = await server.Http.PostAsync(
            new Uri("v1/audits?gateway=gw1", UriKind.Relative),
            JsonContent.Create(new { }),
            cancel
        );
        return (read.StatusCode, control.StatusCode, await control.Content.ReadAsStringAsync(cancel));
    }

    [Test]
    public async Task RolesSayWhatATokenIsGoodFor(CancellationToken cancel)
    {
        await using var server = await StartAsync();
        foreach (
            var (token, read, control) in new[]
            {
                (null, HttpStatusCode.Unauthorized, HttpStatusCode.Unauthorized),
                (issuer.Token(), HttpStatusCode.OK, HttpStatusCode.Accepted),
                (
                    issuer.Token(("roles", new[] { "x", "callserver-read" })),
                    HttpStatusCode.OK,
                    HttpStatusCode.Forbidden
                ),
                (issuer.Token(("roles", "a callserver-read")), HttpStatusCode.OK, HttpStatusCode.Forbidden),
                (
                    issuer.Token(("aud", new[] { "other", TestIssuer.Audience })),
                    HttpStatusCode.OK,
                    HttpStatusCode.Accepted
                ),
                (
                    issuer.Token(("roles", new[] { "callserver-controller" })),
                    HttpStatusCode.Unauthorized,
                    HttpStatusCode.Unauthorized
                ),
                (issuer.Token(("roles", null)), HttpStatusCode.Unauthorized, HttpStatusCode.Unauthorized),
            }
        )
        {
            var (canRead, canControl, why) = await TryAsync(server, token, cancel);
            Assert.That((canRead, canControl), Is.EqualTo((read, control)), $"{token}: {why}");
        }

        await server.Log.SaysAsync("POST /v1/audits gateway=gw1 by oidc:anna from 127.0.0.1", cancel);
    }

    [Test]
    public async Task ATokenThatIsNotRightIsRefusedAndTheAnswerSaysWhy(CancellationToken cancel)
    {
        using var stranger = new TestIssuer();
        using var forger = new TestIssuer { Id = "key-2" };
        await using var server = await StartAsync();
        var good = issuer.Token();
        var parts = good.Split('.');
        foreach (
            var (token, says) in new[]
            {
                (
                    issuer.Token(("exp", TestIssuer.Seconds(-120)), ("nbf", TestIssuer.Seconds(-600))),
                    "expired"
                ),
                (issuer.Token(("nbf", TestIssuer.Seconds(200))), "not valid yet"),
                (issuer.Token(("aud", "another")), "audience"),
                (issuer.Token(("aud", null)), "audience"),
                (issuer.Token(("iss", TestIssuer.Name + "/")), "another issuer"),
                (issuer.Token(("exp", null)), "never expires"),
                (stranger.Token(), "signature"),
                (forger.Token(), "signature"),
                (issuer.Signed("none"), "signature"),
                (issuer.Signed("HS256"), "signature"),
                ($"{parts[0]}.{parts[1]}.", "signature"),
                (
                    $"{parts[0]}.{stranger.Token(("roles", new[] { "x" })).Split('.')[1]}.{parts[2]}",
                    "signature"
                ),
                ("a.b.c", "no valid token"),
                (new string('.', 5000), "no valid token"),
                ("no-token", "Authorization: Bearer"),
            }
        )
        {
            var (read, control, why) = await TryAsync(server, token, cancel);
            Assert.That(
                (read, control),
                Is.EqualTo((HttpStatusCode.Unauthorized, HttpStatusCode.Unauthorized)),
                token
            );
            Assert.That(why, Does.Contain(says), token);
        }

        Assert.That(server.Log.Text, Does.Not.Contain(good).And.Not.Contain(parts[2]));
    }

    [Test]
    public async Task AServersOwnTokenIsGoodBesideIt(CancellationToken cancel)
    {
        await using var server = await StartAsync(
            token: Encoding.UTF8.GetBytes("token.of.16.octets.and.more")
        );
        foreach (var token in new[] { "token.of.16.octets.and.more", issuer.Token() })
        {
            var (read, control, _) = await TryAsync(server, token, cancel);
            Assert.That((read, control), Is.EqualTo((HttpStatusCode.OK, HttpStatusCode.Accepted)));
        }
    }

    [Test]
    public async Task ARoleMayStandInsideAnObject(CancellationToken cancel)
    {
        await using var server = await StartAsync(oidc => oidc with { RoleClaim = "realm_access.roles" });
        var (read, control, _) = await TryAsync(
            server,
            issuer.Token(("roles", null), ("realm_access", new { roles = new[] { "callserver-read" } })),
            cancel
        );
        Assert.That((read, control), Is.EqualTo((HttpStatusCode.OK, HttpStatusCode.Forbidden)));
    }

    [Test]
    public async Task KeysComeFromTheIssuerWhereNoFileIsNamed(CancellationToken cancel)
    {
        string? address = null;
        await using var metadata = await StubServer.StartAsync(request =>
            request.Path.Value == "/.well-known/openid-configuration"
                ? (200, $$"""{ "issuer": "{{address}}", "jwks_uri": "{{address}}/keys" }""")
                : (200, issuer.KeySet)
        );
        address = metadata.Address;
        await using var server = await StartAsync(oidc => oidc with { Issuer = address, Keys = null });
        var (read, control, why) = await TryAsync(server, issuer.Token(("iss", address)), cancel);
        Assert.That((read, control), Is.EqualTo((HttpStatusCode.OK, HttpStatusCode.Accepted)), why);
        var wrong = await TryAsync(server, issuer.Token(), cancel);
        Assert.That(wrong.Read, Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task WhereTheIssuerIsAwayNobodyGetsIn(CancellationToken cancel)
    {
        var nowhere = StubServer.Nowhere();
        await using var server = await StartAsync(oidc => oidc with { Issuer = nowhere, Keys = null });
        var (read, control, why) = await TryAsync(server, issuer.Token(("iss", nowhere)), cancel);
        Assert.That(
            read,
            Is.EqualTo(HttpStatusCode.Unauthorized).Or.EqualTo(HttpStatusCode.ServiceUnavailable),
            why
        );
        Assert.That(control, Is.EqualTo(read));
        using var probe = await server.Http.GetAsync(new Uri("healthz", UriKind.Relative), cancel);
        Assert.That(probe.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }
}

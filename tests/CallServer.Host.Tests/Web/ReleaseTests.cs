using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using CallServer.Host.Tests.Storage;

namespace CallServer.Host.Tests.Web;

/// <summary><c>POST /v1/connections/release</c>, against a whole server.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[CancelAfter(60_000)]
public sealed class ReleaseTests : IDisposable
{
    private readonly TestDirectory directory = new();
    private readonly TestGateways gateways = new();

    public ReleaseTests()
    {
        gateways.Connections[1] = [1, 2];
        gateways.Connections[2] = [4];
    }

    public void Dispose() => directory.Dispose();

    /// <summary>The first gateway can release, the second cannot.</summary>
    private Task<TestServer> StartAsync() =>
        TestServer.StartAsync(
            directory,
            gateways,
            configuration =>
                configuration with
                {
                    Gateways =
                    [
                        configuration.Gateways[0] with
                        {
                            Target = ScriptedAudit.Releasing("gw1", TimeSpan.FromSeconds(1)),
                        },
                        configuration.Gateways[1],
                    ],
                }
        );

    private static async Task<(HttpStatusCode Status, JsonElement Answer)> ReleaseAsync(
        TestServer server,
        object body,
        CancellationToken cancel
    )
    {
        using var response = await server.Http.PostAsJsonAsync("v1/connections/release", body, cancel);
        var text = await response.Content.ReadAsStringAsync(cancel);
        return (response.StatusCode, JsonDocument.Parse(text).RootElement);
    }

    private static object Order(string connection, string? gateway = null) =>
        new
        {
            gateway,
            connection,
            reason = "forgotten by the proxy",
            by = "ops@noc1",
        };

    private static async Task<JsonElement[]> ItemsAsync(
        TestServer server,
        string list,
        CancellationToken cancel
    ) => [.. (await server.GetAsync(list, cancel)).GetProperty("items").EnumerateArray()];

    [Test]
    public async Task TheGatewaysReplyClosesTheRecordWithWhoAndWhy(CancellationToken cancel)
    {
        gateways.Release = (_, connection) =>
        {
            gateways.Connections[1] = [.. gateways.Connections[1].Where(each => each != connection)];
            return 0;
        };
        await using var server = await StartAsync();
        await server.UntilAskedAsync(cancel);
        var (status, answer) = await ReleaseAsync(server, Order("gw1/c1"), cancel);
        Assert.That(status, Is.EqualTo(HttpStatusCode.OK), answer.GetRawText());
        Assert.That(
            answer.EnumerateObject().Select(member => member.Name),
            Is.EqualTo(new[] { "gateway", "connection", "released", "by", "reason", "counters", "cdr" })
        );
        Assert.That(answer.GetProperty("counters").GetProperty("packetsSent").GetInt64(), Is.EqualTo(1245));

        await server.UntilAsync(runtime => runtime.Store.ReadCdrs(null, null, 0, 10).Items.Count > 0, cancel);
        var cdr = (await ItemsAsync(server, "v1/cdrs", cancel)).Single();
        Assert.That(cdr.GetProperty("connection").GetString(), Is.EqualTo("c1"));
        Assert.That(cdr.GetProperty("id").GetString(), Is.EqualTo(answer.GetProperty("cdr").GetString()));
        Assert.That(cdr.GetProperty("end_evidence").GetString(), Is.EqualTo("released"));
        Assert.That(cdr.GetProperty("hangup_cause").GetString(), Is.EqualTo("MANAGER_REQUEST"));
        Assert.That(cdr.GetProperty("released_by").GetString(), Is.EqualTo("ops@noc1"));
        Assert.That(cdr.GetProperty("release_reason").GetString(), Is.EqualTo("forgotten by the proxy"));
        Assert.That(cdr.GetProperty("counters").GetProperty("packets_lost").GetInt64(), Is.EqualTo(3));
        Assert.That(
            cdr.GetProperty("counters").GetProperty("jitter_ms").ValueKind,
            Is.EqualTo(JsonValueKind.Null)
        );

        var log = (await ItemsAsync(server, "v1/releases", cancel)).Single();
        Assert.That(log.GetProperty("outcome").GetString(), Is.EqualTo("released"));
        Assert.That(log.GetProperty("by").GetString(), Is.EqualTo("ops@noc1"));
        var closed = server.Runtime.Events.Read(0, 1000).Items.Single(change => change.Kind == "closed");
        Assert.That(closed.Json, Does.Contain("released by ops@noc1: forgotten by the proxy"));
        Assert.That(server.Log.Text, Does.Contain("forgotten by the proxy"));
        Assert.That(
            await server.Http.GetStringAsync(new Uri("metrics", UriKind.Relative), cancel),
            Does.Contain("callserver_releases_total{outcome=\"released\"} 1")
        );
        Assert.That((await ItemsAsync(server, "v1/connections?gateway=gw1", cancel)), Has.Length.EqualTo(1));
    }

    [TestCase("gw1/c9", null, HttpStatusCode.NotFound, "no connection")]
    [TestCase("c9", "gw1", HttpStatusCode.NotFound, "no connection")]
    [TestCase("gw9/c1", null, HttpStatusCode.NotFound, "no connection")]
    [TestCase("c1", "gw9", HttpStatusCode.NotFound, "no gateway gw9")]
    [TestCase("gw2/c4", null, HttpStatusCode.Conflict, "no message that ends")]
    public async Task WhatCannotBeReleasedIsRefusedInWords(
        string connection,
        string? gateway,
        HttpStatusCode expected,
        string says,
        CancellationToken cancel
    )
    {
        await using var server = await StartAsync();
        await server.UntilAskedAsync(cancel);
        var (status, problem) = await ReleaseAsync(server, Order(connection, gateway), cancel);
        Assert.That(status, Is.EqualTo(expected));
        Assert.That(problem.GetProperty("detail").GetString(), Does.Contain(says));
        Assert.That(gateways.Released, Is.Empty, "nobody was asked");
    }

    [Test]
    public async Task WhatTheLastCompleteAuditDidNotListIsNotReleased(CancellationToken cancel)
    {
        await using var server = await StartAsync();
        await server.UntilAskedAsync(cancel);
        gateways.Connections.TryRemove(1, out _);
        server.Runtime.Polling.Trigger("gw1", Server.Polling.AuditCause.Operator);
        await server.UntilAsync(runtime => runtime.Ledger.Find("gw1")!.Record.UnconfirmedCount == 2, cancel);
        var (status, problem) = await ReleaseAsync(server, Order("gw1/c1"), cancel);
        Assert.That(status, Is.EqualTo(HttpStatusCode.Conflict));
        Assert.That(problem.GetProperty("detail").GetString(), Does.Contain("was not complete"));
        Assert.That(gateways.Released, Is.Empty);
    }

    [Test]
    public async Task AGatewayThatWouldNotClosesNothing(CancellationToken cancel)
    {
        gateways.Release = (_, _) => 1;
        await using var server = await StartAsync();
        await server.UntilAskedAsync(cancel);
        var (status, problem) = await ReleaseAsync(server, Order("gw1/c1"), cancel);
        Assert.That(status, Is.EqualTo(HttpStatusCode.BadGateway));
        Assert.That(problem.GetProperty("detail").GetString(), Does.Contain("515 who?"));
        await OpenAndLoggedAsync(server, "refused", cancel);
    }

    [Test]
    public async Task AGatewayThatDoesNotAnswerClosesNothing(CancellationToken cancel)
    {
        await using var server = await StartAsync();
        await server.UntilAskedAsync(cancel);
        var (status, problem) = await ReleaseAsync(server, Order("gw1/c1"), cancel);
        Assert.That(status, Is.EqualTo(HttpStatusCode.GatewayTimeout));
        Assert.That(problem.GetProperty("title").GetString(), Does.Contain("Nobody knows"));
        await OpenAndLoggedAsync(server, "unknown", cancel);
    }

    private static async Task OpenAndLoggedAsync(TestServer server, string outcome, CancellationToken cancel)
    {
        await server.UntilAsync(
            runtime => runtime.Store.ReadReleases(null, long.MaxValue, 10).Items.Count > 0,
            cancel
        );
        Assert.That((await ItemsAsync(server, "v1/connections?gateway=gw1", cancel)), Has.Length.EqualTo(2));
        Assert.That((await ItemsAsync(server, "v1/cdrs", cancel)), Is.Empty);
        var log = (await ItemsAsync(server, "v1/releases?gateway=gw1", cancel)).Single();
        Assert.That(log.GetProperty("outcome").GetString(), Is.EqualTo(outcome));
        Assert.That(log.GetProperty("reason").GetString(), Is.EqualTo("forgotten by the proxy"));
        Assert.That(
            server.Runtime.Events.Read(0, 1000).Items.Select(change => change.Kind),
            Has.One.EqualTo("release-" + outcome)
        );
    }

    [TestCase("""{"connection":"gw1/c1","by":"ops"}""", "reason")]
    [TestCase("""{"connection":"gw1/c1","by":"ops","reason":"  "}""", "reason")]
    [TestCase("""{"connection":"gw1/c1","by":"ops","reason":"two\nlines"}""", "reason")]
    [TestCase("""{"connection":"gw1/c1","by":"ops","reason":7}""", "reason")]
    [TestCase("""{"connection":"gw1/c1","reason":"why"}""", "by")]
    [TestCase("""{"by":"ops","reason":"why"}""", "connection")]
    [TestCase("""{"connection":"gw1/c1","by":"ops","reason":"why","force":true}""", "force")]
    [TestCase("""{"connection":"gw1/c1","connection":"gw1/c2","by":"ops","reason":"why"}""", "connection")]
    [TestCase("""["gw1/c1"]""", "body")]
    [TestCase("""{""", "body")]
    public async Task AMistakeInTheOrderIsNamed(string body, string member, CancellationToken cancel)
    {
        await using var server = await StartAsync();
        await server.UntilAskedAsync(cancel);
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using var response = await server.Http.PostAsync(
            new Uri("v1/connections/release", UriKind.Relative),
            content,
            cancel
        );
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(await response.Content.ReadAsStringAsync(cancel), Does.Contain(member));
        Assert.That(gateways.Released, Is.Empty);
    }

    [Test]
    public async Task APageInABrowserCannotReleaseAnything(CancellationToken cancel)
    {
        gateways.Release = (_, _) => 0;
        await using var server = await StartAsync();
        await server.UntilAskedAsync(cancel);
        // What a form or a script of a foreign page may send without a preflight request.
        using var content = new StringContent(
            """{"connection":"gw1/c1","by":"ops","reason":"why"}""",
            Encoding.UTF8,
            "text/plain"
        );
        using var response = await server.Http.PostAsync(
            new Uri("v1/connections/release", UriKind.Relative),
            content,
            cancel
        );
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.UnsupportedMediaType));
        Assert.That(gateways.Released, Is.Empty);
    }

    [Test]
    public async Task WithATokenOnlyWhoPresentsItReleases(CancellationToken cancel)
    {
        gateways.Release = (_, _) => 0;
        await using var server = await TestServer.StartAsync(
            directory,
            gateways,
            configuration => configuration with { Token = "a-token-nobody-guesses"u8.ToArray() }
        );
        await server.UntilAskedAsync(cancel);
        var (status, _) = await ReleaseAsync(server, Order("gw1/c1"), cancel);
        Assert.That(status, Is.EqualTo(HttpStatusCode.Unauthorized));
        Assert.That(gateways.Released, Is.Empty);
    }
}

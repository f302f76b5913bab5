using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using CallServer.Host.Tests.Storage;
using CallServer.Server;
using CallServer.Server.Configuration;
using Microsoft.Extensions.Logging;

namespace CallServer.Host.Tests.Web;

/// <summary>The HTTP contract, against a whole server.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[CancelAfter(60_000)]
public sealed class ApiTests : IDisposable
{
    private static readonly string[] NoSniff = ["nosniff"];
    private static readonly string[] NoReferrer = ["no-referrer"];

    private readonly TestDirectory directory = new();
    private readonly TestGateways gateways = new();

    public ApiTests()
    {
        gateways.Connections[1] = [1, 2, 3];
        gateways.Connections[2] = [4];
    }

    public void Dispose() => directory.Dispose();

    private static string[] Names(JsonElement element) =>
        [.. element.EnumerateObject().Select(member => member.Name)];

    private static string[] Ids(JsonElement list, string name = "id") =>
        [.. list.GetProperty("items").EnumerateArray().Select(item => item.GetProperty(name).GetString()!)];

    [Test]
    public async Task StatusHasTheMembersOfTheContract(CancellationToken cancel)
    {
        await using var server = await TestServer.StartAsync(directory, gateways);
        await server.UntilAskedAsync(cancel);
        var status = await server.GetAsync("v1/status", cancel);
        Assert.That(
            Names(status),
            Is.EqualTo(
                new[]
                {
                    "name",
                    "role",
                    "epoch",
                    "peer",
                    "ready",
                    "uptimeSeconds",
                    "connections",
                    "gateways",
                    "troubles",
                }
            )
        );
        Assert.That(
            Names(status.GetProperty("gateways")),
            Is.EqualTo(new[] { "total", "complete", "partial", "silent" })
        );
        Assert.That(status.GetProperty("role").GetString(), Is.EqualTo("primary"));
        Assert.That(status.GetProperty("ready").GetBoolean());
        Assert.That(status.GetProperty("connections").GetInt32(), Is.EqualTo(4));
        Assert.That(status.GetProperty("gateways").GetProperty("complete").GetInt32(), Is.EqualTo(2));
    }

    [Test]
    public async Task ItIsReadyWhenEveryGatewayWasAskedOnce(CancellationToken cancel)
    {
        gateways.Connections.TryRemove(2, out _);
        await using var server = await TestServer.StartAsync(directory, gateways);
        using var early = await server.Http.GetAsync(new Uri("readyz", UriKind.Relative), cancel);
        Assert.That(early.StatusCode, Is.EqualTo(HttpStatusCode.ServiceUnavailable));
        using var alive = await server.Http.GetAsync(new Uri("healthz", UriKind.Relative), cancel);
        Assert.That(alive.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        await server.UntilAsync(runtime => runtime.Ledger.Find("gw1") is { AskedSinceStart: true }, cancel);
        var list = await server.GetAsync("v1/connections", cancel);
        Assert.That(list.GetProperty("complete").GetBoolean(), Is.False);
        Assert.That(
            list.GetProperty("incomplete").EnumerateArray().Select(id => id.GetString()),
            Is.EqualTo(new[] { "gw2" })
        );
        var one = await server.GetAsync("v1/connections?gateway=gw1", cancel);
        Assert.That(one.GetProperty("complete").GetBoolean());
    }

    [Test]
    public async Task AConnectionHasEveryMemberOfTheContract(CancellationToken cancel)
    {
        await using var server = await TestServer.StartAsync(directory, gateways);
        await server.UntilAskedAsync(cancel);
        var list = await server.GetAsync("v1/connections", cancel);
        Assert.That(Names(list), Is.EqualTo(new[] { "asOf", "complete", "incomplete", "items", "next" }));
        Assert.That(list.GetProperty("next").ValueKind, Is.EqualTo(JsonValueKind.Null));
        Assert.That(
            Names(list.GetProperty("items")[0]),
            Is.SupersetOf(
                (
                    "id,call,endpoint,originator,remote,codec,clockRate,qos,setup,start,ageSeconds,mode,state,localMedia,"
                    + "remoteMedia,gateway,status,firstHeard,lastHeard,confirmedCount,recovered"
                ).Split(',')
            )
        );
    }

    [Test]
    public async Task AListIsReadPageByPage(CancellationToken cancel)
    {
        await using var server = await TestServer.StartAsync(directory, gateways);
        await server.UntilAskedAsync(cancel);
        var found = new List<string>();
        string? cursor = null;
        do
        {
            var page = await server.GetAsync(
                "v1/connections?limit=1" + (cursor is null ? "" : "&cursor=" + cursor),
                cancel
            );
            found.AddRange(Ids(page));
            Assert.That(page.GetProperty("items").GetArrayLength(), Is.EqualTo(1));
            cursor = page.GetProperty("next").GetString();
        } while (cursor is not null);

        Assert.That(found, Is.EqualTo(new[] { "c1", "c2", "c3", "c4" }));
        Assert.That(
            Ids(await server.GetAsync("v1/connections?gateway=gw2", cancel)),
            Is.EqualTo(new[] { "c4" })
        );
        Assert.That(Ids(await server.GetAsync("v1/connections?status=unconfirmed", cancel)), Is.Empty);
    }

    [TestCase("v1/connections?limit=0", "limit")]
    [TestCase("v1/connections?limit=1001", "limit")]
    [TestCase("v1/connections?limit=many", "limit")]
    [TestCase("v1/connections?limit=1&limit=2", "limit")]
    [TestCase("v1/connections?cursor=%21", "cursor")]
    [TestCase("v1/connections?status=lost", "status")]
    [TestCase("v1/connections?gateway=gw9", "gateway")]
    [TestCase("v1/connections?gatway=gw1", "gatway")]
    [TestCase("v1/gateways?status=complete", "status")]
    [TestCase("v1/audits?cursor=-1", "cursor")]
    [TestCase("v1/cdrs?since=yesterday", "since")]
    [TestCase("v1/status?verbose=1", "verbose")]
    [TestCase("v1/events?since=1", "since")]
    public async Task AMistakeInARequestIsNamed(string path, string parameter, CancellationToken cancel)
    {
        await using var server = await TestServer.StartAsync(directory, gateways);
        var (status, problem) = await server.RefusedAsync(HttpMethod.Get, path, cancel);
        Assert.That(status, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(problem.GetProperty("status").GetInt32(), Is.EqualTo(400));
        Assert.That(problem.GetProperty("detail").GetString(), Does.Contain(parameter));
        Assert.That(Names(problem.GetProperty("parameters")), Is.EqualTo(new[] { parameter }));
    }

    [Test]
    public async Task WhatIsNotThereIsAProblemToo(CancellationToken cancel)
    {
        await using var server = await TestServer.StartAsync(directory, gateways);
        Assert.That(
            (await server.RefusedAsync(HttpMethod.Get, "v2", cancel)).Status,
            Is.EqualTo(HttpStatusCode.NotFound)
        );
        Assert.That(
            (await server.RefusedAsync(HttpMethod.Delete, "v1/status", cancel)).Status,
            Is.EqualTo(HttpStatusCode.MethodNotAllowed)
        );
        Assert.That(
            (
                await server.RefusedAsync(
                    HttpMethod.Post,
                    "v1/audits?gateway=gw9",
                    cancel,
                    JsonContent.Create(new { })
                )
            ).Status,
            Is.EqualTo(HttpStatusCode.NotFound)
        );
        Assert.That(
            (
                await server.RefusedAsync(HttpMethod.Post, "v1/audits", cancel, JsonContent.Create(new { }))
            ).Status,
            Is.EqualTo(HttpStatusCode.BadRequest)
        );
    }

    [Test]
    public async Task ATriggerAsksAtOnceAndWhatEndedHasACdrAndAnEvent(CancellationToken cancel)
    {
        await using var server = await TestServer.StartAsync(
            directory,
            gateways,
            configuration => configuration with { CdrFile = directory.File("cdr.ndjson") }
        );
        await server.UntilAskedAsync(cancel);

        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri("v1/events", UriKind.Relative));
        using var stream = await server.Http.SendAsync(
            request,
            HttpCompletionOption.ResponseHeadersRead,
            cancel
        );
        Assert.That(stream.Content.Headers.ContentType?.MediaType, Is.EqualTo("text/event-stream"));
        using var lines = new StreamReader(await stream.Content.ReadAsStreamAsync(cancel));

        gateways.Connections[1] = [2, 3];
        using var asked = await server.Http.PostAsJsonAsync("v1/audits?gateway=gw1", new { }, cancel);
        Assert.That(asked.StatusCode, Is.EqualTo(HttpStatusCode.Accepted));

        var (id, change) = await EventAsync(lines, "closed", cancel);
        Assert.That(change.GetProperty("gateway").GetString(), Is.EqualTo("gw1"));
        Assert.That(change.GetProperty("connection").GetString(), Is.EqualTo("c1"));
        Assert.That(change.GetProperty("time").GetString(), Does.EndWith("Z"));
        Assert.That(id, Is.GreaterThan(0));

        var cdrs = await server.GetAsync("v1/cdrs?gateway=gw1", cancel);
        Assert.That(Ids(cdrs, "connection"), Is.EqualTo(new[] { "c1" }));
        Assert.That(
            Names(cdrs.GetProperty("items")[0]),
            Is.SupersetOf(new[] { "billsec_min", "end_evidence", "answer_stamp_max", "uuid", "read_codec" })
        );
        var audits = await server.GetAsync("v1/audits?gateway=gw1", cancel);
        Assert.That(audits.GetProperty("items").GetArrayLength(), Is.EqualTo(2));
        var row = (await server.GetAsync("v1/gateways?gateway=gw1", cancel)).GetProperty("items")[0];
        Assert.That(row.GetProperty("status").GetString(), Is.EqualTo("complete"));
        Assert.That(row.GetProperty("connections").GetInt32(), Is.EqualTo(2));

        // A client that comes back gets what it missed.
        using var again = new HttpRequestMessage(HttpMethod.Get, new Uri("v1/events", UriKind.Relative));
        again.Headers.Add("Last-Event-ID", "0");
        using var replay = await server.Http.SendAsync(
            again,
            HttpCompletionOption.ResponseHeadersRead,
            cancel
        );
        using var missed = new StreamReader(await replay.Content.ReadAsStreamAsync(cancel));
        var (_, first) = await EventAsync(missed, "opened", cancel);
        Assert.That(first.GetProperty("kind").GetString(), Is.EqualTo("opened"));
    }

    [Test]
    public async Task StoppingEndsStreamsAndSavesEverything(CancellationToken cancel)
    {
        await using (
            var server = await TestServer.StartAsync(
                directory,
                gateways,
                configuration => configuration with { CdrFile = directory.File("cdr.ndjson") }
            )
        )
        {
            await server.UntilAskedAsync(cancel);
            using var request = new HttpRequestMessage(
                HttpMethod.Get,
                new Uri("v1/events", UriKind.Relative)
            );
            using var stream = await server.Http.SendAsync(
                request,
                HttpCompletionOption.ResponseHeadersRead,
                cancel
            );
            gateways.Connections[1] = [];
            Assert.That(server.Runtime.Polling.Trigger("gw1", Server.Polling.AuditCause.Operator));
            await server.UntilAsync(runtime => runtime.Ledger.Find("gw1")!.Record.Count == 0, cancel);
        }

        Assert.That(
            await File.ReadAllLinesAsync(directory.File("cdr.ndjson"), cancel),
            Has.Length.EqualTo(3)
        );
    }

    [Test]
    public async Task ARestartLosesNothingAndConfirmsNothingBeforeItIsHeard(CancellationToken cancel)
    {
        await using (var first = await TestServer.StartAsync(directory, gateways))
            await first.UntilAsync(runtime => runtime.IsReady, cancel);
        gateways.Connections.Clear();
        await using var second = await TestServer.StartAsync(directory, gateways);
        var list = await second.GetAsync("v1/connections?status=unconfirmed", cancel);
        Assert.That(Ids(list), Is.EqualTo(new[] { "c1", "c2", "c3", "c4" }));
        Assert.That(list.GetProperty("complete").GetBoolean(), Is.False);

        gateways.Connections[1] = [1, 2, 3];
        second.Runtime.Polling.Trigger("gw1", Server.Polling.AuditCause.Operator);
        await second.UntilAsync(runtime => runtime.Ledger.Find("gw1")!.Record.UnconfirmedCount == 0, cancel);
        var confirmed = await second.GetAsync("v1/connections?status=confirmed", cancel);
        Assert.That(Ids(confirmed), Is.EqualTo(new[] { "c1", "c2", "c3" }));
        Assert.That(
            (await second.GetAsync("v1/cdrs", cancel)).GetProperty("items").GetArrayLength(),
            Is.Zero
        );
    }

    [Test]
    public async Task ARemovedGatewaysConnectionsStayUnconfirmed(CancellationToken cancel)
    {
        await using var server = await TestServer.StartAsync(directory, gateways);
        await server.UntilAskedAsync(cancel);
        var before = server.Runtime.Configuration;
        var refused = server.Runtime.TryReload(before with { Gateways = [], Name = "other" });
        Assert.That(refused.Single(), Does.Contain("server.name"));
        Assert.That(server.Runtime.Configuration.Gateways, Has.Count.EqualTo(2), "all or nothing");

        Assert.That(server.Runtime.TryReload(before with { Gateways = [before.Gateways[0]] }), Is.Empty);
        await server.UntilAsync(runtime => runtime.Ledger.Find("gw2")!.Record.UnconfirmedCount == 1, cancel);
        var list = await server.GetAsync("v1/connections?gateway=gw2", cancel);
        Assert.That(Ids(list), Is.EqualTo(new[] { "c4" }));
        Assert.That(list.GetProperty("complete").GetBoolean(), Is.False);
        var row = (await server.GetAsync("v1/gateways?gateway=gw2", cancel)).GetProperty("items")[0];
        Assert.That(row.GetProperty("configured").GetBoolean(), Is.False);
        Assert.That(
            (await server.GetAsync("v1/cdrs", cancel)).GetProperty("items").GetArrayLength(),
            Is.Zero
        );
    }

    [Test]
    public async Task WithATokenOnlyWhoPresentsItIsAnswered(CancellationToken cancel)
    {
        const string Token = "a-token-nobody-guesses";
        await using var server = await TestServer.StartAsync(
            directory,
            gateways,
            configuration => configuration with { Token = Encoding.UTF8.GetBytes(Token) }
        );
        await server.UntilAskedAsync(cancel);
        Assert.That(
            (await server.RefusedAsync(HttpMethod.Get, "v1/status", cancel)).Status,
            Is.EqualTo(HttpStatusCode.Unauthorized)
        );
        Assert.That(
            (await server.RefusedAsync(HttpMethod.Get, "metrics", cancel)).Status,
            Is.EqualTo(HttpStatusCode.Unauthorized)
        );
        using var probe = await server.Http.GetAsync(new Uri("readyz", UriKind.Relative), cancel);
        Assert.That(probe.StatusCode, Is.EqualTo(HttpStatusCode.OK));

        server.Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
            "Bearer",
            Token + "x"
        );
        Assert.That(
            (await server.RefusedAsync(HttpMethod.Get, "v1/status", cancel)).Status,
            Is.EqualTo(HttpStatusCode.Unauthorized)
        );
        server.Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Token);
        await server.GetAsync("v1/status", cancel);
        Assert.That(server.Log.Text, Does.Not.Contain(Token));
    }

    [Test]
    public async Task ReadinessNamesAFileOnlyToWhoeverHoldsTheToken(CancellationToken cancel)
    {
        const string Token = "a-token-nobody-guesses";
        // A file stands where the folder of CDRs is to be made.
        var blocked = directory.File("blocked");
        await File.WriteAllTextAsync(blocked, "", cancel);
        await using var server = await TestServer.StartAsync(
            directory,
            gateways,
            configuration =>
                configuration with
                {
                    Token = Encoding.UTF8.GetBytes(Token),
                    CdrFile = Path.Combine(blocked, "cdrs.ndjson"),
                }
        );
        await server.UntilAskedAsync(cancel);
        gateways.Connections[1] = [2, 3];
        server.Runtime.Polling.Trigger("gw1", Server.Polling.AuditCause.Operator);
        await server.UntilAsync(runtime => runtime.CdrFiles.Fault is not null, cancel);

        async Task<string> ReasonAsync()
        {
            using var answer = await server.Http.GetAsync(new Uri("readyz", UriKind.Relative), cancel);
            using var body = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(cancel));
            return body.RootElement.GetProperty("cdrFile").GetProperty("reason").GetString()!;
        }

        server.MayComplain = true;
        Assert.That(await ReasonAsync(), Is.EqualTo("told with the token"));
        server.Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Token);
        Assert.That(await ReasonAsync(), Does.Contain(blocked));
    }

    [Test]
    public async Task WrongTokensAreCountedAndToldOnce(CancellationToken cancel)
    {
        await using var server = await TestServer.StartAsync(
            directory,
            gateways,
            configuration => configuration with { Token = "a-token-nobody-guesses"u8.ToArray() }
        );
        await Task.WhenAll(
            Enumerable.Range(0, 20).Select(_ => server.RefusedAsync(HttpMethod.Get, "v1/status", cancel))
        );
        Assert.That(server.Log.Text.Split("presents a wrong token"), Has.Length.EqualTo(2));

        server.Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
            "Bearer",
            "a-token-nobody-guesses"
        );
        var metrics = await server.Http.GetStringAsync(new Uri("metrics", UriKind.Relative), cancel);
        Assert.That(metrics, Does.Contain("\ncallserver_tokens_refused_total{} 20\n"));
    }

    [Test]
    public void AnAddressThatIsTakenIsSaidInOneLine()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var log = new TestLog();
        var thrown = Assert.ThrowsAsync<ConfigurationException>(() =>
            ServerHost.StartAsync(
                new ServerConfiguration
                {
                    Name = "cs-a",
                    Listen = new Uri($"http://{taken.LocalEndpoint}"),
                    Data = directory.File("callserver.db"),
                    Gateways = [],
                },
                CancellationToken.None,
                new ServerParts { OpenNetwork = gateways.On, Logging = logging => logging.AddProvider(log) }
            )
        );
        Assert.That(thrown!.Message, Does.Contain("server.listen: cannot listen on"));
        Assert.That(log.Text, Does.Not.Contain("Error ").And.Not.Contain("   at "));
    }

    [Test]
    public async Task NoAnswerIsKeptGuessedAtOrFramed(CancellationToken cancel)
    {
        await using var server = await TestServer.StartAsync(directory, gateways);
        foreach (var path in new[] { "healthz", "v1/status", "metrics", "v1/nothing" })
        {
            using var answer = await server.Http.GetAsync(new Uri(path, UriKind.Relative), cancel);
            Assert.That(answer.Headers.GetValues("X-Content-Type-Options"), Is.EqualTo(NoSniff), path);
            Assert.That(answer.Headers.CacheControl?.NoStore, Is.True, path);
            Assert.That(
                answer.Headers.GetValues("Content-Security-Policy").Single().Split("; "),
                Is.EqualTo(
                    new[]
                    {
                        "default-src 'none'",
                        "base-uri 'none'",
                        "form-action 'none'",
                        "frame-ancestors 'none'",
                        "report-uri /v1/csp-reports",
                        "report-to csp",
                    }
                ),
                path
            );
            Assert.That(answer.Headers.GetValues("Referrer-Policy"), Is.EqualTo(NoReferrer), path);
        }
    }

    [Test]
    public async Task ABodyThatIsTooLongIsRefusedInWords(CancellationToken cancel)
    {
        await using var server = await TestServer.StartAsync(directory, gateways);
        using var body = new StringContent(new string(' ', 65_537), Encoding.UTF8, "application/json");
        var (status, problem) = await server.RefusedAsync(
            HttpMethod.Post,
            "v1/connections/release",
            cancel,
            body
        );
        Assert.That(status, Is.EqualTo(HttpStatusCode.RequestEntityTooLarge));
        Assert.That(problem.GetProperty("title").GetString(), Does.Contain("65536 octets"));
    }

    [Test]
    public async Task ARequestOfTwoLengthsIsRefused(CancellationToken cancel)
    {
        await using var server = await TestServer.StartAsync(directory, gateways);
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, server.Http.BaseAddress!.Port, cancel);
        await client
            .GetStream()
            .WriteAsync(
                "POST /v1/takeover HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"u8.ToArray(),
                cancel
            );
        using var reader = new StreamReader(client.GetStream());
        Assert.That(await reader.ReadLineAsync(cancel), Is.EqualTo("HTTP/1.1 400 Bad Request"));
        Assert.That(await reader.ReadToEndAsync(cancel), Does.Contain("not both"));
    }

    [Test]
    public async Task WithoutATokenAPageOfAnotherNameIsRefused(CancellationToken cancel)
    {
        await using var server = await TestServer.StartAsync(directory, gateways);
        server.Http.DefaultRequestHeaders.Host = "rebound.example";
        Assert.That(
            (await server.RefusedAsync(HttpMethod.Get, "v1/status", cancel)).Status,
            Is.EqualTo(HttpStatusCode.Forbidden)
        );
    }

    [Test]
    public async Task MetricsHaveOnePrefixAndNoIdsOfConnections(CancellationToken cancel)
    {
        await using var server = await TestServer.StartAsync(directory, gateways);
        await server.UntilAskedAsync(cancel);
        var text = await server.Http.GetStringAsync(new Uri("metrics", UriKind.Relative), cancel);
        var lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.That(
            lines.Where(line => line[0] != '#'),
            Is.All.StartsWith("callserver_").Or.StartsWith("dotnet_"),
            "ours and the runtime's"
        );
        Assert.That(lines, Does.Contain("callserver_connections{status=\"confirmed\"} 4"));
        Assert.That(lines, Does.Contain("callserver_audits_total{result=\"complete\"} 2"));
        Assert.That(lines, Does.Contain("callserver_store_healthy{} 1"));
        Assert.That(text, Does.Not.Contain("\"c1\""));
    }

    /// <summary>Reads up to the next event of a kind.</summary>
    private static async Task<(long Id, JsonElement Data)> EventAsync(
        StreamReader lines,
        string kind,
        CancellationToken cancel
    )
    {
        long id = 0;
        string? name = null;
        while (await lines.ReadLineAsync(cancel) is { } line)
        {
            if (line.StartsWith("id: ", StringComparison.Ordinal))
                id = long.Parse(line[4..], System.Globalization.CultureInfo.InvariantCulture);
            else if (line.StartsWith("event: ", StringComparison.Ordinal))
                name = line[7..];
            else if (line.StartsWith("data: ", StringComparison.Ordinal) && name == kind)
                return (id, JsonDocument.Parse(line[6..]).RootElement);
        }

        throw new AssertionException($"the stream ended before {kind}");
    }
}

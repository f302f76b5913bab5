using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using CallServer.Host.Tests.Storage;
using CallServer.Server.Configuration;

namespace CallServer.Host.Tests.Web;

/// <summary>Who may do what, and what the control log keeps of it.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[CancelAfter(120_000)]
public sealed class ControlLogTests : IDisposable
{
    private const string Read = "read-token-8c1f4e0b7a";
    private const string Control = "control-token-5d92e6a3f1";
    private const string Both = "token-for-all-77b0c4d2e9";
    private const string Wrong = "wrong-token-0a1b2c3d4e";

    private readonly TestDirectory directory = new();
    private readonly TestGateways gateways = new();

    public ControlLogTests()
    {
        gateways.Connections[1] = [1, 2];
        gateways.Connections[2] = [3];
    }

    public void Dispose() => directory.Dispose();

    private Task<TestServer> StartAsync(Func<ServerConfiguration, ServerConfiguration>? change = null) =>
        TestServer.StartAsync(
            directory,
            gateways,
            configuration =>
            {
                var guarded = configuration with
                {
                    Token = Encoding.UTF8.GetBytes(Both),
                    ReadToken = Encoding.UTF8.GetBytes(Read),
                    ControlToken = Encoding.UTF8.GetBytes(Control),
                };
                return change?.Invoke(guarded) ?? guarded;
            }
        );

    private static async Task<HttpResponseMessage> SendAsync(
        TestServer server,
        HttpMethod method,
        string path,
        string? token,
        CancellationToken cancel,
        Action<HttpRequestMessage>? change = null
    )
    {
        using var request = new HttpRequestMessage(method, new Uri(path, UriKind.Relative));
        if (method == HttpMethod.Post)
            request.Content = JsonContent.Create(new { });
        if (token is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        change?.Invoke(request);
        return await server.Http.SendAsync(request, cancel);
    }

    /// <summary>The whole log, oldest first.</summary>
    private static async Task<List<JsonElement>> LogAsync(
        TestServer server,
        CancellationToken cancel,
        string? token = Read
    )
    {
        var entries = new List<JsonElement>();
        for (var cursor = ""; ; )
        {
            using var answer = await SendAsync(
                server,
                HttpMethod.Get,
                $"v1/control-log?limit=1000{cursor}",
                token,
                cancel
            );
            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK));
            var page = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(cancel)).RootElement;
            entries.AddRange(page.GetProperty("items").EnumerateArray());
            if (page.GetProperty("next").GetString() is not { } next)
                break;
            cursor = $"&cursor={next}";
        }

        entries.Reverse();
        return entries;
    }

    private static string Line(JsonElement entry) =>
        $"{entry.GetProperty("who").GetString()} {entry.GetProperty("verb").GetString()} "
        + $"[{entry.GetProperty("what").GetString()}] {entry.GetProperty("status").GetInt32()} "
        + entry.GetProperty("result").GetString();

    [Test]
    public async Task EachTokenDoesWhatItIsFor(CancellationToken cancel)
    {
        await using var server = await StartAsync();
        foreach (
            var (token, reads, controls) in new[]
            {
                ((string?)null, HttpStatusCode.Unauthorized, HttpStatusCode.Unauthorized),
                (Wrong, HttpStatusCode.Unauthorized, HttpStatusCode.Unauthorized),
                (Read[..^1], HttpStatusCode.Unauthorized, HttpStatusCode.Unauthorized),
                (Read, HttpStatusCode.OK, HttpStatusCode.Forbidden),
                (Control, HttpStatusCode.OK, HttpStatusCode.Accepted),
                (Both, HttpStatusCode.OK, HttpStatusCode.Accepted),
            }
        )
        {
            using var read = await SendAsync(server, HttpMethod.Get, "v1/status", token, cancel);
            Assert.That(read.StatusCode, Is.EqualTo(reads), token);
            foreach (var path in new[] { "v1/audits?gateway=gw1", "v1/gateways/gw1/audit" })
            {
                using var control = await SendAsync(server, HttpMethod.Post, path, token, cancel);
                Assert.That(control.StatusCode, Is.EqualTo(controls), $"{token} {path}");
                if (controls == HttpStatusCode.Forbidden)
                {
                    Assert.That(
                        await control.Content.ReadAsStringAsync(cancel),
                        Does.Contain("server.controlToken")
                    );
                    Assert.That(
                        control.Headers.WwwAuthenticate.ToString(),
                        Does.Contain("insufficient_scope")
                    );
                }
            }
        }
    }

    [Test]
    public async Task WithAReadTokenAloneNobodyControls(CancellationToken cancel)
    {
        await using var server = await StartAsync(configuration =>
            configuration with
            {
                Token = null,
                ControlToken = null,
            }
        );
        using var read = await SendAsync(server, HttpMethod.Get, "v1/status", Read, cancel);
        Assert.That(read.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        foreach (
            var (token, status) in new[]
            {
                ((string?)null, HttpStatusCode.Unauthorized),
                (Read, HttpStatusCode.Forbidden),
            }
        )
        {
            using var control = await SendAsync(server, HttpMethod.Post, "v1/stepdown", token, cancel);
            Assert.That(control.StatusCode, Is.EqualTo(status));
        }
    }

    [Test]
    public async Task WhatIsCarriedOutOrTriedIsLoggedWithWhoAndWhatCameOfIt(CancellationToken cancel)
    {
        await using var server = await StartAsync();
        await server.UntilAskedAsync(cancel);
        foreach (
            var (method, path, token, body) in new[]
            {
                (HttpMethod.Post, "v1/audits?gateway=gw1", Control, "{}"),
                (HttpMethod.Post, "v1/gateways/gw2/audit", Both, "{}"),
                (HttpMethod.Post, "v1/gateways/gw9/audit", Control, "{}"),
                (HttpMethod.Post, "v1/recoveries/dry-run", Control, "{}"),
                (HttpMethod.Post, "v1/stepdown", Control, "{}"),
                (HttpMethod.Post, "v1/takeover", Control, """{"epoch":7}"""),
                (
                    HttpMethod.Post,
                    "v1/connections/release",
                    Control,
                    """{"gateway":"gw1","connection":"77","by":"ops","reason":"ticket 4711"}"""
                ),
                (HttpMethod.Delete, "v1/gateways/gw9", Control, ""),
            }
        )
        {
            using var answer = await SendAsync(
                server,
                method,
                path,
                token,
                cancel,
                request =>
                    request.Content =
                        body.Length == 0 ? null : new StringContent(body, Encoding.UTF8, "application/json")
            );
        }

        var log = await LogAsync(server, cancel);
        Assert.That(
            log.Select(Line),
            Is.EqualTo(
                new[]
                {
                    "control token POST /v1/audits [gateway=gw1] 202 accepted",
                    "token POST /v1/gateways/{id}/audit [gateway=gw2] 202 accepted",
                    "control token POST /v1/gateways/{id}/audit [gateway=gw9] 404 failed",
                    "control token POST /v1/recoveries/dry-run [] 202 accepted",
                    "control token POST /v1/stepdown [] 409 failed",
                    "control token POST /v1/takeover [epoch=7] 202 accepted",
                    "control token POST /v1/connections/release [gateway=gw1, connection=77, by=ops, reason=ticket 4711] 404 failed",
                    "control token DELETE /v1/gateways/{id} [gateway=gw9] 404 failed",
                }
            )
        );
        Assert.That(log.Select(entry => entry.GetProperty("from").GetString()), Has.All.EqualTo("127.0.0.1"));
        Assert.That(log.Select(entry => entry.GetProperty("count").GetInt32()), Has.All.EqualTo(1));
        await server.Log.SaysAsync("POST /v1/takeover epoch=7 by control token from 127.0.0.1", cancel);
    }

    [Test]
    public async Task ARefusedRequestIsLoggedWithoutWhatItSaid(CancellationToken cancel)
    {
        await using var server = await StartAsync();
        foreach (
            var (token, change) in new (string?, Action<HttpRequestMessage>?)[]
            {
                (null, null),
                (Wrong, null),
                (Read, null),
                (
                    Control,
                    request => request.Content = new StringContent("secret=1", Encoding.UTF8, "text/plain")
                ),
                (Control, request => request.Headers.Add("Origin", "https://evil.example")),
                (Control, request => request.Headers.Host = "evil.example"),
                (
                    Control,
                    request =>
                        request.Content = new StringContent(
                            new string('x', 70_000),
                            Encoding.UTF8,
                            "application/json"
                        )
                ),
                (
                    Control,
                    request => request.Content = new StringContent("{\"a", Encoding.UTF8, "application/json")
                ),
            }
        )
        {
            using var answer = await SendAsync(
                server,
                HttpMethod.Post,
                "v1/connections/release",
                token,
                cancel,
                change
            );
        }

        var log = await LogAsync(server, cancel);
        Assert.That(
            log.Select(Line),
            Is.EqualTo(
                new[]
                {
                    "nobody POST /v1/connections/release [] 401 refused",
                    "wrong token POST /v1/connections/release [] 401 refused",
                    "read token POST /v1/connections/release [] 403 refused",
                    "control token POST /v1/connections/release [] 415 refused",
                    "control token POST /v1/connections/release [] 403 refused",
                    "control token POST /v1/connections/release [] 413 refused",
                    "control token POST /v1/connections/release [] 400 refused",
                }
            ),
            "the two 403 are alike, and the second one waits for its minute to end"
        );
        server.Runtime.Controls.Flush();
        log = await LogAsync(server, cancel);
        Assert.That(Line(log[^1]), Is.EqualTo("control token POST /v1/connections/release [] 403 refused"));
    }

    [Test]
    public async Task ReadsAreNotLoggedNorIsTheOtherServersGreeting(CancellationToken cancel)
    {
        await using var server = await StartAsync();
        using var read = await SendAsync(server, HttpMethod.Get, "v1/gateways", Read, cancel);
        using var greeting = await SendAsync(server, HttpMethod.Post, "v1/heartbeat", null, cancel);
        using var nothing = await SendAsync(server, HttpMethod.Post, "v1/nothing", Control, cancel);
        using var put = await SendAsync(server, HttpMethod.Put, "v1/takeover", Control, cancel);
        Assert.That(put.StatusCode, Is.EqualTo(HttpStatusCode.MethodNotAllowed));
        Assert.That(await LogAsync(server, cancel), Is.Empty);
    }

    [Test]
    public async Task TenThousandRequestsAtOnceAreAnsweredRightAndLeaveFewRows(CancellationToken cancel)
    {
        const int Most = 10_000;
        await using var server = await StartAsync(configuration =>
            configuration with
            {
                ControlsPerSecond = 20,
            }
        );
        await server.UntilAskedAsync(cancel);
        var statuses = new ConcurrentDictionary<HttpStatusCode, int>();
        await Parallel.ForEachAsync(
            Enumerable.Range(0, Most),
            new ParallelOptions { MaxDegreeOfParallelism = 64, CancellationToken = cancel },
            async (number, stop) =>
            {
                // A few with a wrong token, which are answered late on purpose; the others may control.
                using var answer = await SendAsync(
                    server,
                    HttpMethod.Post,
                    $"v1/gateways/gw{1 + number % 2}/audit",
                    number % 100 == 0 ? Wrong : Control,
                    stop
                );
                statuses.AddOrUpdate(answer.StatusCode, 1, (_, count) => count + 1);
            }
        );

        server.Runtime.Controls.Flush();
        var log = await LogAsync(server, cancel);
        await TestContext.Out.WriteLineAsync(
            $"{string.Join(", ", statuses.Select(pair => $"{(int)pair.Key}: {pair.Value}"))}; {log.Count} rows"
        );
        Assert.That(
            statuses.Keys,
            Is.EquivalentTo(
                new[] { HttpStatusCode.Accepted, HttpStatusCode.TooManyRequests, HttpStatusCode.Unauthorized }
            )
        );
        Assert.That(statuses[HttpStatusCode.Unauthorized], Is.EqualTo(Most / 100));
        foreach (var (status, count) in statuses)
            Assert.That(
                log.Where(entry => entry.GetProperty("status").GetInt32() == (int)status)
                    .Sum(entry => entry.GetProperty("count").GetInt32()),
                Is.EqualTo(count),
                $"every request with {status} is in the log"
            );
        Assert.That(
            log.Count(entry => entry.GetProperty("result").GetString() == "accepted"),
            Is.EqualTo(statuses[HttpStatusCode.Accepted]),
            "what was carried out has a row of its own"
        );
        // The first of a kind, and one a minute after that.
        Assert.That(
            log.Count(entry => entry.GetProperty("result").GetString() == "refused"),
            Is.LessThan(20)
        );
    }

    [Test]
    public async Task NoTokenIsInAnyAnswerLogLineOrFile(CancellationToken cancel)
    {
        var answers = new StringBuilder();
        string log;
        await using (var server = await StartAsync())
        {
            await server.UntilAskedAsync(cancel);
            foreach (var token in new[] { Read, Control, Both, Wrong, "Bearer " + Wrong })
            foreach (
                var path in new[]
                {
                    "v1/audits?gateway=gw1",
                    "v1/connections/release",
                    "v1/gateways",
                    "v1/stepdown",
                    $"v1/takeover?token={Wrong}",
                    $"v1/gateways/{Wrong}x/audit?{Wrong}",
                }
            )
            {
                using var answer = await SendAsync(server, HttpMethod.Post, path, token, cancel);
                answers
                    .AppendLine(answer.ToString())
                    .AppendLine(await answer.Content.ReadAsStringAsync(cancel));
            }

            foreach (
                var path in new[]
                {
                    "readyz",
                    "metrics",
                    "v1/status",
                    "v1/gateways",
                    "v1/control-log",
                    "v1/audits",
                }
            )
            {
                using var answer = await SendAsync(server, HttpMethod.Get, path, Read, cancel);
                answers
                    .AppendLine(answer.ToString())
                    .AppendLine(await answer.Content.ReadAsStringAsync(cancel));
            }

            log = server.Log.Text;
        }

        // An answer may repeat what its caller wrote into the address, but nothing is kept of it.
        foreach (var token in new[] { Read, Control, Both })
            Assert.That(answers.ToString(), Does.Not.Contain(token));
        foreach (var token in new[] { Read, Control, Both, Wrong })
        {
            Assert.That(log, Does.Not.Contain(token));
            foreach (var file in Directory.EnumerateFiles(directory.Path))
                Assert.That(
                    Encoding.Latin1.GetString(await File.ReadAllBytesAsync(file, cancel)),
                    Does.Not.Contain(token),
                    file
                );
        }
    }

    [Test]
    public async Task ARequestThatNeverEndsCarriesNothingOut(CancellationToken cancel)
    {
        await using var server = await StartAsync();
        foreach (
            var begun in new[]
            {
                "POST /v1/stepdown HTTP/1.1\r\nHost: localhost\r\n",
                $"POST /v1/connections/release HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {Control}\r\n"
                    + "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"gateway\":",
            }
        )
        {
            using var client = new TcpClient();
            await client.ConnectAsync(IPAddress.Loopback, server.Http.BaseAddress!.Port, cancel);
            var stream = client.GetStream();
            await stream.WriteAsync(Encoding.ASCII.GetBytes(begun), cancel);
            client.Client.Shutdown(SocketShutdown.Send);
            using var reader = new StreamReader(stream, Encoding.ASCII);
            var answer = "";
            try
            {
                answer = await reader.ReadToEndAsync(cancel);
            }
            catch (IOException)
            {
                // Cut off: no answer either.
            }

            Assert.That(answer, Is.Empty.Or.StartWith("HTTP/1.1 400"));
        }

        var log = await LogAsync(server, cancel);
        Assert.That(
            log.Select(entry => entry.GetProperty("result").GetString()),
            Has.None.EqualTo("done").And.None.EqualTo("accepted")
        );
    }

    [TestCase("v1/gateways/%2e%2e/audit", HttpStatusCode.NotFound)]
    [TestCase("v1/gateways/..%2f..%2fetc%2fpasswd/audit", HttpStatusCode.NotFound)]
    [TestCase("v1/gateways/gw1%00/audit", HttpStatusCode.BadRequest)]
    [TestCase("v1//gateways/gw1/audit", HttpStatusCode.NotFound)]
    [TestCase("v1/gateways/%0d%0aSet-Cookie:x=1/audit", HttpStatusCode.NotFound)]
    public async Task APathThatIsNoneFindsNothing(
        string path,
        HttpStatusCode status,
        CancellationToken cancel
    )
    {
        await using var server = await StartAsync();
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, server.Http.BaseAddress!.Port, cancel);
        await client
            .GetStream()
            .WriteAsync(
                Encoding.ASCII.GetBytes(
                    $"POST /{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {Control}\r\n"
                        + "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
                ),
                cancel
            );
        using var reader = new StreamReader(client.GetStream(), Encoding.ASCII);
        var answer = await reader.ReadToEndAsync(cancel);
        Assert.That(answer, Does.StartWith($"HTTP/1.1 {(int)status} "));
        Assert.That(answer, Does.Not.Contain("Set-Cookie: x"));
    }
}

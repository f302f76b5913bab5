using System.Net;
using System.Net.Http.Json;
using System.Reactive.Concurrency;
using System.Text;
using CallServer.Host.Tests.Storage;
using CallServer.Server.Web;

namespace CallServer.Host.Tests.Web;

/// <summary>What every control request must satisfy before it is looked at.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[CancelAfter(60_000)]
public sealed class ControlsTests : IDisposable
{
    private readonly TestDirectory directory = new();
    private readonly TestGateways gateways = new();

    public void Dispose() => directory.Dispose();

    private static readonly string[] Orders =
    [
        "v1/audits?gateway=gw1",
        "v1/connections/release",
        "v1/recoveries/dry-run",
        "v1/takeover",
        "v1/stepdown",
    ];

    private Task<TestServer> StartAsync() =>
        TestServer.StartAsync(
            directory,
            gateways,
            configuration => configuration with { Hosts = ["cs.example.net"] }
        );

    private static async Task<HttpResponseMessage> OrderAsync(
        TestServer server,
        string order,
        Action<HttpRequestMessage>? change = null
    )
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(order, UriKind.Relative));
        request.Content = JsonContent.Create(new { });
        change?.Invoke(request);
        return await server.Http.SendAsync(request);
    }

    [TestCaseSource(nameof(Orders))]
    public async Task APageOfAnotherOriginOrdersNothing(string order)
    {
        await using var server = await StartAsync();
        foreach (
            var (change, status) in new (Action<HttpRequestMessage>, HttpStatusCode)[]
            {
                (request => request.Content = null, HttpStatusCode.UnsupportedMediaType),
                (
                    request => request.Content = new StringContent("{}", Encoding.UTF8, "text/plain"),
                    HttpStatusCode.UnsupportedMediaType
                ),
                (
                    request =>
                        request.Content = new FormUrlEncodedContent([
                            new KeyValuePair<string, string>("a", "b"),
                        ]),
                    HttpStatusCode.UnsupportedMediaType
                ),
                (request => request.Headers.Add("Origin", "https://evil.example"), HttpStatusCode.Forbidden),
                (request => request.Headers.Add("Origin", "null"), HttpStatusCode.Forbidden),
                (request => request.Headers.Add("Origin", "http://localhost:1"), HttpStatusCode.Forbidden),
            }
        )
        {
            using var answer = await OrderAsync(server, order, change);
            Assert.That(answer.StatusCode, Is.EqualTo(status));
            Assert.That(
                answer.Content.Headers.ContentType?.MediaType,
                Is.EqualTo("application/problem+json")
            );
        }
    }

    [TestCaseSource(nameof(Orders))]
    public async Task UnderAnotherNameNothingIsOrderedWithATokenEither(string order)
    {
        await using var server = await TestServer.StartAsync(
            directory,
            gateways,
            configuration => configuration with { Token = "a-token-nobody-guesses"u8.ToArray() }
        );
        server.Http.DefaultRequestHeaders.Authorization = new("Bearer", "a-token-nobody-guesses");

        foreach (var host in new[] { "rebound.example", "192.0.2.1", "127.0.0.1.example" })
        {
            using var answer = await OrderAsync(server, order, request => request.Headers.Host = host);
            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.Forbidden), host);
            Assert.That(await answer.Content.ReadAsStringAsync(), Does.Contain("server.hosts"));
        }
    }

    [Test]
    public async Task ItsOwnNamesAndItsOwnPageAreTaken()
    {
        await using var server = await TestServer.StartAsync(
            directory,
            gateways,
            configuration =>
                configuration with
                {
                    Token = "a-token-nobody-guesses"u8.ToArray(),
                    Hosts = ["cs.example.net"],
                }
        );
        server.Http.DefaultRequestHeaders.Authorization = new("Bearer", "a-token-nobody-guesses");
        var own = server.Http.BaseAddress!.Authority;
        foreach (
            var host in new[]
            {
                own,
                "localhost",
                "LOCALHOST:8080",
                "[::1]:80",
                "cs.example.net",
                "CS.example.net:8080",
            }
        )
        {
            using var named = await OrderAsync(
                server,
                "v1/audits?gateway=gw1",
                request => request.Headers.Host = host
            );
            Assert.That(named.StatusCode, Is.EqualTo(HttpStatusCode.Accepted), host);
        }

        using var page = await OrderAsync(
            server,
            "v1/audits?gateway=gw1",
            request => request.Headers.Add("Origin", $"http://{own}")
        );
        Assert.That(page.StatusCode, Is.EqualTo(HttpStatusCode.Accepted));
        using var proxied = await OrderAsync(
            server,
            "v1/audits?gateway=gw1",
            request =>
            {
                request.Headers.Host = "cs.example.net";
                request.Headers.Add("Origin", "https://cs.example.net");
            }
        );
        Assert.That(proxied.StatusCode, Is.EqualTo(HttpStatusCode.Accepted));
    }

    [Test]
    public async Task WhoOrdersTooOftenIsToldWhenToComeBack()
    {
        await using var server = await TestServer.StartAsync(
            directory,
            gateways,
            configuration => configuration with { ControlsPerSecond = 1 }
        );
        var answers = new List<(HttpStatusCode Status, string? After)>();
        // Forty requests take less than forty seconds on any machine that can run this, so some come too soon.
        for (var n = 0; n < 40; n++)
        {
            using var answer = await OrderAsync(server, "v1/audits?gateway=gw9");
            answers.Add((answer.StatusCode, answer.Headers.RetryAfter?.ToString()));
        }

        Assert.That(answers[0], Is.EqualTo((HttpStatusCode.NotFound, (string?)null)));
        Assert.That(answers, Does.Contain((HttpStatusCode.TooManyRequests, "1")));
        // Reading is not a control request.
        using var read = await server.Http.GetAsync(new Uri("v1/status", UriKind.Relative));
        Assert.That(read.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public void ABucketFillsAgain()
    {
        var scheduler = new HistoricalScheduler(DateTimeOffset.UnixEpoch);
        var limit = new RateLimit(4, new SchedulerClock(scheduler));
        for (var n = 0; n < 4; n++)
            Assert.That(limit.TryTake(out _), $"number {n}");
        Assert.That(limit.TryTake(out var wait), Is.False);
        Assert.That(wait, Is.EqualTo(TimeSpan.FromMilliseconds(250)));
        scheduler.AdvanceBy(TimeSpan.FromMilliseconds(250));
        Assert.That(limit.TryTake(out _));
        Assert.That(limit.TryTake(out _), Is.False);
        // A long rest gives no more than one second's worth.
        scheduler.AdvanceBy(TimeSpan.FromHours(1));
        Assert.That(Enumerable.Range(0, 10).Count(_ => limit.TryTake(out var _)), Is.EqualTo(4));
    }

    [Test]
    public async Task AnOrderWithoutABodyIsTaken()
    {
        await using var server = await StartAsync();
        using var answer = await OrderAsync(
            server,
            "v1/stepdown",
            request =>
                request.Content = new ByteArrayContent([])
                {
                    Headers = { ContentType = new("application/json") },
                }
        );
        Assert.That(
            answer.StatusCode,
            Is.EqualTo(HttpStatusCode.Conflict),
            "there is nobody to hand over to"
        );
    }
}

using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using CallServer.Host.Tests.Storage;
using CallServer.Server.Net;
using CallServer.Server.Roles;
using CallServer.Surface;

namespace CallServer.Host.Tests.Web;

/// <summary>
/// Many damaged requests: each is answered or cut off, and none makes the server fail. CALLSERVER_FUZZ_REQUESTS sets
/// how many (default 1,000).
/// </summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class WebFuzzTests : IDisposable
{
    private static readonly int requests = int.Parse(
        Environment.GetEnvironmentVariable("CALLSERVER_FUZZ_REQUESTS") is { Length: > 0 } count
            ? count
            : "1000",
        CultureInfo.InvariantCulture
    );

    /// <summary>
    /// Every kind of request except the event stream, which never ends: paths with queries, and control requests with
    /// bodies.
    /// </summary>
    private static readonly (string Path, string Words, bool IsOrder)[] kinds =
    [
        ("status", "", false),
        ("gateways", "limit=2&after=gw1", false),
        ("audits", "gateway=gw1&limit=100", false),
        ("connections", "gateway=gw1&status=confirmed&limit=5&after=gw1%2F1", false),
        ("calls", "limit=7&findings=one-sided", false),
        ("cdrs", "since=2026-01-31T10:00:00Z&limit=1000", false),
        ("releases", "limit=3", false),
        ("control-log", "limit=3&cursor=7", false),
        ("recoveries", "limit=1", false),
        ("audits", """{"gateway":"gw1"}""", true),
        (
            "connections/release",
            """{"gateway":"gw1","connection":"1","reason":"stuck","operator":"me"}""",
            true
        ),
        (
            "gateways",
            """{"id":"gw3","uri":"ng://127.0.0.1:7","interval":"1h","community":"env:NONE"}""",
            true
        ),
        ("gateways/gw1/audit", "{}", true),
        (
            "csp-reports",
            """{"csp-report":{"effective-directive":"script-src","blocked-uri":"https://evil.example/x.js"}}""",
            true
        ),
        ("takeover", """{"epoch":7}""", true),
        ("stepdown", "{}", true),
        ("recoveries/dry-run", "{}", true),
        ("heartbeat", """{"server":"cs-b","epoch":2,"role":"standby"}""", true),
        ("cdrs/settle", """{"cdrs":[{"id":"a","uuid":"b"}]}""", true),
    ];

    private readonly TestDirectory directory = new();
    private readonly TestGateways gateways = new();

    public WebFuzzTests()
    {
        gateways.Connections[1] = [1, 2];
        gateways.Connections[2] = [3];
    }

    public void Dispose() => directory.Dispose();

    [Test]
    public async Task NoRequestMakesItFail(CancellationToken cancel)
    {
        await using var server = await TestServer.StartAsync(
            directory,
            gateways,
            configuration => configuration with { ControlsPerSecond = 1_000_000 }
        );
        await server.UntilAskedAsync(cancel);
        var statuses = new SortedDictionary<string, int>(StringComparer.Ordinal);
        for (var seed = 0; seed < requests; seed++)
        {
            var damaged = Request(seed);
            var status = await SendAsync(server.Http.BaseAddress!.Port, damaged, cancel);
            statuses[status] = statuses.GetValueOrDefault(status) + 1;
            Assert.That(
                status,
                Is.Not.EqualTo("500"),
                () => $"seed {seed}: {Encoding.Latin1.GetString(damaged)}"
            );
        }

        await TestContext.Out.WriteLineAsync(
            string.Join(", ", statuses.Select(status => $"{status.Key}: {status.Value}"))
        );
        Assert.That(statuses, Does.ContainKey("200").And.ContainKey("400"), "both are met");
        using var alive = await server.Http.GetAsync(new Uri("healthz", UriKind.Relative), cancel);
        Assert.That(alive.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    [Test]
    public async Task NothingThatTheOtherServerSaysMakesItFail(CancellationToken cancel)
    {
        using var pair = new TestPair(gateways);
        await using var primary = await pair.PrimaryAsync();
        using var backup = TestPair.Backup(TestPair.Secret);
        var greeting = Encoding.UTF8.GetBytes(
            """{"server":"cs-b","epoch":2,"role":"standby","handsOver":false,"anew":false,"heartbeatMs":100,"misses":3}"""
        );
        for (var seed = 0; seed < requests; seed++)
        {
            var damaged = Damaged(greeting, seed);
            var answer = await backup.AskAsync(
                pair.First,
                PeerLink.Path,
                PairQuestion.Heartbeat,
                damaged,
                cancel
            );
            Assert.That(answer.Verdict, Is.EqualTo(PairVerdict.Believed));
            Assert.That(
                (int)answer.Status,
                Is.LessThan(500),
                () => $"seed {seed}: {Encoding.Latin1.GetString(damaged)}"
            );
        }
    }

    /// <summary>
    /// Every second request is damaged anywhere, the others only in what their reader has to understand.
    /// </summary>
    private static byte[] Request(int seed)
    {
        var (path, words, isOrder) = kinds[seed / 2 % kinds.Length];
        var octets = Encoding.UTF8.GetBytes(words);
        if (seed % 2 == 0)
            return Damaged(Written(path, octets, isOrder), seed);
        return Written(path, Damaged(octets, seed), isOrder);
    }

    private static byte[] Written(string path, byte[] rest, bool isOrder)
    {
        const string Host = "Host: localhost\r\nConnection: close\r\n";
        if (isOrder)
            return
            [
                .. Encoding.Latin1.GetBytes(
                    $"POST /v1/{path} HTTP/1.1\r\n{Host}Content-Type: application/json\r\nContent-Length: {rest.Length}\r\n\r\n"
                ),
                .. rest,
            ];
        var question = string.Concat(
            rest.Select(octet =>
                octet is > 0x20 and < 0x7F and not (byte)'#' ? $"{(char)octet}" : $"%{octet:X2}"
            )
        );
        return Encoding.Latin1.GetBytes($"GET /v1/{path}?{question} HTTP/1.1\r\n{Host}\r\n");
    }

    /// <summary>The status; "none" if the connection ended without one.</summary>
    private static async Task<string> SendAsync(int port, byte[] request, CancellationToken cancel)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, port, cancel);
        try
        {
            var stream = client.GetStream();
            await stream.WriteAsync(request, cancel);
            // Nothing more will be sent.
            client.Client.Shutdown(SocketShutdown.Send);
            using var reader = new StreamReader(stream, Encoding.Latin1);
            var answer = await reader.ReadToEndAsync(cancel);
            return answer.StartsWith("HTTP/1.1 ", StringComparison.Ordinal) ? answer[9..12] : "none";
        }
        catch (Exception fault) when (fault is IOException or SocketException)
        {
            return "none";
        }
    }

    /// <summary>One to four damages: a flipped bit; lost, repeated or invented octets; a truncation.</summary>
    private static byte[] Damaged(byte[] octets, int seed)
    {
#pragma warning disable CA5394 // the same damage for the same seed
        var random = new Random(seed);
        List<byte> damaged = [.. octets];
        for (var count = random.Next(4); count >= 0; count--)
        {
            var at = random.Next(damaged.Count + 1);
            var length = Math.Min(random.Next(16), damaged.Count - at);
            switch (random.Next(5))
            {
                case 0 when at < damaged.Count:
                    damaged[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    damaged.RemoveRange(at, length);
                    break;
                case 2:
                    damaged.InsertRange(at, damaged.GetRange(at, length));
                    break;
                case 3:
                    var invented = new byte[length];
                    random.NextBytes(invented);
                    damaged.InsertRange(at, invented);
                    break;
                case 4:
                    damaged.RemoveRange(at, damaged.Count - at);
                    break;
            }
        }
#pragma warning restore CA5394
        return [.. damaged];
    }
}

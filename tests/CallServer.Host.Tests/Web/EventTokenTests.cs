using System.Net;
using System.Net.Http.Headers;
using CallServer.Host.Tests.Storage;
using CallServer.Server.Configuration;

namespace CallServer.Host.Tests.Web;

/// <summary>A stream of events ends with the token that it was begun with.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[CancelAfter(60_000)]
public sealed class EventTokenTests : IDisposable
{
    private static readonly Uri events = new("v1/events", UriKind.Relative);

    private readonly TestDirectory directory = new();
    private readonly TestGateways gateways = new();
    private readonly TestIssuer issuer = new();

    public void Dispose()
    {
        issuer.Dispose();
        directory.Dispose();
    }

    private Task<TestServer> StartAsync() =>
        TestServer.StartAsync(
            directory,
            gateways,
            configuration => configuration with { Oidc = issuer.Configure(directory) }
        );

    private static Task<HttpResponseMessage> FollowAsync(
        TestServer server,
        string token,
        CancellationToken cancel
    )
    {
        server.Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return server.Http.GetAsync(events, HttpCompletionOption.ResponseHeadersRead, cancel);
    }

    private static async Task<HttpStatusCode> ComeBackAsync(
        TestServer server,
        string token,
        CancellationToken cancel
    )
    {
        using var answer = await FollowAsync(server, token, cancel);
        return answer.StatusCode;
    }

    [Test]
    public async Task AStreamEndsWhenItsTokenExpires(CancellationToken cancel)
    {
        await using var server = await StartAsync();
        var (token, stream) = ("", default(HttpResponseMessage));
        // On a slow machine the token may be over before the server sees it; the next one is then tried.
        while (stream is not { StatusCode: HttpStatusCode.OK })
        {
            stream?.Dispose();
            // 60 s are allowed for clocks, so that 2 s remain.
            token = issuer.Token(("exp", TestIssuer.Seconds(-58)), ("nbf", TestIssuer.Seconds(-600)));
            stream = await FollowAsync(server, token, cancel);
        }

        using (stream)
        {
            var text = await stream.Content.ReadAsStringAsync(cancel);
            Assert.That(text, Does.Contain("event: complete").And.EndsWith("\n\n"));
            Assert.That(
                text.Split("\n\n")[^2],
                Is.EqualTo(
                    "event: ended\ndata: {\"reason\":\"The token is no longer accepted. It has expired. "
                        + "Come back with a good one\"}"
                )
            );
        }

        Assert.That(await ComeBackAsync(server, token, cancel), Is.EqualTo(HttpStatusCode.Unauthorized));
    }

    [Test]
    public async Task AStreamEndsWhenTheKeyOfItsTokenIsTakenAway(CancellationToken cancel)
    {
        using var other = new TestIssuer { Id = "key-2" };
        await using var server = await StartAsync();
        var token = issuer.Token();
        using var stream = await FollowAsync(server, token, cancel);
        using var lines = new StreamReader(await stream.Content.ReadAsStreamAsync(cancel));
        Assert.That(await UntilAsync("event: "), Is.EqualTo("event: complete"));

        await File.WriteAllTextAsync(directory.File("keys.json"), other.KeySet, cancel);
        var last = "";
        while (last != "event: ended")
        {
            server.Runtime.Store.Commit(TestRows.Commit() with { Changes = [TestRows.Change("opened")] });
            server.Runtime.Events.Announce();
            last = await UntilAsync("event: ");
        }

        Assert.That(await UntilAsync("data: "), Does.Contain("No key of the issuer fits its signature"));
        Assert.That(await lines.ReadToEndAsync(cancel), Is.EqualTo("\n"));
        Assert.That(await ComeBackAsync(server, token, cancel), Is.EqualTo(HttpStatusCode.Unauthorized));

        async Task<string> UntilAsync(string begins)
        {
            while (true)
            {
                var line =
                    await lines.ReadLineAsync(cancel)
                    ?? throw new AssertionException("the stream ended without a reason");
                if (line.StartsWith(begins, StringComparison.Ordinal))
                    return line;
            }
        }
    }
}

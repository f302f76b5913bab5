using System.Net;
using System.Text;
using System.Text.Json;
using CallServer.Host.Tests.Cli;
using CallServer.Server.Net;
using CallServer.Server.Roles;
using CallServer.Surface;

namespace CallServer.Host.Tests.Web;

/// <summary>What a stranger can do to a server of a pair over HTTP: nothing.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[CancelAfter(60_000)]
public sealed class PairProofTests : IDisposable
{
    private const string Greeting = """{"server":"cs-b","epoch":9,"role":"active"}""";

    private static readonly byte[] Content = Encoding.UTF8.GetBytes(Greeting);

    private readonly TestPair pair = new(new TestGateways());

    public void Dispose() => pair.Dispose();

    /// <summary>A primary that acts under epoch 1, because its backup is absent.</summary>
    private async Task<TestServer> ActingAsync(CancellationToken cancel)
    {
        var primary = await pair.PrimaryAsync();
        await TestPair.UntilRoleAsync(primary, "primary", cancel);
        return primary;
    }

    private static async Task<HttpResponseMessage> SendAsync(
        TestServer server,
        string path,
        byte[] content,
        params string[] headers
    )
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(path, UriKind.Relative));
        request.Content = new ByteArrayContent(content);
        request.Content.Headers.ContentType = new("application/json");
        foreach (var header in headers)
            request.Headers.Add(PeerTrust.Header, header);
        return await server.Http.SendAsync(request);
    }

    private static void StillActs(TestServer server) =>
        Assert.That(
            (server.Runtime.Roles.Role!.Role, server.Runtime.Roles.Role.Epoch),
            Is.EqualTo(("primary", 1))
        );

    /// <summary>The header of a question that this server would believe.</summary>
    private static async Task<(PeerTrust Trust, string Header)> ProvenAsync(TestServer server)
    {
        var trust = new PeerTrust("cs-b", TestPair.Secret, new SystemClock());
        var (nonce, first) = trust.Ask(PairQuestion.Heartbeat, Content);
        using var refused = await SendAsync(server, PeerLink.Path, Content, first);
        Assert.That(refused.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized), "it has no challenge yet");
        var verdict = trust.Hear(
            PairQuestion.Heartbeat,
            nonce,
            (int)refused.StatusCode,
            refused.Headers.GetValues(PeerTrust.Header).Single(),
            await refused.Content.ReadAsByteArrayAsync()
        );
        Assert.That(verdict, Is.EqualTo(PairVerdict.Believed), "the refusal is proven, too");
        return (trust, trust.Ask(PairQuestion.Heartbeat, Content).Header);
    }

    [TestCase(PeerLink.Path, Greeting)]
    [TestCase(Settlement.Path, "[]")]
    public async Task WithoutAProofNothingIsAnswered(string path, string content, CancellationToken cancel)
    {
        await using var server = await ActingAsync(cancel);

        using var answer = await SendAsync(server, path, Encoding.UTF8.GetBytes(content));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
            Assert.That(answer.Headers.Contains(PeerTrust.Header), Is.False);
            Assert.That(await answer.Content.ReadAsStringAsync(cancel), Does.Contain(PeerTrust.Header));
            StillActs(server);
        }
    }

    [Test]
    public async Task AnotherSecretProvesNothing(CancellationToken cancel)
    {
        await using var server = await ActingAsync(cancel);
        using var stranger = TestPair.Backup("another secret altogether"u8.ToArray());

        var answer = await stranger.AskAsync(
            pair.First,
            PeerLink.Path,
            PairQuestion.Heartbeat,
            Content,
            cancel
        );

        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer.Status, Is.EqualTo(HttpStatusCode.Unauthorized));
            Assert.That(answer.Verdict, Is.EqualTo(PairVerdict.WrongMac), "nor is the answer for it");
            StillActs(server);
        }
    }

    [Test]
    public async Task SaidAgainItIsRefused(CancellationToken cancel)
    {
        await using var server = await ActingAsync(cancel);
        var (_, header) = await ProvenAsync(server);

        using var first = await SendAsync(server, PeerLink.Path, Content, header);
        using var again = await SendAsync(server, PeerLink.Path, Content, header);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(first.StatusCode, Is.EqualTo(HttpStatusCode.OK));
            Assert.That(again.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
            Assert.That(
                await again.Content.ReadAsStringAsync(cancel),
                Does.Contain("said before").Or.Contain("does not hold")
            );
        }
    }

    [Test]
    public async Task ChangedOnItsWayItIsRefused(CancellationToken cancel)
    {
        await using var server = await ActingAsync(cancel);
        var (trust, header) = await ProvenAsync(server);

        var changed = Encoding.UTF8.GetBytes(Greeting.Replace("9", "8", StringComparison.Ordinal));
        using var content = await SendAsync(server, PeerLink.Path, changed, header);
        // Sent once for the other kind of question, and once with a second proof beside it.
        using var kind = await SendAsync(server, Settlement.Path, Content, header);
        using var two = await SendAsync(
            server,
            PeerLink.Path,
            Content,
            header,
            trust.Ask(PairQuestion.Heartbeat, Content).Header
        );

        using (Assert.EnterMultipleScope())
        {
            foreach (var answer in (HttpResponseMessage[])[content, kind, two])
                Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
            StillActs(server);
        }
    }

    [Test]
    public async Task ItsOwnNameIsNobodyElses(CancellationToken cancel)
    {
        await using var server = await ActingAsync(cancel);
        using var itself = TestPair.Peer("cs-a", TestPair.Secret);

        var answer = await itself.AskAsync(
            pair.First,
            PeerLink.Path,
            PairQuestion.Heartbeat,
            Content,
            cancel
        );

        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer.Status, Is.EqualTo(HttpStatusCode.Unauthorized));
            Assert.That(answer.Verdict, Is.EqualTo(PairVerdict.OwnName));
            StillActs(server);
        }
    }

    [Test]
    public async Task AServerThatIsAloneHearsNobody(CancellationToken cancel)
    {
        using var directory = new Storage.TestDirectory();
        await using var server = await TestServer.StartAsync(directory, new TestGateways());
        await TestPair.UntilRoleAsync(server, "primary", cancel);

        using var answer = await SendAsync(server, PeerLink.Path, Content);

        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
        StillActs(server);
    }

    [Test]
    public async Task AGhostIsNoAnswer(CancellationToken cancel)
    {
        var heard = new List<string>();
        await using var ghost = await StubServer.StartAsync(request =>
        {
            heard.Add(request.Headers.Authorization.ToString());
            // A proof that was valid for another question.
            if (heard.Count > 1)
                request.HttpContext.Response.Headers[PeerTrust.Header] = new PeerTrust(
                    "cs-a",
                    TestPair.Secret,
                    new SystemClock()
                ).Answer(
                    PairQuestion.Heartbeat,
                    new PeerTrust("cs-b", TestPair.Secret, new SystemClock())
                        .Ask(PairQuestion.Heartbeat, Content)
                        .Header,
                    200,
                    Content
                );
            return (200, Greeting);
        });
        using var backup = TestPair.Backup(TestPair.Secret);
        var at = new Uri(ghost.Address);

        var bare = await backup.AskAsync(at, PeerLink.Path, PairQuestion.Heartbeat, Content, cancel);
        var old = await backup.AskAsync(at, PeerLink.Path, PairQuestion.Heartbeat, Content, cancel);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(bare.Verdict, Is.EqualTo(PairVerdict.NoProof));
            Assert.That(old.Verdict, Is.EqualTo(PairVerdict.WrongMac));
            Assert.That(heard, Is.EqualTo(new[] { "", "" }), "no token goes to whoever answers there");
        }
    }

    [Test]
    public async Task AFloodOfStrangersIsOneLine(CancellationToken cancel)
    {
        await using var server = await ActingAsync(cancel);

        for (var n = 0; n < 200; n++)
        {
            using var answer = await SendAsync(server, PeerLink.Path, Content);
            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.Unauthorized));
        }

        Assert.That(server.Log.Text.Split("brings no proof"), Has.Length.LessThan(4));
        StillActs(server);
    }

    [Test]
    public async Task TwoWithTwoSecretsAreNoPair(CancellationToken cancel)
    {
        await using var server = await ActingAsync(cancel);
        server.MayComplain = true;
        await using var backup = await pair.BackupAsync(secret: "another secret altogether"u8.ToArray());
        backup.MayComplain = true;

        await server.Log.SaysAsync("same pair.secret", cancel);

        StillActs(server);
    }

    [Test]
    public async Task TheSecretIsNowhere(CancellationToken cancel)
    {
        await using var server = await ActingAsync(cancel);
        using var backup = TestPair.Backup(TestPair.Secret);
        var answer = await backup.AskAsync(
            pair.First,
            PeerLink.Path,
            PairQuestion.Heartbeat,
            Content,
            cancel
        );
        var secret = Encoding.ASCII.GetString(TestPair.Secret);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(answer.IsGiven);
            Assert.That(
                JsonDocument.Parse(answer.Content).RootElement.TryGetProperty("url", out _),
                Is.False
            );
            Assert.That(server.Log.Text, Does.Not.Contain(secret));
            Assert.That($"{server.Runtime.Configuration.Pair}", Does.Not.Contain(secret));
        }
    }
}

using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using CallServer.Host.Tests.Storage;
using CallServer.Server;
using CallServer.Server.Web;

namespace CallServer.Host.Tests.Web;

/// <summary>How the live page is served; the interop tests look at it in a browser.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[CancelAfter(60_000)]
public sealed partial class LivePageTests : IDisposable
{
    private readonly TestDirectory directory = new();
    private readonly TestGateways gateways = new();

    public void Dispose() => directory.Dispose();

    [TestCase("/", "text/html")]
    [TestCase("/page/page.css", "text/css")]
    [TestCase("/page/main.js", "text/javascript")]
    [TestCase("/page/views/glance.js", "text/javascript")]
    [TestCase("/page/icon.svg", "image/svg+xml")]
    public async Task ServesItsFilesWithoutATokenAndUnderAStrictPolicy(
        string path,
        string type,
        CancellationToken cancel
    )
    {
        await using var server = await StartAsync();
        using var answer = await server.Http.GetAsync(new Uri(path, UriKind.Relative), cancel);
        Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        Assert.That(answer.Content.Headers.ContentType!.MediaType, Is.EqualTo(type));
        var policy = answer.Headers.GetValues("Content-Security-Policy").Single();
        Assert.That(
            policy,
            Does.StartWith("default-src 'none'").And.Contains("require-trusted-types-for 'script'")
        );
        Assert.That(policy, Does.Not.Contain("unsafe").And.Not.Contain("*"));
        Assert.That(answer.Headers.GetValues("X-Content-Type-Options").Single(), Is.EqualTo("nosniff"));
    }

    [Test]
    public async Task SendsAFileOnceAndThenOnlySaysThatItIsTheSame(CancellationToken cancel)
    {
        await using var server = await StartAsync();
        using var first = await server.Http.GetAsync(new Uri("/", UriKind.Relative), cancel);
        using var again = new HttpRequestMessage(HttpMethod.Get, new Uri("/", UriKind.Relative));
        again.Headers.IfNoneMatch.Add(first.Headers.ETag!);
        using var second = await server.Http.SendAsync(again, cancel);
        Assert.That(second.StatusCode, Is.EqualTo(HttpStatusCode.NotModified));
        Assert.That(first.Headers.CacheControl!.NoCache);
    }

    [TestCase("/page/index.html")]
    [TestCase("/page/")]
    [TestCase("/page/none.js")]
    [TestCase("/page/../v1/status")]
    [TestCase("/page/%2e%2e/v1/status")]
    public async Task NothingElseIsServedWithoutAToken(string path, CancellationToken cancel)
    {
        await using var server = await StartAsync();
        using var answer = await server.Http.GetAsync(new Uri(path, UriKind.Relative), cancel);
        Assert.That(
            answer.StatusCode,
            Is.EqualTo(HttpStatusCode.Unauthorized).Or.EqualTo(HttpStatusCode.NotFound)
        );
    }

    [Test]
    public void EveryModuleThatIsImportedIsThere()
    {
        foreach (var name in PageFiles.Names.Where(name => name.EndsWith(".js", StringComparison.Ordinal)))
        {
            foreach (Match import in Imports().Matches(Text(name)))
            {
                var target = new Uri(new Uri("http://page/" + name), import.Groups[1].Value).AbsolutePath[
                    1..
                ];
                Assert.That(PageFiles.Names, Does.Contain(target), name);
            }
        }
    }

    [Test]
    public void NoTextBecomesMarkupAndNothingIsInline()
    {
        foreach (var name in PageFiles.Names)
        {
            var text = Text(name);
            Assert.That(
                text,
                Does.Not.Match(@"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\("),
                name
            );
            Assert.That(text, Does.Not.Match(@"https?://(?!www\.w3\.org/)"), name);
            if (name.EndsWith(".html", StringComparison.Ordinal))
                Assert.That(text, Does.Not.Match(@"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)"), name);
        }
    }

    [Test]
    public async Task TheHistoryIsServedAndRefusesWhatItDoesNotKnow(CancellationToken cancel)
    {
        await using var server = await TestServer.StartAsync(directory, gateways);
        var history = await server.GetAsync("v1/server/history", cancel);
        Assert.That(
            history.EnumerateObject().Select(member => member.Name),
            Is.EqualTo(new[] { "asOf", "everySeconds", "samples" })
        );
        var (status, _) = await server.RefusedAsync(HttpMethod.Get, "v1/server/history?since=1", cancel);
        Assert.That(status, Is.EqualTo(HttpStatusCode.BadRequest));
    }

    private Task<TestServer> StartAsync() =>
        TestServer.StartAsync(
            directory,
            gateways,
            configuration => configuration with { Token = Encoding.UTF8.GetBytes("a-token-nobody-guesses") }
        );

    private static string Text(string name)
    {
        using var stream = typeof(ServerHost).Assembly.GetManifestResourceStream(name)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    [GeneratedRegex("from \"(\\.[^\"]+)\"")]
    private static partial Regex Imports();
}

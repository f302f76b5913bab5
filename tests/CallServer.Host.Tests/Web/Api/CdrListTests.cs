using System.Globalization;
using System.Net;
using System.Text.Json;
using CallServer.Host.Tests.Storage;
using CallServer.Server.Recording.Cdrs;

namespace CallServer.Host.Tests.Web.Api;

/// <summary>CDRs over HTTP: searched, and in three forms.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[CancelAfter(60_000)]
public sealed class CdrListTests : IDisposable
{
    private const int Count = 1_200;

    private readonly TestDirectory directory = new();
    private readonly TestGateways gateways = new();

    public CdrListTests()
    {
        using var store = KeptRecord.Open(directory);
        store.Commit(
            TestRows.Commit() with
            {
                Cdrs =
                [
                    .. Enumerable
                        .Range(0, Count)
                        .Select(number => TestRows.Cdr($"id-{number}", originator: $"+4179{number:0000}")),
                ],
            }
        );
    }

    public void Dispose() => directory.Dispose();

    private static async Task<(HttpStatusCode Status, string Type, string Body)> GetAsync(
        TestServer server,
        string path,
        string? accept,
        CancellationToken cancel
    )
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(path, UriKind.Relative));
        if (accept is not null)
            request.Headers.TryAddWithoutValidation("Accept", accept);
        using var response = await server.Http.SendAsync(request, cancel);
        return (
            response.StatusCode,
            response.Content.Headers.ContentType!.MediaType!,
            await response.Content.ReadAsStringAsync(cancel)
        );
    }

    [Test]
    public async Task EveryCdrComesOnALineOfItsOwn(CancellationToken cancel)
    {
        await using var server = await TestServer.StartAsync(directory, gateways);
        var (_, type, body) = await GetAsync(server, "v1/cdrs", "application/x-ndjson", cancel);
        Assert.That(type, Is.EqualTo("application/x-ndjson"));
        var ids = body.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => JsonDocument.Parse(line).RootElement.GetProperty("id").GetString());
        Assert.That(ids, Is.EqualTo(Enumerable.Range(0, Count).Select(number => $"id-{number}")));
    }

    [Test]
    public async Task CsvIsThatOfTheFiles(CancellationToken cancel)
    {
        await using var server = await TestServer.StartAsync(directory, gateways);
        var (_, type, body) = await GetAsync(server, "v1/cdrs?sort=-written&limit=2", "text/csv", cancel);
        Assert.That(type, Is.EqualTo("text/csv"));
        var expected = server
            .Runtime.Store.ReadCdrs(null, null, Count - 2, 10)
            .Items.Reverse()
            .Select(cdr => CdrCsv.Line(cdr.Json));
        Assert.That(
            body.Split('\n', StringSplitOptions.RemoveEmptyEntries),
            Is.EqualTo(expected.Prepend(CdrCsv.Header))
        );
    }

    [TestCase(null, "application/json")]
    [TestCase("*/*", "application/json")]
    [TestCase("text/html, application/xhtml+xml, */*;q=0.8", "application/json")]
    [TestCase("text/*", "text/csv")]
    [TestCase("application/json;q=0.5, text/csv", "text/csv")]
    [TestCase("text/csv;q=0, */*;q=0.1", "application/json")]
    [TestCase("application/x-ndjson, application/json;q=0.9", "application/x-ndjson")]
    [TestCase("image/png", "application/problem+json")]
    [TestCase("not a type", "application/problem+json")]
    public async Task TheFormIsTheOneThatIsAccepted(string? accept, string type, CancellationToken cancel)
    {
        await using var server = await TestServer.StartAsync(directory, gateways);
        var answer = await GetAsync(server, "v1/cdrs?limit=1", accept, cancel);
        Assert.That(answer.Type, Is.EqualTo(type));
        if (type == "application/problem+json")
            Assert.That(answer.Status, Is.EqualTo(HttpStatusCode.NotAcceptable));
        Assert.That(
            (await GetAsync(server, "v1/cdrs?limit=1&format=csv", accept, cancel)).Type,
            Is.EqualTo("text/csv")
        );
    }

    [TestCase("originator=*0007", "id-7")]
    [TestCase("originator=%2B4179001*", "id-10 id-11 id-12 id-13 id-14 id-15 id-16 id-17 id-18 id-19")]
    [TestCase("originator=%2B4179_007", "")]
    [TestCase("connection=1234.1&originator=*0001", "id-1")]
    [TestCase("call=e0c1-4f&originator=*0002", "id-2")]
    [TestCase("codec=pcmu&originator=*0003", "id-3")]
    [TestCase("codec=G729", "")]
    [TestCase("cause=NORMAL_*&originator=*0004", "id-4")]
    [TestCase("cause=NORMAL*CLEARING", "")]
    [TestCase("remote=*", "")]
    [TestCase("evidence=absent&originator=*0005", "id-5")]
    [TestCase("evidence=operator", "")]
    [TestCase("recovered=false&originator=*0006", "id-6")]
    [TestCase("recovered=true", "")]
    [TestCase("since=2026-01-31T10:00:00Z&originator=*0008", "id-8")]
    [TestCase("until=2026-01-31T10:00:00Z", "")]
    public async Task ASearchFindsWhatFits(string query, string ids, CancellationToken cancel)
    {
        await using var server = await TestServer.StartAsync(directory, gateways);
        var list = await server.GetAsync($"v1/cdrs?{query}", cancel);
        Assert.That(
            string.Join(
                ' ',
                list.GetProperty("items").EnumerateArray().Select(cdr => cdr.GetProperty("id").GetString())
            ),
            Is.EqualTo(ids)
        );
        Assert.That(list.GetProperty("next").ValueKind, Is.EqualTo(JsonValueKind.Null));
    }

    [Test]
    public async Task TheNewestComeFirstPageByPage(CancellationToken cancel)
    {
        await using var server = await TestServer.StartAsync(directory, gateways);
        var found = new List<string?>();
        string? cursor = null;
        do
        {
            var page = await server.GetAsync(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"v1/cdrs?sort=-written&limit=400{(cursor is null ? "" : "&cursor=" + cursor)}"
                ),
                cancel
            );
            found.AddRange(
                page.GetProperty("items").EnumerateArray().Select(cdr => cdr.GetProperty("id").GetString())
            );
            cursor = page.GetProperty("next").GetString();
        } while (cursor is not null);

        Assert.That(found, Is.EqualTo(Enumerable.Range(0, Count).Reverse().Select(number => $"id-{number}")));
    }
}

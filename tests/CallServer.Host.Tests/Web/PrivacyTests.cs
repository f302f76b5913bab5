using System.Net;
using System.Text.Json;
using CallServer.Host.Tests.Storage;
using CallServer.Host.Tests.Web.Api;
using CallServer.Server.Configuration;
using CallServer.Server.Recording;
using CallServer.Storage;

namespace CallServer.Host.Tests.Web;

/// <summary>Numbers of people in lists and files.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[CancelAfter(60_000)]
public sealed class PrivacyTests : IDisposable
{
    private readonly TestDirectory directory = new();
    private readonly TestGateways gateways = new();

    public void Dispose() => directory.Dispose();

    [TestCase(false, false)]
    [TestCase(true, false)]
    [TestCase(true, true)]
    public async Task ListsAreMaskedAndFilesOnlyWhereThatIsAskedFor(
        bool masks,
        bool masksFiles,
        CancellationToken cancel
    )
    {
        const string Number = "+49 30 1234567";
        var file = directory.File("cdr.ndjson");
        await using var server = await TestServer.StartAsync(
            directory,
            gateways,
            configuration =>
                configuration with
                {
                    CdrFile = file,
                    Privacy = new PrivacyConfiguration { Masks = masks, MasksCdrFiles = masksFiles },
                }
        );
        server.Runtime.Store.Commit(
            TestRows.Commit() with
            {
                Cdrs = [TestRows.Cdr("x", originator: Number)],
            }
        );
        server.Runtime.CdrFiles.Nudge();
        await server.Runtime.CdrFiles.FlushAsync();

        var listed = await server.GetAsync("v1/cdrs", cancel);
        var item = listed.GetProperty("items").EnumerateArray().Single();
        Assert.That(item.GetProperty("originator").GetString(), Is.EqualTo(masks ? "…4567" : Number));
        var line = JsonDocument.Parse((await File.ReadAllLinesAsync(file, cancel)).Single()).RootElement;
        Assert.That(line.GetProperty("originator").GetString(), Is.EqualTo(masksFiles ? "…4567" : Number));
        // Nothing else differs, and the store itself keeps the number.
        var kept = server.Runtime.Store.ReadCdrs(null, null, 0, 10).Items.Single().Json;
        Assert.That(
            JsonDocument.Parse(kept).RootElement.GetProperty("originator").GetString(),
            Is.EqualTo(Number)
        );
        Assert.That(
            item.EnumerateObject()
                .Where(member => member.Name is not ("originator" or "remote"))
                .Select(Text),
            Is.EqualTo(
                JsonDocument
                    .Parse(kept)
                    .RootElement.EnumerateObject()
                    .Where(member => member.Name is not ("originator" or "remote"))
                    .Select(Text)
            )
        );

        static string Text(JsonProperty member) => $"{member.Name}: {member.Value.GetRawText()}";
    }

    [Test]
    public async Task NoReadingPathGivesANumberAway(CancellationToken cancel)
    {
        const string Number = "+41790000001";
        gateways.Connections[1] = [1, 101, 102];
        gateways.Connections[2] = [111, 113];
        await using var server = await TestServer.StartAsync(
            directory,
            gateways,
            configuration => configuration with { Privacy = new PrivacyConfiguration { Masks = true } }
        );
        await server.UntilAskedAsync(cancel);
        server.Runtime.Store.Commit(
            TestRows.Commit() with
            {
                Cdrs = [TestRows.Cdr("x", originator: Number)],
            }
        );
        using var all = Assert.EnterMultipleScope();
        foreach (
            var path in (string[])
                [
                    "v1/connections",
                    "v1/connections?sort=-start",
                    "v1/connections/gw1/c101",
                    "v1/connections/gw1/c101/story",
                    "v1/calls",
                    "v1/calls/call-1@example.net",
                    "v1/findings",
                    "v1/count?by=originator",
                    "v1/cdrs",
                    "v1/cdrs?format=ndjson",
                    "v1/cdrs?format=csv",
                ]
        )
        {
            var answer = await server.Http.GetAsync(new Uri(path, UriKind.Relative), cancel);
            var text = await answer.Content.ReadAsStringAsync(cancel);
            Assert.That(answer.IsSuccessStatusCode, Is.True, path);
            Assert.That(text, Does.Not.Contain(Number).And.Not.Contain(Number[1..]), path);
        }

        // A cursor would hold the number that its list is sorted by.
        using var sorted = await server.Http.GetAsync(
            new Uri("v1/connections?sort=originator&limit=1", UriKind.Relative),
            cancel
        );
        Assert.That(sorted.StatusCode, Is.EqualTo(HttpStatusCode.BadRequest));
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task AFilterFindsNoDigitThatIsNotShown(bool masks, CancellationToken cancel)
    {
        // +41791234567 calls +18005550100.
        using (var store = KeptRecord.Open(directory))
            store.Commit(
                TestRows.Commit(TestRows.Connection("c1")) with
                {
                    Cdrs = [TestRows.Cdr("x", remote: "+18005550100")],
                }
            );
        await using var server = await TestServer.StartAsync(
            directory,
            gateways,
            configuration => configuration with { Privacy = new PrivacyConfiguration { Masks = masks } }
        );
        using var all = Assert.EnterMultipleScope();
        foreach (var list in (string[])["connections?", "calls?", "cdrs?", "cdrs?format=ndjson&"])
        {
            foreach (var pattern in (string[])["originator=*4567", "remote=*0100", "originator=*"])
                Assert.That(await FindsAsync(list + pattern), Is.True, list + pattern);
            foreach (var pattern in (string[])["originator=*34567", "originator=%2B4179*", "remote=*50100"])
                Assert.That(await FindsAsync(list + pattern), Is.EqualTo(!masks), list + pattern);
            Assert.That(await FindsAsync(list + "originator=…4567"), Is.EqualTo(masks), list);
        }

        async Task<bool> FindsAsync(string query)
        {
            var text = await server.Http.GetStringAsync(new Uri($"v1/{query}", UriKind.Relative), cancel);
            return text.Contains("4567\"", StringComparison.Ordinal);
        }
    }

    [Test]
    public async Task EventsGiveNoNumberAway(CancellationToken cancel)
    {
        gateways.Connections[1] = [101];
        gateways.Connections[2] = [];
        await using var server = await TestServer.StartAsync(
            directory,
            gateways,
            configuration => configuration with { Privacy = new PrivacyConfiguration { Masks = true } }
        );
        await server.UntilAskedAsync(cancel);
        using var answer = await server.Http.GetAsync(
            new Uri("v1/events?after=0&record=true", UriKind.Relative),
            HttpCompletionOption.ResponseHeadersRead,
            cancel
        );
        using var lines = new StreamReader(await answer.Content.ReadAsStreamAsync(cancel));
        var text = "";
        while (!text.Contains("event: complete", StringComparison.Ordinal))
            text += await lines.ReadLineAsync(cancel) + "\n";
        Assert.That(text, Does.Contain("\"originator\":\"…0001\"").And.Not.Contain("790000001"));
    }

    [Test]
    public void AMaskedCdrIsOneLineWithEveryMemberInItsPlace()
    {
        var masking = new Masking(new PrivacyConfiguration { Masks = true });
        var cdr = RecordJson.Cdr(TestRows.Cdr("x", originator: "+49301234567"));
        var masked = masking.ShownCdr(cdr);
        Assert.That(masked, Does.Not.Contain('\n').And.Contain("\"originator\":\"…4567\""));
        Assert.That(
            JsonDocument.Parse(masked).RootElement.EnumerateObject().Select(member => member.Name),
            Is.EqualTo(JsonDocument.Parse(cdr).RootElement.EnumerateObject().Select(member => member.Name))
        );
        Assert.That(new Masking(PrivacyConfiguration.Open).ShownCdr(cdr), Is.SameAs(cdr));
    }

    [Test]
    public async Task WhatIsRetainedTooLongGoesAndTheLogSaysSo(CancellationToken cancel)
    {
        await using var server = await TestServer.StartAsync(
            directory,
            gateways,
            configuration =>
                configuration with
                {
                    Privacy = new PrivacyConfiguration { Retain = TimeSpan.FromHours(1) },
                }
        );
        server.Runtime.Store.Commit(
            TestRows.Commit() with
            {
                Cdrs = [TestRows.Cdr("x", end: "2026-01-31T10:00:00.000000Z")],
                Changes = [TestRows.Change("closed")],
            }
        );
        server.Runtime.Writer.Forget(
            new DateTimeOffset(2026, 1, 31, 12, 0, 0, TimeSpan.Zero),
            server.Runtime.Configuration.Privacy.Retain
        );
        await server.Log.SaysAsync("1 CDRs and 1 changes are deleted, as privacy.retain says", cancel);
        Assert.That(server.Runtime.Store.ReadCdrs(null, null, 0, 10).Items, Is.Empty);
        Assert.That(server.Log.Text, Does.Contain("older than 1h"));
    }
}

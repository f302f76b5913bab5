using System.Net;
using System.Text.Json;
using CallServer.Host.Tests.Storage;
using CallServer.Server.Polling;

namespace CallServer.Host.Tests.Web;

/// <summary><c>GET /v1/calls</c>, against a whole server.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[CancelAfter(60_000)]
public sealed class CallsTests : IDisposable
{
    private readonly TestDirectory directory = new();
    private readonly TestGateways gateways = new();

    public CallsTests()
    {
        gateways.Connections[1] = [1, 101, 102];
        gateways.Connections[2] = [111, 113];
    }

    public void Dispose() => directory.Dispose();

    private static string[] Shown(JsonElement list) =>
        [
            .. list.GetProperty("items")
                .EnumerateArray()
                .Select(call =>
                    $"{call.GetProperty("call").GetString() ?? "-"}: {string.Join(' ', call.GetProperty("connections").EnumerateArray())}"
                ),
        ];

    private static readonly string[] Expected =
    [
        "-: gw1/c1",
        "call-1@example.net: gw1/c101 gw2/c111",
        "call-2@example.net: gw1/c102",
        "call-3@example.net: gw2/c113",
    ];

    [Test]
    public async Task ACallHasTheMembersOfTheContract(CancellationToken cancel)
    {
        await using var server = await TestServer.StartAsync(directory, gateways);
        await server.UntilAskedAsync(cancel);
        var list = await server.GetAsync("v1/calls", cancel);
        Assert.That(Shown(list), Is.EqualTo(Expected));
        var call = list.GetProperty("items")[1];
        Assert.That(
            call.EnumerateObject().Select(member => member.Name),
            Is.EqualTo(new[] { "call", "sources", "connections", "originator", "start", "findings" })
        );
        Assert.That(
            call.GetProperty("sources").EnumerateArray().Select(id => id.GetString()),
            Is.EqualTo(new[] { "gw1", "gw2" })
        );
        Assert.That(call.GetProperty("originator").GetString(), Is.EqualTo("+41790000001"));
        Assert.That(call.GetProperty("start").GetProperty("latest").GetString(), Is.Not.Null);
        Assert.That(call.GetProperty("findings").GetArrayLength(), Is.Zero);
    }

    [Test]
    public async Task CallsAreReadPageByPageAndByGateway(CancellationToken cancel)
    {
        await using var server = await TestServer.StartAsync(directory, gateways);
        await server.UntilAskedAsync(cancel);
        var found = new List<string>();
        string? cursor = null;
        do
        {
            var page = await server.GetAsync(
                "v1/calls?limit=1" + (cursor is null ? "" : "&cursor=" + cursor),
                cancel
            );
            found.AddRange(Shown(page));
            cursor = page.GetProperty("next").GetString();
        } while (cursor is not null);

        Assert.That(found, Is.EqualTo(Expected));
        Assert.That(
            Shown(await server.GetAsync("v1/calls?gateway=gw2", cancel)),
            Is.EqualTo(new[] { Expected[1], Expected[3] })
        );
    }

    [Test]
    public async Task FindingsAreListedCountedAndTold(CancellationToken cancel)
    {
        await using var server = await TestServer.StartAsync(directory, gateways);
        await server.UntilAskedAsync(cancel);
        Assert.That(Shown(await server.GetAsync("v1/calls?findings=true", cancel)), Is.Empty);
        Assert.That(Shown(await server.GetAsync("v1/calls?findings=false", cancel)), Is.EqualTo(Expected));

        await AskAsync(server, "gw1", cancel);
        gateways.Connections[1] = [1, 102];
        await AskAsync(server, "gw1", cancel);
        // The other leg must be heard alive long enough after the first one ended.
        JsonElement list;
        do
        {
            await AskAsync(server, "gw2", cancel);
            list = await server.GetAsync("v1/calls?findings=true", cancel);
        } while (list.GetProperty("items").GetArrayLength() == 0);

        Assert.That(Shown(list), Is.EqualTo(new[] { "call-1@example.net: gw2/c111" }));
        var finding = list.GetProperty("items")[0].GetProperty("findings")[0];
        Assert.That(
            finding.EnumerateObject().Select(member => member.Name),
            Is.EqualTo(new[] { "kind", "since", "text" })
        );
        Assert.That(finding.GetProperty("kind").GetString(), Is.EqualTo("one-sided"));
        Assert.That(
            finding.GetProperty("text").GetString(),
            Is.EqualTo("gw1/c101 is over, gw2/c111 is still up")
        );
        var metrics = await server.Http.GetStringAsync(new Uri("metrics", UriKind.Relative), cancel);
        Assert.That(
            metrics,
            Does.Contain("callserver_call_findings{kind=\"one-sided\"} 1")
                .And.Contain("callserver_call_findings_begun_total{kind=\"one-sided\"} 1")
        );
        await server.UntilAsync(
            runtime => runtime.Events.Read(0, 1_000_000).Items.Any(change => change.Kind == "finding"),
            cancel
        );
    }

    [Test]
    public async Task FindingsAreReadPageByPage(CancellationToken cancel)
    {
        gateways.Connections[1] = [1, 101, 102, 103];
        gateways.Connections[2] = [111, 112, 113];
        await using var server = await TestServer.StartAsync(directory, gateways);
        await server.UntilAskedAsync(cancel);
        // Both legs of each call have been heard at one time.
        await AskAsync(server, "gw1", cancel);
        gateways.Connections[1] = [1];
        await AskAsync(server, "gw1", cancel);
        JsonElement all;
        do
        {
            await AskAsync(server, "gw2", cancel);
            all = await server.GetAsync("v1/findings", cancel);
        } while (all.GetProperty("items").GetArrayLength() < 3);

        Assert.That(
            Told(all),
            Is.EqualTo(Enumerable.Range(1, 3).Select(call => $"one-sided call-{call}@example.net"))
        );
        foreach (var limit in (int[])[1, 2, 3])
        {
            var (found, pages, cursor) = (new List<string>(), 0, (string?)null);
            do
            {
                var page = await server.GetAsync(
                    $"v1/findings?limit={limit}{(cursor is null ? "" : "&cursor=" + cursor)}",
                    cancel
                );
                found.AddRange(Told(page));
                pages++;
                cursor = page.GetProperty("next").GetString();
            } while (cursor is not null);

            Assert.That(found, Is.EqualTo(Told(all)), $"{limit} a page");
            Assert.That(pages, Is.EqualTo((3 + limit - 1) / limit));
        }

        static string[] Told(JsonElement page) =>
            [
                .. page.GetProperty("items")
                    .EnumerateArray()
                    .Select(finding => $"{finding.GetProperty("kind")} {finding.GetProperty("call")}"),
            ];
    }

    [TestCase("v1/calls?findings=yes", "findings")]
    [TestCase("v1/calls?status=confirmed", "status")]
    [TestCase("v1/calls?cursor=%21", "cursor")]
    [TestCase("v1/calls?gateway=gw9", "gateway")]
    [TestCase("v1/calls?limit=0", "limit")]
    [TestCase("v1/releases?since=1", "since")]
    public async Task AMistakeInARequestIsNamed(string path, string parameter, CancellationToken cancel)
    {
        await using var server = await TestServer.StartAsync(directory, gateways);
        var (status, problem) = await server.RefusedAsync(HttpMethod.Get, path, cancel);
        Assert.That(status, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(problem.GetProperty("detail").GetString(), Does.Contain(parameter));
    }

    /// <summary>Runs one whole audit; each hears one connection more, so that it causes an event.</summary>
    private async Task AskAsync(TestServer server, string gateway, CancellationToken cancel)
    {
        var port = gateway[^1] - '0';
        var opened = server.Runtime.Ledger.Find(gateway)!.Record.OpenedTotal;
        gateways.Connections[port] =
        [
            .. gateways.Connections[port].Where(connection => connection is < 50 or > 100),
            (byte)(51 + (opened % 40)),
        ];
        server.Runtime.Polling.Trigger(gateway, AuditCause.Operator);
        await server.UntilAsync(runtime => runtime.Ledger.Find(gateway)!.Record.OpenedTotal > opened, cancel);
    }
}

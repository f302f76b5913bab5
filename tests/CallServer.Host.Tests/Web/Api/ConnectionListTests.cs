using System.Globalization;
using System.Net;
using System.Text.Json;
using CallServer.Host.Tests.Storage;

namespace CallServer.Host.Tests.Web.Api;

/// <summary>Limits and orders of <c>GET /v1/connections</c>, and single connections.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[CancelAfter(60_000)]
public sealed class ConnectionListTests : IDisposable
{
    private static readonly string[] all = ["confirmed", "unconfirmed"];

    private readonly TestDirectory directory = new();
    private readonly TestGateways gateways = new();

    public ConnectionListTests() => KeptRecord.Put(directory);

    public void Dispose() => directory.Dispose();

    private static string Name(JsonElement connection) =>
        $"{connection.GetProperty("gateway").GetString()}/{connection.GetProperty("id").GetString()}";

    private static string? Text(JsonElement connection, string name) =>
        connection.GetProperty(name).GetString();

    private static async Task<List<JsonElement>> PagesAsync(
        TestServer server,
        string query,
        int limit,
        CancellationToken cancel
    )
    {
        var found = new List<JsonElement>();
        string? cursor = null;
        do
        {
            var page = await server.GetAsync(
                $"v1/connections?limit={limit}{query}{(cursor is null ? "" : "&cursor=" + cursor)}",
                cancel
            );
            var items = page.GetProperty("items").EnumerateArray().ToList();
            cursor = page.GetProperty("next").GetString();
            Assert.That(
                items,
                Has.Count.EqualTo(limit).Or.Count.LessThan(limit).And.Matches<object>(_ => cursor is null)
            );
            found.AddRange(items);
        } while (cursor is not null);

        return found;
    }

    private static long Micros(string time) =>
        DateTimeOffset.Parse(time, CultureInfo.InvariantCulture).UtcTicks / TimeSpan.TicksPerMicrosecond;

    private static (long Number, string Text) KeyOf(JsonElement connection, string sort)
    {
        var start = connection.GetProperty("start");
        var latest = Micros(Text(start, "latest")!);
        return sort switch
        {
            "start" => (latest, ""),
            "width" => (
                Text(start, "earliest") is { } earliest ? latest - Micros(earliest) : long.MaxValue,
                ""
            ),
            "last-heard" => (Micros(Text(connection, "lastHeard")!), ""),
            _ => (0, Text(connection, sort) ?? ""),
        };
    }

    private static readonly string[] sorts =
    [
        "gateway",
        "start",
        "width",
        "last-heard",
        "originator",
        "remote",
        "call",
        "codec",
    ];

    public static IEnumerable<TestCaseData> Orders =>
        sorts.SelectMany(sort => (TestCaseData[])[new(sort, false), new(sort, true)]);

    [TestCaseSource(nameof(Orders))]
    public async Task EveryOrderIsThatOfItsKeyPageByPage(
        string sort,
        bool descending,
        CancellationToken cancel
    )
    {
        await using var server = await TestServer.StartAsync(directory, gateways);
        var plain = await PagesAsync(server, "", 1000, cancel);
        var expected = plain.Order(
            Comparer<JsonElement>.Create(
                (a, b) =>
                {
                    var ((numberA, textA), (numberB, textB)) = (KeyOf(a, sort), KeyOf(b, sort));
                    var order = numberA.CompareTo(numberB);
                    if (order == 0)
                        order = string.CompareOrdinal(textA, textB);
                    // Ties are in the record's own order, whichever way the list goes.
                    return order != 0
                        ? (descending ? -order : order)
                        : string.CompareOrdinal(Name(a), Name(b));
                }
            )
        );
        var found = await PagesAsync(server, $"&sort={(descending ? "-" : "")}{sort}", 7, cancel);
        Assert.That(plain, Has.Count.EqualTo(32));
        Assert.That(found.Select(Name), Is.EqualTo(expected.Select(Name)));
    }

    public static readonly object[] Limits =
    [
        new TestCaseData("gateway=gw2", (JsonElement each) => Text(each, "gateway") == "gw2").SetName(
            "gateway"
        ),
        new TestCaseData(
            "call=CALL-1*",
            (JsonElement each) => Text(each, "call")!.StartsWith("call-1", StringComparison.Ordinal)
        ).SetName("call"),
        new TestCaseData(
            "originator=%2B417900003",
            (JsonElement each) => Text(each, "originator") == "+417900003"
        ).SetName("originator"),
        new TestCaseData(
            "originator=*003",
            (JsonElement each) => Text(each, "originator") == "+417900003"
        ).SetName("ending"),
        new TestCaseData(
            "remote=sip:user2@*",
            (JsonElement each) => Text(each, "remote") == "sip:User2@example.net"
        ).SetName("remote"),
        new TestCaseData("codec=g729", (JsonElement each) => Text(each, "codec") == "G729").SetName("codec"),
        new TestCaseData(
            "dscp=46",
            (JsonElement each) =>
                each.GetProperty("qos").GetProperty("dscp").ValueKind == JsonValueKind.Number
        ).SetName("dscp"),
        new TestCaseData("status=confirmed", (JsonElement _) => false).SetName("confirmed"),
        new TestCaseData("status=unconfirmed", (JsonElement _) => true).SetName("unconfirmed"),
        new TestCaseData(
            "evidence=bounded",
            (JsonElement each) => Text(each.GetProperty("start"), "evidence") == "bounded"
        ).SetName("evidence"),
        new TestCaseData(
            "wider-than=1500ms",
            (JsonElement each) => KeyOf(each, "width").Number > 1_500_000
        ).SetName("wider-than"),
        new TestCaseData("older-than=1h", (JsonElement _) => true).SetName("older-than"),
        new TestCaseData("older-than=3650d", (JsonElement _) => false).SetName("older than anything"),
    ];

    [TestCaseSource(nameof(Limits))]
    public async Task ALimitLeavesWhatFitsIt(string query, Func<JsonElement, bool> fits)
    {
        await using var server = await TestServer.StartAsync(directory, gateways);
        var plain = await PagesAsync(server, "", 1000, CancellationToken.None);
        foreach (var sort in (string[])["", "&sort=-width"])
        {
            var found = await PagesAsync(server, $"&{query}{sort}", 4, CancellationToken.None);
            Assert.That(found.Select(Name), Is.EquivalentTo(plain.Where(fits).Select(Name)));
        }
    }

    [Test]
    public async Task ACursorOfAnotherOrderIsRefused(CancellationToken cancel)
    {
        await using var server = await TestServer.StartAsync(directory, gateways);
        var page = await server.GetAsync("v1/connections?limit=1&sort=width", cancel);
        var cursor = page.GetProperty("next").GetString();
        foreach (var sort in (string[])["", "&sort=-width", "&sort=start"])
        {
            var (status, problem) = await server.RefusedAsync(
                HttpMethod.Get,
                $"v1/connections?limit=1{sort}&cursor={cursor}",
                cancel
            );
            Assert.That(status, Is.EqualTo(HttpStatusCode.BadRequest));
            Assert.That(
                problem.GetProperty("parameters").GetProperty("cursor").GetString(),
                Does.Contain("order")
            );
        }
    }

    [TestCase("v1/connections?sort=age", "sort")]
    [TestCase("v1/connections?older-than=soon", "older-than")]
    [TestCase("v1/connections?wider-than=-1s", "wider-than")]
    [TestCase("v1/connections?dscp=64", "dscp")]
    [TestCase("v1/connections?evidence=absent", "evidence")]
    [TestCase("v1/connections?originator=", "originator")]
    [TestCase("v1/connections/gw1/c01?limit=1", "limit")]
    [TestCase("v1/connections/gw1/c01/story?limit=1", "limit")]
    [TestCase("v1/calls?since=2026-01-31T10:00:00Z&until=2026-01-31T09:00:00Z", "until")]
    [TestCase("v1/findings?kind=two-sided", "kind")]
    [TestCase("v1/count", "by")]
    [TestCase("v1/count?by=remote", "by")]
    [TestCase("v1/cdrs?format=xml", "format")]
    [TestCase("v1/cdrs?evidence=bounded", "evidence")]
    [TestCase("v1/cdrs?recovered=maybe", "recovered")]
    [TestCase("v1/cdrs?sort=start", "sort")]
    [TestCase("v1/events?record=1", "record")]
    [TestCase("v1/events?after=x", "after")]
    [TestCase("v1/server?limit=1", "limit")]
    [TestCase("v1/gateways/gw1?limit=1", "limit")]
    [TestCase("v1/gateways/gw1/audits?gateway=gw1", "gateway")]
    public async Task AMistakeIsNamed(string path, string parameter, CancellationToken cancel)
    {
        await using var server = await TestServer.StartAsync(directory, gateways);
        var (status, problem) = await server.RefusedAsync(HttpMethod.Get, path, cancel);
        Assert.That(status, Is.EqualTo(HttpStatusCode.BadRequest));
        Assert.That(problem.GetProperty("parameters").TryGetProperty(parameter, out _), problem.ToString());
        Assert.That(problem.GetProperty("detail").GetString(), Is.Not.Empty);
    }

    [TestCase(KeptRecord.Mgcp, true)]
    [TestCase(KeptRecord.Mgcp, false)]
    [TestCase(KeptRecord.Ng, true)]
    public async Task AConnectionIsFoundWhateverItsIdIsMadeOf(
        string id,
        bool encodesSlashes,
        CancellationToken cancel
    )
    {
        await using var server = await TestServer.StartAsync(directory, gateways);
        var path = Uri.EscapeDataString(id);
        if (!encodesSlashes)
            path = path.Replace("%2F", "/", StringComparison.Ordinal);
        var connection = await server.GetAsync($"v1/connections/mgw/{path}", cancel);
        Assert.That(Text(connection, "id"), Is.EqualTo(id));
        Assert.That(all, Does.Contain(Text(connection, "status")));
        var story = await server.GetAsync($"v1/connections/mgw/{path}/story", cancel);
        Assert.That(Text(story, "connection"), Is.EqualTo(id));
        Assert.That(Text(story.GetProperty("now"), "id"), Is.EqualTo(id));
    }

    [TestCase("v1/connections/gw1/c99", "c99")]
    [TestCase("v1/connections/gw9/c01", "gw9")]
    [TestCase("v1/connections/gw1/c99/story", "c99")]
    [TestCase("v1/connections/gw1/", "GATEWAY/ID|nothing")]
    [TestCase("v1/gateways/gw9", "gw9")]
    [TestCase("v1/gateways/gw9/audits", "gw9")]
    [TestCase("v1/calls/none@example.net", "none@example.net")]
    public async Task WhatIsNotThereIsSaid(string path, string words, CancellationToken cancel)
    {
        await using var server = await TestServer.StartAsync(directory, gateways);
        var (status, problem) = await server.RefusedAsync(HttpMethod.Get, path, cancel);
        Assert.That(status, Is.EqualTo(HttpStatusCode.NotFound));
        Assert.That(
            $"{problem.GetProperty("title")} {problem.GetProperty("detail")}",
            Does.Match(words).IgnoreCase
        );
    }

    [Test]
    public async Task CallsAreCountedByTheirDirectionAndMediaByTheirs(CancellationToken cancel)
    {
        string?[] directions = ["outgoing", "outgoing", "incoming", null];
        using (var store = KeptRecord.Open(directory))
            store.Commit(
                TestRows.Commit([
                    .. directions.Select(
                        (direction, number) =>
                            TestRows.Connection(
                                $"c{number}",
                                "gw9",
                                row =>
                                {
                                    row.Direction = direction;
                                    row.Mode = number == 0 ? "recvonly" : "sendrecv";
                                }
                            )
                    ),
                ])
            );
        await using var server = await TestServer.StartAsync(directory, gateways);
        Assert.That(await CountedAsync("call-direction"), Is.EqualTo("outgoing 2, incoming 1, unknown 1"));
        Assert.That(await CountedAsync("media-direction"), Is.EqualTo("sendrecv 3, recvonly 1"));
        var listed = await server.GetAsync("v1/connections/gw9/c2", cancel);
        Assert.That(listed.GetProperty("direction").GetString(), Is.EqualTo("incoming"));

        async Task<string> CountedAsync(string by) =>
            string.Join(
                ", ",
                (await server.GetAsync($"v1/count?by={by}&gateway=gw9", cancel))
                    .GetProperty("items")
                    .EnumerateArray()
                    .Select(item => $"{item.GetProperty("key")} {item.GetProperty("connections")}")
            );
    }
}

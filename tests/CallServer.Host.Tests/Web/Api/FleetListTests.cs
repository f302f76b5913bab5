using System.Net;
using System.Text.Json;
using CallServer.Host.Tests.Storage;
using CallServer.Server.Web.Reading;
using CallServer.Storage;

namespace CallServer.Host.Tests.Web.Api;

/// <summary>What a host of a fleet tells of gateways that others hold, and of those that nobody does.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[CancelAfter(60_000)]
public sealed class FleetListTests : IAsyncDisposable
{
    private static readonly string[] ids = ["gw1", "gw2", "gw3", "gw4", "gw5"];
    private static readonly string[] fifth = ["gw5"];

    private readonly List<TestDirectory> directories = [];
    private readonly TestDatabase database = new();
    private readonly List<TestShare> shares = [];
    private readonly List<TestServer> hosts = [];

    /// <summary>Three hosts: the first two hold two gateways each, with one to four connections, and the third holds the fifth.</summary>
    [SetUp]
    public async Task StartAsync()
    {
        for (var number = 0; number < 3; number++)
        {
            directories.Add(new TestDirectory());
            shares.Add(new TestShare(shares, database));
            hosts.Add(
                await TestServer.StartAsync(
                    directories[number],
                    new TestGateways(),
                    configuration =>
                        configuration with
                        {
                            Name = $"host{number + 1}",
                            Gateways =
                            [
                                .. ids.Select(id =>
                                    Tests.Gateways.At(id, "snmp://127.0.0.1:1", TimeSpan.FromHours(1))
                                ),
                            ],
                        },
                    share: shares[number]
                )
            );
        }

        await shares[0].HoldAsync("gw1", "a1");
        await shares[1].HoldAsync("gw2", "a1", "b2");
        await shares[0].HoldAsync("gw3", "a1", "b2", "c3");
        await shares[1].HoldAsync("gw4", "a1", "b2", "c3", "d4");
        await shares[2].HoldAsync("gw5", "a1", "b2", "c3", "d4", "e5");
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var host in hosts)
            await host.DisposeAsync();
        foreach (var directory in directories)
            directory.Dispose();
    }

    private static IReadOnlyList<JsonElement> Items(JsonElement page) =>
        [.. page.GetProperty("items").EnumerateArray()];

    private static IEnumerable<string?> Incomplete(JsonElement page) =>
        page.GetProperty("incomplete").EnumerateArray().Select(id => id.GetString());

    private static (int Connections, int Total, int Complete) Totals(JsonElement status)
    {
        var gateways = status.GetProperty("gateways");
        return (
            status.GetProperty("connections").GetInt32(),
            gateways.GetProperty("total").GetInt32(),
            gateways.GetProperty("complete").GetInt32()
        );
    }

    private static int Troubles(JsonElement status) => status.GetProperty("troubles").GetArrayLength();

    [Test]
    public async Task Each_gateway_is_told_as_its_host_tells_it_and_no_database_is_needed(
        CancellationToken cancel
    )
    {
        database.IsAway = true;
        var own = new List<string>();
        foreach (var (host, id) in new[] { 0, 1, 0, 1, 2 }.Zip(ids))
            own.Add((await hosts[host].GetAsync($"v1/gateways/{id}", cancel)).GetRawText());
        Assert.That(shares.Sum(share => share.Asked), Is.Zero, "each holds it itself");
        foreach (var host in hosts)
        {
            var page = await host.GetAsync("v1/gateways", cancel);
            Assert.That(Items(page).Select(item => item.GetRawText()), Is.EqualTo(own));
            Assert.That(page.GetProperty("complete").GetBoolean());
            Assert.That(page.GetProperty("next").GetString(), Is.Null);

            var paged = new List<string>();
            string? cursor = "";
            while (cursor is not null)
            {
                page = await host.GetAsync(
                    $"v1/gateways?limit=2{(cursor.Length > 0 ? "&cursor=" + cursor : "")}",
                    cancel
                );
                paged.AddRange(Items(page).Select(item => item.GetRawText()));
                cursor = page.GetProperty("next").GetString();
            }
            Assert.That(paged, Is.EqualTo(own));

            page = await host.GetAsync("v1/gateways?gateway=gw4", cancel);
            Assert.That(Items(page).Select(item => item.GetRawText()), Is.EqualTo(own[3..4]));
            var one = await host.GetAsync("v1/gateways/gw2", cancel);
            Assert.That(one.GetRawText(), Is.EqualTo(own[1]));
            var status = await host.GetAsync("v1/status", cancel);
            Assert.That(Totals(status), Is.EqualTo((15, 5, 5)));
            Assert.That(Troubles(status), Is.Zero);
        }
    }

    [Test]
    public async Task The_order_of_a_list_can_be_turned_round(CancellationToken cancel)
    {
        var page = await hosts[0].GetAsync("v1/connections?sort=-gateway", cancel);
        Assert.That(
            Items(page).Select(item => item.GetProperty("gateway").GetString()).Distinct(),
            Is.EqualTo(ids.Reverse())
        );
    }

    [Test]
    public async Task The_connections_of_one_gateway_are_told_by_its_host(CancellationToken cancel)
    {
        database.IsAway = true;
        foreach (var host in hosts)
        {
            var page = await host.GetAsync("v1/connections?gateway=gw4&limit=3", cancel);
            Assert.That(
                Items(page).Select(item => item.GetProperty("id").GetString()),
                Is.EqualTo(new[] { "a1", "b2", "c3" })
            );
            Assert.That(Incomplete(page), Is.Empty);
            var one = await host.GetAsync("v1/connections/gw4/d4", cancel);
            Assert.That(one.GetProperty("gateway").GetString(), Is.EqualTo("gw4"));
            Assert.That(
                (await host.RefusedAsync(HttpMethod.Get, "v1/connections/gw4/none", cancel)).Status,
                Is.EqualTo(HttpStatusCode.NotFound)
            );
        }
    }

    [Test]
    public async Task What_no_host_tells_is_read_from_the_database(CancellationToken cancel)
    {
        shares[2].IsSilent = true;
        foreach (var host in hosts[..2])
        {
            var page = await host.GetAsync("v1/gateways", cancel);
            Assert.That(
                Items(page).Select(item => item.GetProperty("connections").GetInt32()),
                Is.EqualTo(new[] { 1, 2, 3, 4, 5 })
            );
            Assert.That(Incomplete(page), Is.Empty);
            Assert.That(
                (await host.GetAsync("v1/gateways/gw5", cancel)).GetProperty("connections").GetInt32(),
                Is.EqualTo(5)
            );
            Assert.That(
                Items(await host.GetAsync("v1/connections?gateway=gw5", cancel)),
                Has.Count.EqualTo(5)
            );
            await host.GetAsync("v1/connections/gw5/e5", cancel);
            Assert.That(Totals(await host.GetAsync("v1/status", cancel)), Is.EqualTo((15, 5, 5)));
        }

        Assert.That(database.Read.Distinct(), Is.EqualTo(fifth), "nothing that a host tells");
    }

    [Test]
    public async Task What_no_host_tells_is_named_while_the_database_is_away(CancellationToken cancel)
    {
        shares[2].IsSilent = true;
        database.IsAway = true;
        foreach (var host in hosts[..2])
        {
            var page = await host.GetAsync("v1/gateways", cancel);
            Assert.That(
                Items(page)
                    .Select(item =>
                        (item.GetProperty("status").GetString(), item.GetProperty("connections").GetInt32())
                    ),
                Is.EqualTo(
                    new[]
                    {
                        ("complete", 1),
                        ("complete", 2),
                        ("complete", 3),
                        ("complete", 4),
                        ("unasked", 0),
                    }
                )
            );
            Assert.That(Incomplete(page), Is.EqualTo(fifth));
            page = await host.GetAsync("v1/gateways?gateway=gw5", cancel);
            Assert.That(Items(page), Has.Count.EqualTo(1));
            Assert.That(Incomplete(page), Is.EqualTo(fifth));

            var status = await host.GetAsync("v1/status", cancel);
            Assert.That(Totals(status), Is.EqualTo((10, 5, 4)));
            Assert.That(Troubles(status), Is.EqualTo(1));

            foreach (var path in (string[])["v1/gateways/gw5", "v1/connections/gw5/e5"])
                Assert.That(
                    (await host.RefusedAsync(HttpMethod.Get, path, cancel)).Status,
                    Is.EqualTo(HttpStatusCode.ServiceUnavailable)
                );
        }
    }

    /// <summary>It leaves out what it does not know, and holds its gateways all the same.</summary>
    [Test]
    public async Task A_host_that_does_not_understand_a_question_counts_as_one_that_does_not_answer(
        CancellationToken cancel
    )
    {
        shares[1].Answers = _ => """{"connections": {"connections": []}, "incomplete": []}""";
        Assert.That(Totals(await hosts[0].GetAsync("v1/status", cancel)), Is.EqualTo((15, 5, 5)));
        var page = await hosts[0].GetAsync("v1/gateways", cancel);
        Assert.That(
            Items(page).Select(item => item.GetProperty("connections").GetInt32()),
            Is.EqualTo(new[] { 1, 2, 3, 4, 5 })
        );
        Assert.That(
            Items(await hosts[0].GetAsync("v1/connections?gateway=gw4", cancel)),
            Has.Count.EqualTo(4)
        );
        await hosts[0].GetAsync("v1/connections/gw4/d4", cancel);
        Assert.That(database.Read.Distinct(), Is.EquivalentTo(new[] { "gw2", "gw4" }));
    }

    [Test]
    public async Task A_gateway_that_a_host_has_but_does_not_vouch_for_is_counted_once(
        CancellationToken cancel
    )
    {
        shares[1].Leave("gw4");
        Assert.That(Totals(await hosts[0].GetAsync("v1/status", cancel)), Is.EqualTo((15, 5, 5)));
        Assert.That(Items(await hosts[0].GetAsync("v1/gateways", cancel)), Has.Count.EqualTo(5));
        // The second host counts it as its own.
        database.IsAway = true;
        Assert.That(Totals(await hosts[1].GetAsync("v1/status", cancel)), Is.EqualTo((15, 5, 5)));
    }

    [Test]
    public async Task Another_host_is_told_no_more_than_it_asks_for(CancellationToken cancel)
    {
        async Task<IReadOnlyList<string>> AskAsync(GatewayQuestion question)
        {
            var asked = new HostQuestion { Gateways = question };
            var text = await hosts[0].Runtime.AnswerAsync(HostQuestions.Text(asked), _ => false, cancel);
            return [.. HostQuestions.Answer(asked, text)!.Gateways!.Select(item => item.Gateway)];
        }

        Assert.That(await AskAsync(new GatewayQuestion("gw1", "gw5", 1)), Is.EqualTo(ids[..1]));
        Assert.That(await AskAsync(new GatewayQuestion("gw1", "gw5", 9)), Is.EqualTo(new[] { "gw1", "gw3" }));
        Assert.That(await AskAsync(new GatewayQuestion("gw2", "gw4", 9)), Is.EqualTo(ids[2..3]));
        Assert.That(await AskAsync(new GatewayQuestion("gw3", "gw3", 9)), Is.EqualTo(ids[2..3]));
        Assert.That(await AskAsync(GatewayQuestion.Of([])), Is.Empty);
    }
}

using System.Net;
using System.Text.Json;
using CallServer.Interop.Peers;

namespace CallServer.Interop.Running;

/// <summary>What each host of a fleet tells of the gateways of all, asked for as a client does.</summary>
internal sealed class FleetRecordTests : PeerTest
{
    private const int Calls = 30;
    private const int Hosts = 3;

    private static readonly Dictionary<string, string?> Secret = new()
    {
        ["STORE_PASSWORD"] = PostgresPeer.Password,
    };

    private readonly List<string> uris = [];
    private PostgresPeer database = null!;

    private int Total => uris.Sum(ConnectionsOf);

    /// <summary>rtpengine has both legs of a call.</summary>
    private static int ConnectionsOf(string uri) =>
        uri.StartsWith("ng", StringComparison.Ordinal) ? 2 * Calls : Calls;

    [SetUp]
    public async Task StartGatewaysAsync()
    {
        uris.Clear();
        for (var process = 0; process < 3; process++)
        {
            var gateway = CallServerProcess.Start(
                Scope,
                ["gateway", "--snmp", "0", "--ng", "0", "--connections", $"{Calls}"]
            );
            foreach (var scheme in (string[])["snmp", "ng"])
                uris.Add(
                    (
                        await gateway.LineAsync(line => line.StartsWith(scheme, StringComparison.Ordinal))
                    ).Split(' ')[0]
                );
        }
    }

    [Test]
    public async Task Every_host_lists_the_connections_of_all_also_when_one_dies()
    {
        var hosts = await StartAsync();
        foreach (var host in hosts)
            await CompleteAsync(host);

        foreach (var sort in (string[])["gateway", "-start", "codec"])
        {
            var lists = await Task.WhenAll(hosts.Select(host => ConnectionsAsync(host, sort)));
            Assert.That(lists[0], Has.Count.EqualTo(Total), sort);
            Assert.That(lists.Skip(1), Is.All.EquivalentTo(lists[0]), sort);
            // Each page from another host.
            Assert.That(await ConnectionsAsync([.. hosts], sort), Is.EquivalentTo(lists[0]), sort);
        }

        foreach (var host in hosts)
        {
            var status = await host.ReadAsync("/v1/status");
            Assert.That(status.GetProperty("connections").GetInt32(), Is.EqualTo(Total));
            var page = await host.ReadAsync("/v1/connections?gateway=gw4&status=confirmed");
            Assert.That(page.GetProperty("items").GetArrayLength(), Is.EqualTo(ConnectionsOf(uris[3])));
            var one = page.GetProperty("items")[0].GetProperty("id").GetString()!;
            var found = await host.ReadAsync($"/v1/connections/gw4/{Uri.EscapeDataString(one)}");
            Assert.That(found.GetProperty("id").GetString(), Is.EqualTo(one));
        }

        foreach (var host in hosts)
            await HostsAsync(host, "active", "active", "active");

        // What is heard is told by those who heard it.
        await database.StopAsync();
        foreach (var host in hosts)
        {
            var page = await host.ReadAsync("/v1/connections?limit=1000&sort=codec");
            Assert.That(page.GetProperty("items").GetArrayLength(), Is.EqualTo(Total));
            Assert.That(page.GetProperty("complete").GetBoolean());
            var count = await host.ReadAsync("/v1/count?by=gateway");
            Assert.That(count.GetProperty("connections").GetInt32(), Is.EqualTo(Total));
            Assert.That(count.GetProperty("complete").GetBoolean());
            await GatewaysAsync(host);
        }
        await database.StartAgainAsync();
        foreach (var host in hosts)
            await CompleteAsync(host);

        var before = await ConnectionsAsync(hosts[1], "gateway");
        await hosts[0].KillAsync();
        foreach (var host in hosts.Skip(1))
        {
            Assert.That(await ConnectionsAsync(host, "gateway"), Is.EqualTo(before));
            var status = await host.ReadAsync("/v1/status");
            Assert.That(status.GetProperty("connections").GetInt32(), Is.EqualTo(Total));
        }
        foreach (var host in hosts.Skip(1))
            await CompleteAsync(host);
        Assert.That(await ConnectionsAsync(hosts[2], "gateway"), Is.EqualTo(before));
        foreach (var host in hosts.Skip(1))
            await HostsAsync(host, "dead", "active", "active");
    }

    /// <summary>A host tells of every gateway what the host that holds it tells, in lists and by itself.</summary>
    private async Task GatewaysAsync(Server host)
    {
        var list = await host.ReadAsync("/v1/gateways?limit=4");
        Assert.That(list.GetProperty("complete").GetBoolean());
        var next = Uri.EscapeDataString(list.GetProperty("next").GetString()!);
        var rest = await host.ReadAsync($"/v1/gateways?limit=4&cursor={next}");
        Assert.That(
            ((JsonElement[])[list, rest])
                .SelectMany(page => page.GetProperty("items").EnumerateArray())
                .Select(item =>
                    (
                        item.GetProperty("gateway").GetString(),
                        item.GetProperty("uri").GetString(),
                        item.GetProperty("status").GetString(),
                        item.GetProperty("connections").GetInt32(),
                        item.GetProperty("unconfirmed").GetInt32()
                    )
                ),
            Is.EqualTo(
                uris.Select((uri, index) => ($"gw{index + 1}", uri, "complete", ConnectionsOf(uri), 0))
            )
        );
        var status = await host.ReadAsync("/v1/status");
        Assert.That(status.GetProperty("connections").GetInt32(), Is.EqualTo(Total));
        Assert.That(
            status.GetProperty("gateways").GetProperty("complete").GetInt32(),
            Is.EqualTo(uris.Count)
        );

        for (var index = 0; index < uris.Count; index++)
        {
            var gateway = await host.ReadAsync($"/v1/gateways/gw{index + 1}");
            Assert.That(
                gateway.GetProperty("connections").GetInt32(),
                Is.EqualTo(ConnectionsOf(uris[index]))
            );
            var page = await host.ReadAsync($"/v1/connections?gateway=gw{index + 1}&limit=1");
            Assert.That(page.GetProperty("complete").GetBoolean());
            var one = page.GetProperty("items")[0].GetProperty("id").GetString()!;
            var found = await host.ReadAsync($"/v1/connections/gw{index + 1}/{Uri.EscapeDataString(one)}");
            Assert.That(found.GetProperty("id").GetString(), Is.EqualTo(one));
        }
    }

    /// <summary>
    /// The boxes have the same calls, as they are simulated from the same seed, and each is asked as two gateways: so each call has
    /// two legs on each gateway, whichever hosts hold them.
    /// </summary>
    [Test]
    public async Task Calls_are_whole_whichever_hosts_hold_their_gateways()
    {
        string[] boxes = [.. uris.Where(uri => uri.StartsWith("ng", StringComparison.Ordinal))];
        uris.Clear();
        uris.AddRange([.. boxes, .. boxes]);
        var hosts = await StartAsync();
        foreach (var host in hosts)
            await CompleteAsync(host);
        foreach (var host in hosts)
            await JoinedAsync(host);

        var lists = await Task.WhenAll(hosts.Select(host => CallsAsync(host)));
        Assert.That(lists.Skip(1), Is.All.EqualTo(lists[0]));
        foreach (var host in hosts)
        {
            var one = await host.ReadAsync($"/v1/calls/{Uri.EscapeDataString(lists[0][0].Call)}");
            Assert.That(one.GetProperty("legs").GetArrayLength(), Is.EqualTo(2 * uris.Count));
            var count = await host.ReadAsync("/v1/count?by=gateway");
            Assert.That(count.GetProperty("calls").GetInt32(), Is.EqualTo(Calls));
            Assert.That(count.GetProperty("connections").GetInt32(), Is.EqualTo(Total));
            var findings = await host.ReadAsync("/v1/findings");
            Assert.That(findings.GetProperty("items").GetArrayLength(), Is.Zero);
        }

        await hosts[0].KillAsync();
        foreach (var host in hosts.Skip(1))
            await CompleteAsync(host);
        foreach (var host in hosts.Skip(1))
            await JoinedAsync(host);
        Assert.That(await CallsAsync(hosts[2]), Is.EqualTo(lists[0]));
    }

    /// <summary>Waits until a host lists every call once, with all gateways.</summary>
    private Task<object> JoinedAsync(Server host) =>
        Eventually.GetAsync<object>(
            async () =>
            {
                var calls = await CallsAsync(host);
                return calls.Count == Calls && calls.All(call => call.Sources == uris.Count)
                    ? "joined"
                    : null;
            },
            () => $"{Calls} calls on {uris.Count} gateways each",
            TimeSpan.FromSeconds(60)
        );

    /// <summary>All calls, page by page: the id, and how many gateways it has legs on.</summary>
    private static async Task<IReadOnlyList<(string Call, int Sources)>> CallsAsync(Server host)
    {
        var all = new List<(string, int)>();
        string? next = "";
        while (next is not null)
        {
            var page = await host.ReadAsync(
                $"/v1/calls?limit=40{(next.Length > 0 ? $"&cursor={Uri.EscapeDataString(next)}" : "")}"
            );
            all.AddRange(
                page.GetProperty("items")
                    .EnumerateArray()
                    .Select(call =>
                        (call.GetProperty("call").GetString()!, call.GetProperty("sources").GetArrayLength())
                    )
            );
            next = page.GetProperty("next").GetString();
        }

        return all;
    }

    [Test]
    public async Task An_order_reaches_the_host_that_holds_the_gateway()
    {
        var hosts = await StartAsync();
        foreach (var host in hosts)
            await CompleteAsync(host);
        // All but one of the hosts do not hold it.
        var page = await hosts[0].ReadAsync("/v1/connections?gateway=gw2");
        var ids = page.GetProperty("items")
            .EnumerateArray()
            .Select(item => item.GetProperty("id").GetString()!)
            // The other leg of a call ends with the one that is released.
            .DistinctBy(id => id.Split(';')[0])
            .ToList();

        foreach (var (host, id) in hosts.Zip(ids))
        {
            Assert.That(
                await host.OrderAsync("/v1/gateways/gw2/audit", new { }),
                Is.EqualTo(HttpStatusCode.Accepted)
            );
            Assert.That(
                await host.OrderAsync(
                    "/v1/connections/release",
                    new
                    {
                        gateway = "gw2",
                        connection = id,
                        reason = "a test",
                        by = "interop",
                    }
                ),
                Is.EqualTo(HttpStatusCode.OK)
            );
        }

        foreach (var host in hosts)
        {
            await Eventually.GetAsync(
                async () =>
                    (await ConnectionsAsync(host, "gateway"))
                        .Intersect(ids.Take(Hosts).Select(id => $"gw2/{id}"))
                        .Any()
                        ? null
                        : "gone",
                () => "a record without what was released"
            );
            var cdrs = await host.CdrsAsync();
            Assert.That(
                cdrs.Where(cdr => cdr.ReleasedBy == "interop").Select(cdr => cdr.Connection),
                Is.SupersetOf(ids.Take(Hosts))
            );
        }
    }

    private async Task<Server[]> StartAsync()
    {
        database = await PostgresPeer.StartAsync(Scope);
        var gateways = uris.Select((uri, index) => ($"gw{index + 1}", uri)).ToList();
        return await Task.WhenAll(
            Enumerable
                .Range(1, Hosts)
                .Select(host =>
                    Server.StartAsync(
                        Scope,
                        Scope.NewFolder("host"),
                        gateways,
                        $$"""
                        "mode": "fleet",
                        "fleet": { "listen": "127.0.0.1:{{FreePort.Tcp()}}", "units": 64 },
                        "storePassword": "env:STORE_PASSWORD",
                        """,
                        Secret,
                        name: $"host{host}",
                        store: database.Address()
                    )
                )
        );
    }

    /// <summary>Waits until a host tells that these are the states of all hosts, and that those that live share all units.</summary>
    private Task<object> HostsAsync(Server host, params string[] states) =>
        Eventually.GetAsync<object>(
            async () =>
            {
                var told = await host.ReadAsync("/v1/hosts");
                var hosts = told.GetProperty("items").EnumerateArray().ToList();
                var living = hosts.Where(each => each.GetProperty("state").GetString() == "active").ToList();
                return
                    hosts.Select(each => each.GetProperty("state").GetString()).SequenceEqual(states)
                    && hosts.Count(each => each.GetProperty("self").GetBoolean()) == 1
                    && told.GetProperty("free").GetInt32() == 0
                    && Sum(living, "units") == told.GetProperty("units").GetInt32()
                    && Sum(living, "gateways") == uris.Count
                    ? "so"
                    : null;
            },
            () => $"hosts that are {string.Join(", ", states)}"
        );

    private static int Sum(IEnumerable<JsonElement> hosts, string of) =>
        hosts.Sum(host => host.GetProperty(of).GetInt32());

    /// <summary>Waits until a host knows of every gateway that it was heard lately, and completely.</summary>
    private Task<object> CompleteAsync(Server host) =>
        Eventually.GetAsync<object>(
            async () =>
            {
                try
                {
                    return await IsCompleteAsync(host) ? "complete" : null;
                }
                catch (HttpRequestException fault)
                    when (fault.StatusCode == HttpStatusCode.ServiceUnavailable)
                {
                    // It has not found the database again yet.
                    return null;
                }
            },
            () => $"{uris.Count} complete gateways",
            TimeSpan.FromSeconds(60)
        );

    private static Task<IReadOnlyList<string>> ConnectionsAsync(Server host, string sort) =>
        ConnectionsAsync([host], sort);

    private async Task<bool> IsCompleteAsync(Server host)
    {
        var gateways = await host.ReadAsync("/v1/gateways");
        return gateways.GetProperty("complete").GetBoolean()
            && gateways
                .GetProperty("items")
                .EnumerateArray()
                .Count(gateway =>
                    gateway.GetProperty("status").GetString() == "complete"
                    && gateway.GetProperty("unconfirmed").GetInt32() == 0
                ) == uris.Count
            && (await host.ReadAsync("/v1/status")).GetProperty("connections").GetInt32() == Total;
    }

    /// <summary>All connections as GATEWAY/ID, page by page, from these hosts in turn. Bounds that become narrower may show one twice.</summary>
    private static async Task<IReadOnlyList<string>> ConnectionsAsync(Server[] hosts, string sort)
    {
        var all = new List<string>();
        string? next = "";
        for (var number = 0; next is not null; number++)
        {
            var page = await hosts[number % hosts.Length]
                .ReadAsync(
                    $"/v1/connections?limit=50&sort={sort}"
                        + (next.Length > 0 ? $"&cursor={Uri.EscapeDataString(next)}" : "")
                );
            all.AddRange(
                page.GetProperty("items")
                    .EnumerateArray()
                    .Select(item =>
                        $"{item.GetProperty("gateway").GetString()}/{item.GetProperty("id").GetString()}"
                    )
            );
            next = page.GetProperty("next").GetString();
        }

        return [.. all.Distinct()];
    }
}

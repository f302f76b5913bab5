using CallServer.Interop.Peers;
using CallServer.Interop.Running;

namespace CallServer.Interop.Accounting;

/// <summary><c>callserver run</c> that tells FreeRADIUS of every connection.</summary>
internal sealed class RadiusServerTests : PeerTest
{
    [Test]
    public async Task Every_connection_is_told_from_its_start_to_its_end()
    {
        var server = await FreeradiusPeer.StartAsync(Scope);
        var calls = await CiscoCalls.MakeAsync(Scope, 20);
        var agent = await SnmpdPeer.StartAsync(Scope, calls);
        var callServer = await StartAsync(server, agent.Port, Scope.NewFolder("server"));
        await server.RecordsAsync(records => records.Count >= 20, "20 records");

        var ended = calls.Truth.Take(8).ToList();
        var ends = await agent.ServeAsync(calls.Without(ended), version: 1);
        var records = await server.RecordsAsync(
            records => records.Count(record => record.Status == "Stop") >= 8,
            "8 Stops"
        );
        await callServer.StopAsync();

        var starts = records.Where(record => record.Status == "Start").ToList();
        var stops = records.Where(record => record.Status == "Stop").ToList();
        Assert.That(
            starts.Select(start => start["Acct-Multi-Session-Id"]),
            Is.EquivalentTo(calls.Truth.Select(call => call.Guid))
        );
        Assert.That(stops.Select(stop => stop.Session), Is.SubsetOf(starts.Select(start => start.Session)));
        AssertStops(stops, ended, agent, ends);
        Assert.That(records.Select(record => record["NAS-Identifier"]), Is.All.EqualTo("nas-1"));
        Assert.That(stops.Select(stop => stop["Acct-Terminate-Cause"]), Is.All.EqualTo("Lost-Carrier"));
    }

    [Test]
    public async Task A_server_that_was_away_takes_every_stop_once_even_when_we_restarted_meanwhile()
    {
        var server = await FreeradiusPeer.StartAsync(Scope);
        var calls = await CiscoCalls.MakeAsync(Scope, 60);
        var agent = await SnmpdPeer.StartAsync(Scope, calls);
        var folder = Scope.NewFolder("server");
        var first = await StartAsync(server, agent.Port, folder);
        // Nothing is under way when it is killed: what it has taken it has answered for.
        await first.MetricAsync("callserver_radius_answered_total", 60);
        await server.KillAsync();

        var ended = calls.Truth.Take(40).ToList();
        var ends = await agent.ServeAsync(calls.Without(ended), version: 1);
        await first.MetricAsync("callserver_radius_waiting", 40);
        await first.MetricAsync("callserver_radius_away", 1);
        await first.StopAsync();

        var second = await StartAsync(server, agent.Port, folder);
        await second.MetricAsync("callserver_radius_oldest_seconds", 5);
        await second.MetricAsync("callserver_radius_waiting", 40);
        await server.StartAgainAsync();
        await second.MetricAsync("callserver_radius_answered_total", 40);
        await second.StopAsync();

        var records = await server.RecordsAsync();
        var stops = records.Where(record => record.Status == "Stop").ToList();
        AssertStops(stops, ended, agent, ends);
        Assert.That(stops.Select(stop => stop.Delay), Is.All.InRange(5, 120));
        Assert.That(
            records.Where(record => record.Status == "Start").Select(start => start.Session),
            Is.Unique
        );
    }

    [Test]
    public async Task A_server_that_does_not_know_us_is_named_where_an_operator_looks()
    {
        var server = await FreeradiusPeer.StartAsync(Scope);
        var agent = await SnmpdPeer.StartAsync(Scope, await CiscoCalls.MakeAsync(Scope, 3));
        var callServer = await StartAsync(server, agent.Port, Scope.NewFolder("server"), secret: "another");
        await callServer.MetricAsync("callserver_radius_away", 1);
        var health = await callServer.ReadinessAsync();
        var radius = health.GetProperty("radius");
        Assert.That(radius.GetProperty("reason").GetString(), Does.Contain("has another secret"));
        Assert.That(radius.GetProperty("waiting").GetInt64(), Is.EqualTo(3));
        Assert.That(health.GetProperty("ready").GetBoolean(), Is.True, "calls are recorded all the same");
        Assert.That(await server.RecordsAsync(), Is.Empty);
        await callServer.StopAsync();
    }

    private static void AssertStops(
        List<AccountingRecord> stops,
        List<TrueCall> ended,
        SnmpdPeer agent,
        Bracket ends
    )
    {
        Assert.That(
            stops.Select(stop => stop["Acct-Multi-Session-Id"]),
            Is.EquivalentTo(ended.Select(call => call.Guid)),
            "each once"
        );
        Assert.That(stops.Select(stop => stop.Session), Is.Unique);
        foreach (var call in ended)
        {
            var stop = stops.Single(stop => stop["Acct-Multi-Session-Id"] == call.Guid);
            var longest = ends.Latest - agent.TimeBase.StartOf(call).Earliest;
            Assert.That(stop.Seconds, Is.InRange(1, longest.TotalSeconds), stop.ToString());
            Assert.That(stop["User-Name"], Is.Not.Empty);
        }
    }

    private Task<Server> StartAsync(FreeradiusPeer server, int gateway, string folder, string? secret = null) =>
        Server.StartAsync(
            Scope,
            folder,
            [("gw1", $"snmp://127.0.0.1:{gateway}?profile=cisco-voice")],
            $$"""
            "radius": {
              "server": "127.0.0.1:{{server.Port}}", "secret": "env:RADIUS_SECRET",
              "timeout": "1s", "nasIdentifier": "nas-1"
            },
            """,
            new Dictionary<string, string?> { ["RADIUS_SECRET"] = secret ?? server.Secret }
        );
}

using System.Globalization;
using System.Text.Json;
using CallServer.Interop.Peers;
using CallServer.Interop.Running;

namespace CallServer.Interop.Accounting;

/// <summary><c>callserver run</c> that sends accounting for every connection to FreeRADIUS.</summary>
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
    public async Task Under_churn_no_stop_is_missing_or_double_and_none_says_more_than_is_true()
    {
        var server = await FreeradiusPeer.StartAsync(Scope);
        var truth = Scope.PathOf("truth.ndjson");
        string[] churn = ["--connections", "40", "--churn", "4", "--seed", "7", "--truth", truth];
        var gateway = CallServerProcess.Start(Scope, ["gateway", "--snmp", "0", .. churn]);
        const string host = "127.0.0.1:";
        var line = await gateway.LineAsync(line => line.Contains(host, StringComparison.Ordinal));
        var port = line[(line.IndexOf(host, StringComparison.Ordinal) + host.Length)..];
        var callServer = await StartAsync(
            server,
            int.Parse(string.Concat(port.TakeWhile(char.IsAsciiDigit)), CultureInfo.InvariantCulture),
            Scope.NewFolder("server")
        );
        await server.RecordsAsync(
            records => records.Count(record => record.Status == "Stop") >= 30,
            "30 Stops"
        );
        await callServer.StopAsync();
        await gateway.SignalAsync("TERM");
        await gateway.FinishAsync(TimeSpan.FromSeconds(30));

        var records = await server.RecordsAsync();
        var lives = await LivesAsync(truth);
        var cdrs = records.Where(record => record.Status == "Stop").ToList();
        Assert.That(cdrs.Select(stop => stop.Session), Is.Unique);
        foreach (var session in records.GroupBy(record => record.Session))
        {
            var told = session.ToList();
            var connection = told[0]["NAS-Port-Id"]["gw1/".Length..];
            // A call between two audits has only a Stop, from the gateway's history, which gives its cause.
            if (told is not [{ Status: "Stop" } stop] || stop["Acct-Terminate-Cause"] == "Lost-Carrier")
            {
                Assert.That(told[0].Status, Is.EqualTo("Start"), connection);
                Assert.That(
                    told.Skip(1).Select(record => record.Status),
                    Has.All.EqualTo("Stop"),
                    connection
                );
            }
            Assert.That(lives, Does.ContainKey(connection));
            if (told[^1].Status == "Stop")
                Assert.That(
                    told[^1].Seconds,
                    Is.LessThanOrEqualTo(lives[connection].TotalSeconds),
                    connection
                );
        }
    }

    [Test]
    public async Task A_server_that_was_away_takes_every_stop_once_even_when_we_restarted_meanwhile()
    {
        var server = await FreeradiusPeer.StartAsync(Scope);
        var calls = await CiscoCalls.MakeAsync(Scope, 60);
        var agent = await SnmpdPeer.StartAsync(Scope, calls);
        var folder = Scope.NewFolder("server");
        var first = await StartAsync(server, agent.Port, folder);
        // Nothing is in flight when it is killed: everything it has taken has been acknowledged.
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

    /// <summary>How long each connection truly lived; those still alive have the maximum.</summary>
    private static async Task<Dictionary<string, TimeSpan>> LivesAsync(string truth)
    {
        var opened = new Dictionary<string, DateTimeOffset>();
        var lives = new Dictionary<string, TimeSpan>();
        foreach (var line in await File.ReadAllLinesAsync(truth))
        {
            var told = JsonDocument.Parse(line).RootElement;
            var id = told.GetProperty("id").GetString()!;
            var time = told.GetProperty("time").GetDateTimeOffset();
            if (told.GetProperty("event").GetString() == "open")
            {
                opened[id] = time;
                lives[id] = TimeSpan.MaxValue;
            }
            else
                lives[id] = time - opened[id];
        }

        return lives;
    }

    private Task<Running.Server> StartAsync(
        FreeradiusPeer server,
        int gateway,
        string folder,
        string? secret = null
    ) =>
        Running.Server.StartAsync(
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

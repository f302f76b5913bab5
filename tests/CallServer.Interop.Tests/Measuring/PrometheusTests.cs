using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using CallServer.Interop.Peers;
using CallServer.Interop.Running;

namespace CallServer.Interop.Measuring;

/// <summary>What users deploy for Prometheus and Grafana, against a real Prometheus and a pair under churn.</summary>
internal sealed partial class PrometheusTests : PeerTest
{
    /// <summary>
    /// Panels that may stay as they are in a short run: nothing contradicts itself, grows old, or makes much garbage.
    /// </summary>
    private static readonly string[] still =
    [
        "Conflicts in 15 minutes",
        "Old connections",
        "Garbage collection",
    ];

    [Test]
    public async Task Every_query_of_the_dashboard_gives_a_series_that_moves_under_churn_and_a_takeover()
    {
        // Findings: two gateways with the same calls, whose legs end at one of them only.
        var busy = await SimulateAsync("--connections", "60", "--seed", "7", "--churn", "6");
        var idle = await SimulateAsync("--connections", "60", "--seed", "7");
        var dying = await SimulateAsync("--connections", "10", "--seed", "8");
        var (primary, backup) = await StartPairAsync(busy.Port, idle.Port, dying.Port);
        var prometheus = await PrometheusPeer.StartAsync(Scope, primary.Address, backup.Address);
        await prometheus.UntilAsync("""count(up{job="callserver"} == 1) == 2""");
        await prometheus.UntilAsync("callserver_cdrs_total > 10");
        await dying.Process.SignalAsync("KILL");
        await prometheus.UntilAsync("""callserver_gateways{state="silent"} == 1""");
        await primary.KillAsync();
        await prometheus.UntilAsync("""count(callserver_acts == 1) == 1 and max(callserver_epoch) == 2""");

        var queries = await DashboardAsync();
        List<string> empty = [],
            unmoved = [];
        await Eventually.GetAsync(
            async () =>
            {
                (empty, unmoved) = ([], []);
                foreach (var panel in queries)
                {
                    var histories = new List<IReadOnlyList<double>>();
                    foreach (var query in panel)
                    {
                        var series = await prometheus.HistoryAsync(query);
                        if (series.Sum(values => values.Count) == 0)
                            empty.Add($"{panel.Key}: {query}");
                        histories.AddRange(series);
                    }

                    if (!still.Contains(panel.Key) && !histories.Exists(Moves))
                        unmoved.Add(panel.Key);
                }

                return empty.Count + unmoved.Count == 0 ? "all move" : null;
            },
            () => $"values of: {string.Join("; ", empty)}; movement of: {string.Join("; ", unmoved)}"
        );

        await prometheus.UntilAsync("""ALERTS{alertname="CallServerDown"}""");
        // A minute in all; each wait has its own patience.
        foreach (var scrapes in (int[])[30, 45, 60])
            await prometheus.UntilAsync(
                $"count_over_time(callserver_up_seconds{{instance=\"{backup.Address.Authority}\"}}[5m]) >= {scrapes}"
            );
        Assert.That((await prometheus.AlertsAsync()).Values, Is.Not.Empty.And.All.EqualTo("ok"));
        await AcceptedAsync(backup);
    }

    [Test]
    public async Task Promtool_accepts_the_rules_and_each_alert_fires_once_and_is_quiet_once()
    {
        var promtool = Programs.Find("promtool");
        var rules = Programs.Deployed("prometheus", "callserver.rules.yml");
        var tests = Programs.Deployed("prometheus", "callserver.rules.test.yml");
        await Scope.RunAsync(promtool, ["check", "rules", "--lint=all", "--lint-fatal", rules]);
        await Scope.RunAsync(
            promtool,
            ["check", "config", "--syntax-only", Programs.Deployed("prometheus", "prometheus.yml")]
        );
        await Scope.RunAsync(promtool, ["test", "rules", tests]);

        // A test with a misspelt name would be quiet, and pass.
        var alerts = Alert()
            .Matches(await File.ReadAllTextAsync(rules))
            .Select(match => match.Groups[1].Value);
        var tried = Tried()
            .Matches(await File.ReadAllTextAsync(tests))
            .ToLookup(match => match.Groups[1].Value, match => match.Groups[2].Value.Length > 0);
        Assert.That(alerts, Is.Not.Empty.And.Unique);
        foreach (var alert in alerts)
        {
            var quiet = tried[alert].Count(isQuiet => isQuiet);
            Assert.That(
                (quiet, tried[alert].Count() - quiet),
                Is.EqualTo((1, 1)),
                $"{alert}: quiet, and not"
            );
        }
    }

    /// <summary>promtool finds nothing to criticise in what the server shows.</summary>
    private async Task AcceptedAsync(Running.Server server)
    {
        using var http = new HttpClient();
        var shown = Scope.PathOf("metrics.txt");
        await File.WriteAllTextAsync(shown, await http.GetStringAsync(new Uri(server.Address, "/metrics")));
        await Scope.RunAsync(
            "/bin/sh",
            ["-c", "\"$0\" check metrics < \"$1\"", Programs.Find("promtool"), shown]
        );
    }

    private static bool Moves(IReadOnlyList<double> values) => values.Distinct().Skip(1).Any();

    /// <summary>The dashboard's queries by the titles of their panels, with Grafana's variables filled in.</summary>
    private static async Task<ILookup<string, string>> DashboardAsync()
    {
        var text = await File.ReadAllTextAsync(Programs.Deployed("grafana", "callserver.json"));
        return JsonDocument
            .Parse(text)
            .RootElement.GetProperty("panels")
            .EnumerateArray()
            .SelectMany(panel =>
                panel
                    .GetProperty("targets")
                    .EnumerateArray()
                    .Select(target => (Panel: panel, Query: target.GetProperty("expr").GetString()!))
            )
            .ToLookup(
                target => $"{target.Panel.GetProperty("title").GetString()}",
                target => target.Query.Replace("$__rate_interval", "5s").Replace("$instance", ".+")
            );
    }

    private async Task<(ChildProcess Process, int Port)> SimulateAsync(params string[] options)
    {
        var gateway = CallServerProcess.Start(Scope, ["gateway", "--snmp", "0", .. options]);
        const string host = "127.0.0.1:";
        var line = await gateway.LineAsync(line => line.Contains(host, StringComparison.Ordinal));
        var digits = line[(line.IndexOf(host, StringComparison.Ordinal) + host.Length)..]
            .TakeWhile(char.IsAsciiDigit);
        return (gateway, int.Parse(string.Concat(digits), CultureInfo.InvariantCulture));
    }

    /// <summary>A primary and its warm backup, whose RADIUS server does not answer.</summary>
    private async Task<(Running.Server Primary, Running.Server Backup)> StartPairAsync(params int[] gateways)
    {
        var (first, second) = (FreePort.Tcp(), FreePort.Tcp());
        var secrets = new Dictionary<string, string?>
        {
            ["PAIR_SECRET"] = Guid.NewGuid().ToString(),
            ["RADIUS_SECRET"] = Guid.NewGuid().ToString(),
        };
        var nobody = FreePort.Udp();
        Task<Running.Server> StartAsync(string name, int port, int other, string sections) =>
            Running.Server.StartAsync(
                Scope,
                Scope.NewFolder(name),
                gateways.Select(
                    (gateway, index) => ($"gw{index}", $"snmp://127.0.0.1:{gateway}?profile=cisco-voice")
                ),
                $$""" "radius": { "server": "127.0.0.1:{{nobody}}", "secret": "env:RADIUS_SECRET" }, "pair": { "peer": "http://127.0.0.1:{{other}}", "secret": "env:PAIR_SECRET" }, {{sections}} """,
                secrets,
                name,
                port: port
            );

        var primary = await StartAsync("cs-a", first, second, "");
        var backup = await StartAsync(
            "cs-b",
            second,
            first,
            $$""" "backup": { "of": "http://127.0.0.1:{{first}}", "standby": "warm", "heartbeat": "100ms", "misses": 40 }, """
        );
        return (primary, backup);
    }

    [GeneratedRegex(@"- alert: (\w+)")]
    private static partial Regex Alert();

    /// <summary>An alert's name, and something after exp_alerts if it is to be quiet.</summary>
    [GeneratedRegex(@"- alertname: (\w+)\n\s+eval_time: \S+\n\s+exp_alerts:( \[\])?")]
    private static partial Regex Tried();
}

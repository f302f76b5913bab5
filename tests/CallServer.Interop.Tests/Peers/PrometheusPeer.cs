using System.Globalization;
using System.Text.Json;

namespace CallServer.Interop.Peers;

/// <summary>Debian's Prometheus, which scrapes servers each second and evaluates the alerts that users deploy.</summary>
internal sealed class PrometheusPeer : IAsyncDisposable
{
    private readonly HttpClient http;
    private readonly DateTimeOffset began = DateTimeOffset.UtcNow;

    private PrometheusPeer(int port) =>
        http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };

    /// <summary>Starts one on a free port, and returns when it is ready.</summary>
    public static async Task<PrometheusPeer> StartAsync(Scope scope, params IEnumerable<Uri> servers)
    {
        var program = Programs.Find("prometheus");
        var folder = scope.NewFolder("prometheus");
        var configuration = Path.Combine(folder, "prometheus.yml");
        await File.WriteAllTextAsync(
            configuration,
            $$"""
            global: { scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }
            rule_files: [ {{JsonSerializer.Serialize(Programs.Deployed("prometheus", "callserver.rules.yml"))}} ]
            scrape_configs:
              - job_name: callserver
                static_configs: [ { targets: [ {{string.Join(
                    ", ",
                    servers.Select(server => $"'{server.Authority}'")
                )}} ] } ]
            """
        );
        for (var attempt = 1; ; attempt++)
        {
            var port = FreePort.Tcp();
            string[] arguments =
            [
                $"--config.file={configuration}",
                $"--storage.tsdb.path={Path.Combine(folder, $"data-{attempt}")}",
                $"--web.listen-address=127.0.0.1:{port}",
            ];
            var process = scope.Start(program, arguments);
            var peer = scope.Own(new PrometheusPeer(port));
            var outcome = await Eventually.GetAsync(
                async () =>
                    process.HasExited ? "ended"
                    : await peer.IsReadyAsync() ? "ready"
                    : null,
                () => $"readiness of {process}"
            );
            if (outcome == "ready")
                return peer;
            if (attempt == 3)
                throw Trouble.Failed($"Prometheus does not start: {process}");
        }
    }

    /// <summary>The values of each series of a query since the start, one a second; those that are no number are left
    /// out.</summary>
    public async Task<IReadOnlyList<IReadOnlyList<double>>> HistoryAsync(string query)
    {
        var answer = await GetAsync(
            string.Create(
                CultureInfo.InvariantCulture,
                $"/api/v1/query_range?query={Uri.EscapeDataString(query)}&start={Seconds(began)}&end={Seconds(DateTimeOffset.UtcNow)}&step=1"
            )
        );
        return
        [
            .. answer
                .GetProperty("result")
                .EnumerateArray()
                .Select(series =>
                    series
                        .GetProperty("values")
                        .EnumerateArray()
                        .Select(value => double.Parse(value[1].GetString()!, CultureInfo.InvariantCulture))
                        .Where(double.IsFinite)
                        .ToList()
                ),
        ];
    }

    /// <summary>Waits until a query gives at least one series now.</summary>
    public async Task UntilAsync(string query) =>
        await Eventually.GetAsync(
            async () =>
            {
                var answer = await GetAsync($"/api/v1/query?query={Uri.EscapeDataString(query)}");
                return answer.GetProperty("result").GetArrayLength() > 0 ? "so" : null;
            },
            () => query
        );

    /// <summary>The health of each alert by its name: <c>ok</c>, <c>err</c> or <c>unknown</c>.</summary>
    public async Task<IReadOnlyDictionary<string, string>> AlertsAsync() =>
        (await GetAsync("/api/v1/rules"))
            .GetProperty("groups")
            .EnumerateArray()
            .SelectMany(group => group.GetProperty("rules").EnumerateArray())
            .ToDictionary(
                rule => rule.GetProperty("name").GetString()!,
                rule => rule.GetProperty("health").GetString()!
            );

    public ValueTask DisposeAsync()
    {
        http.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task<bool> IsReadyAsync()
    {
        try
        {
            using var answer = await http.GetAsync(new Uri("/-/ready", UriKind.Relative));
            return answer.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    private async Task<JsonElement> GetAsync(string path)
    {
        using var answer = await http.GetAsync(new Uri(path, UriKind.Relative));
        var text = await answer.Content.ReadAsStringAsync();
        return answer.IsSuccessStatusCode
            ? JsonDocument.Parse(text).RootElement.GetProperty("data")
            : throw Trouble.Failed($"{path}: {text}");
    }

    private static double Seconds(DateTimeOffset time) => time.ToUnixTimeMilliseconds() / 1000.0;
}

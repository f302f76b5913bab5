using System.Net.Http.Json;
using System.Text.Json;
using System.Text.RegularExpressions;
using CallServer.Interop.Peers;

namespace CallServer.Interop.Running;

/// <summary>
/// <c>callserver run</c> with one gateway, <c>gw1</c>, or several, each audited every second by default.
/// </summary>
internal sealed partial class Server : IAsyncDisposable
{
    private static readonly JsonSerializerOptions Camel = new(JsonSerializerDefaults.Web);
    private static readonly JsonSerializerOptions Snake = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
    };

    private readonly Scope scope;
    private readonly ChildProcess process;
    private readonly HttpClient http;

    private Server(Scope scope, ChildProcess process, Uri address)
    {
        this.scope = scope;
        this.process = process;
        http = new HttpClient { BaseAddress = address };
    }

    /// <summary>
    /// Starts one on a port that the system picks, and returns when it is ready. The folder holds its data: the next
    /// server that starts on it continues the record.
    /// </summary>
    public static Task<Server> StartAsync(Scope scope, string folder, int gatewayPort) =>
        StartAsync(scope, folder, $"snmp://127.0.0.1:{gatewayPort}?profile=cisco-voice");

    /// <summary>Starts one with a gateway of any kind.</summary>
    public static Task<Server> StartAsync(Scope scope, string folder, string uri) =>
        StartAsync(scope, folder, [("gw1", uri)]);

    /// <summary>
    /// Starts one with several gateways, with more sections of the configuration (each followed by a comma) and the
    /// secrets that they name.
    /// </summary>
    public static async Task<Server> StartAsync(
        Scope scope,
        string folder,
        IEnumerable<(string Id, string Uri)> gateways,
        string sections = "",
        IReadOnlyDictionary<string, string?>? secrets = null,
        string name = "interop",
        string interval = "1s",
        int port = 0,
        string? store = null,
        string timeout = "200ms"
    )
    {
        var listed = gateways.Select(gateway =>
            $$"""{ "id": {{Quoted(gateway.Id)}}, "uri": {{Quoted(gateway.Uri)}} }"""
        );
        var configuration = Path.Combine(folder, "callserver.json");
        await File.WriteAllTextAsync(
            configuration,
            $$"""
            {
              "server": {
                "name": {{Quoted(name)}},
                "listen": "http://127.0.0.1:{{port}}"
              },
              "store": {{Quoted(store ?? Path.Combine(folder, "callserver.db"))}},
              "polling": { "interval": {{Quoted(interval)}}, "timeout": {{Quoted(timeout)}}, "attempts": 3 },
              "cdr": { "file": {{Quoted(CdrFile(folder))}} },
              {{sections}}
              "gateways": [
                {{string.Join(",\n    ", listed)}}
              ]
            }
            """
        );
        var process = CallServerProcess.Start(scope, ["run", "--config", configuration], secrets);
        var line = await process.LineAsync(line => Listening().IsMatch(line));
        var address = new Uri(Listening().Match(line).Groups[1].Value);
        var server = scope.Own(new Server(scope, process, address));
        await Eventually.GetAsync(
            async () =>
                await server.http.GetAsync(new Uri("/readyz", UriKind.Relative))
                    is { IsSuccessStatusCode: true }
                    ? "ready"
                    : null,
            () => $"readiness of {process}"
        );
        return server;
    }

    /// <summary>The file to which a server on this folder appends its CDRs.</summary>
    public static string CdrFile(string folder) => Path.Combine(folder, "cdr.ndjson");

    /// <summary>The CDRs in the file; empty if the server had none to write.</summary>
    public static async Task<IReadOnlyList<CallDetail>> ReadCdrFileAsync(string folder) =>
        File.Exists(CdrFile(folder))
            ?
            [
                .. (await File.ReadAllLinesAsync(CdrFile(folder))).Select(line =>
                    JsonSerializer.Deserialize<CallDetail>(line, Snake)!
                ),
            ]
            : [];

    /// <summary>Waits until a server has appended this many CDRs.</summary>
    public static Task<string> CdrFileAsync(string folder, int count) =>
        Eventually.GetAsync(
            async () =>
                File.Exists(CdrFile(folder))
                && await File.ReadAllTextAsync(CdrFile(folder)) is var text
                && text.Count(each => each == '\n') >= count
                    ? text
                    : null,
            () => $"{count} CDRs in the file in {folder}"
        );

    /// <summary>The record, read as an operator reads it: with the command line.</summary>
    public async Task<IReadOnlyList<RecordedConnection>> ConnectionsAsync() =>
        await ListAsync<RecordedConnection>("connections", Camel);

    /// <summary>Waits until these calls are in the record, each once, and no others.</summary>
    public async Task RecordAsync(IReadOnlyList<ProxiedCall> calls)
    {
        var wanted = calls.Select(call => call.CallId).Order().ToList();
        List<string> found = [];
        await Eventually.GetAsync(
            async () =>
            {
                found = [.. (await ConnectionsAsync()).Select(connection => connection.Call).Order()];
                return found.SequenceEqual(wanted) ? "so" : null;
            },
            () => $"a record of {string.Join(", ", wanted)}; there are {string.Join(", ", found)}"
        );
    }

    /// <summary>Its only gateway.</summary>
    public async Task<RecordedGateway> GatewayAsync() =>
        (await ListAsync<RecordedGateway>("gateways", Camel)).Single();

    public async Task<IReadOnlyList<RecordedCall>> CallsAsync() =>
        await ListAsync<RecordedCall>("calls", Camel);

    public async Task<IReadOnlyList<CallDetail>> CdrsAsync() => await ListAsync<CallDetail>("cdrs", Snake);

    /// <summary>Releases a connection, as an operator would.</summary>
    public Task<Finished> ReleaseAsync(string connection, string reason)
    {
        string[] order = ["release", $"gw1/{connection}", "--reason", reason, "--yes"];
        return CallServerProcess.RunAsync(scope, [.. order, "--server", http.BaseAddress!.ToString()]);
    }

    /// <summary>Waits for an audit that meets a condition.</summary>
    public async Task<RecordedAudit> AuditAsync(Func<RecordedAudit, bool> wanted) =>
        await Eventually.GetAsync(
            async () =>
            {
                Assert.That(process.HasExited, Is.False, process.ToString());
                var page = await http.GetStringAsync(new Uri("/v1/audits?limit=50", UriKind.Relative));
                return JsonDocument
                    .Parse(page)
                    .RootElement.GetProperty("items")
                    .EnumerateArray()
                    .Select(item => item.Deserialize<RecordedAudit>(Camel)!)
                    .FirstOrDefault(wanted);
            },
            () => $"an audit by {process}"
        );

    /// <summary>Waits until a metric without labels is at least this high.</summary>
    public async Task MetricAsync(string name, double least) =>
        await Eventually.GetAsync(
            async () =>
            {
                var page = await http.GetStringAsync(new Uri("/metrics", UriKind.Relative));
                return page.Split('\n')
                    .Select(line => line.Split(' '))
                    .FirstOrDefault(words =>
                        words[0] == name + "{}"
                        && double.Parse(words[1], System.Globalization.CultureInfo.InvariantCulture) >= least
                    );
            },
            () => $"{name} of {least} by {process}"
        );

    /// <summary>Whether its process has loaded this library.</summary>
    public bool HasLoaded(string library) =>
        File.ReadAllText($"/proc/{process.Id}/maps").Contains($"/{library}", StringComparison.Ordinal);

    /// <summary>What its readiness probe answers.</summary>
    public Task<JsonElement> ReadinessAsync() => ReadAsync("/readyz");

    /// <summary>What it answers at a path, which must be no problem.</summary>
    public async Task<JsonElement> ReadAsync(string path) =>
        JsonDocument.Parse(await http.GetStringAsync(new Uri(path, UriKind.Relative))).RootElement;

    /// <summary>Waits for a complete audit of a gateway that begins from now on.</summary>
    public async Task CompleteAuditAsync(string gateway = "gw1")
    {
        var now = DateTimeOffset.UtcNow;
        await AuditAsync(audit => audit.Gateway == gateway && audit.Complete && audit.Asked > now);
    }

    /// <summary>Orders an audit of a gateway, and waits until one that was asked later is complete.</summary>
    public async Task AskAsync(string gateway = "gw1")
    {
        var now = DateTimeOffset.UtcNow;
        var answer = await http.PostAsJsonAsync(
            new Uri($"/v1/gateways/{gateway}/audit", UriKind.Relative),
            new { }
        );
        answer.EnsureSuccessStatusCode();
        await AuditAsync(audit => audit.Gateway == gateway && audit.Complete && audit.Asked > now);
    }

    /// <summary>Asks it to stop; it must end cleanly.</summary>
    public async Task StopAsync()
    {
        await process.SignalAsync("TERM");
        var finished = await process.FinishAsync(TimeSpan.FromSeconds(30));
        Assert.That(finished.ExitCode, Is.Zero, finished.ToString());
    }

    /// <summary>Kills it, as a crash would.</summary>
    public async Task KillAsync()
    {
        await process.SignalAsync("KILL");
        await process.FinishAsync(TimeSpan.FromSeconds(30));
    }

    public ValueTask DisposeAsync()
    {
        http.Dispose();
        return ValueTask.CompletedTask;
    }

    private static string Quoted(string text) => JsonSerializer.Serialize(text);

    private async Task<IReadOnlyList<T>> ListAsync<T>(
        string verb,
        JsonSerializerOptions options,
        params string[] more
    )
    {
        string[] arguments = [verb, "--server", http.BaseAddress!.ToString(), "--json", .. more];
        var finished = await CallServerProcess.RunAsync(scope, arguments);
        Assert.That(finished.ExitCode, Is.Zero, finished.ToString());
        return
        [
            .. finished
                .Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(line => JsonSerializer.Deserialize<T>(line, options)!),
        ];
    }

    [GeneratedRegex(@"listens on (http://[0-9.]+:[0-9]+)")]
    private static partial Regex Listening();
}

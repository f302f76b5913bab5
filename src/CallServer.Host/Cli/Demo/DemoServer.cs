using System.Text.Json;
using CallServer.Host.Cli.Server;

namespace CallServer.Host.Cli.Demo;

/// <summary>One of the demonstration's servers: a process that can be killed and started again on its own files.</summary>
/// <param name="Name">How it calls itself.</param>
/// <param name="Folder">Where its files are; it shares none with another.</param>
/// <param name="Of">Whose backup it is; null is nobody's.</param>
internal sealed record DemoServer(string Name, string Folder, string? Of) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(50);

    private DemoProcess? process;
    private ServerClient? client;

    /// <summary>Where it listens.</summary>
    public string Url { get; } = $"http://127.0.0.1:{DemoProcess.FreePort()}";

    public ServerClient Client => client ??= new ServerClient(new Uri(Url), null);

    public DemoProcess Process => process ?? throw new InvalidOperationException($"{Name} was not started");

    /// <summary>Its CDR file.</summary>
    public string Cdrs => Path.Combine(Folder, "cdr.ndjson");

    /// <summary>Starts it, whether for the first time or again.</summary>
    /// <param name="gateways">URIs by id.</param>
    public DemoProcess Start(IReadOnlyDictionary<string, string> gateways)
    {
        Directory.CreateDirectory(Folder);
        var config = Path.Combine(Folder, "callserver.json");
        var content = new Dictionary<string, object>
        {
            ["server"] = new
            {
                name = Name,
                listen = Url,
                data = Path.Combine(Folder, "callserver.db"),
            },
            ["polling"] = new { interval = "1s", timeout = "500ms" },
            ["cdr"] = new { file = Cdrs },
            ["gateways"] = gateways.Select(gateway => new { id = gateway.Key, uri = gateway.Value }),
        };
        if (Of is not null)
            content["backup"] = new { of = Of };
        File.WriteAllText(config, JsonSerializer.Serialize(content, JsonText.Options));
        process = DemoProcess.Start("run", "--config", config);
        process.Ignore();
        return process;
    }

    /// <summary>Waits until what it says of itself is so.</summary>
    public Task<JsonElement> UntilStatusAsync(
        string what,
        Func<JsonElement, bool> isSo,
        CancellationToken cancel
    ) => UntilAsync(what, () => Client.GetAsync("v1/status", cancel), isSo, cancel);

    /// <summary>Looks again and again until it is so; a server that does not answer yet is waited for.</summary>
    public async Task<JsonElement> UntilAsync(
        string what,
        Func<Task<JsonElement>> look,
        Func<JsonElement, bool> isSo,
        CancellationToken cancel
    )
    {
        using var late = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        late.CancelAfter(Patience);
        using var timer = new PeriodicTimer(Glance);
        try
        {
            while (await timer.WaitForNextTickAsync(late.Token))
            {
                if (Process.Over)
                    throw Failed($"{Name} ended by itself");
                try
                {
                    var seen = await look();
                    if (isSo(seen))
                        return seen;
                }
                catch (CommandFailedException)
                {
                    // Not there yet.
                }
            }
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested) { }
        throw Failed($"{Name} was not {what} within {Patience.TotalSeconds:0} s");
    }

    /// <summary>What its CDR file holds.</summary>
    public async Task<IReadOnlyList<JsonElement>> WrittenAsync(CancellationToken cancel) =>
        File.Exists(Cdrs) ? [.. (await DemoTruth.LinesAsync(Cdrs, cancel)).Select(Read)] : [];

    public void Dispose() => client?.Dispose();

    private static JsonElement Read(string line)
    {
        using var document = JsonDocument.Parse(line);
        return document.RootElement.Clone();
    }

    private CommandFailedException Failed(string what) =>
        new(ExitCode.Fault, [$"callserver demo: {what}", .. Process.LastWords.Select(line => $"  {line}")]);
}

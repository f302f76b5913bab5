using System.Text.Json;
using CallServer.Host.Cli.Server;

namespace CallServer.Host.Cli.Demo;

/// <summary>One of the demonstration's servers: a process that can be killed and started again on its own files.</summary>
/// <param name="Name">The server's name.</param>
/// <param name="Url">The address where it listens.</param>
/// <param name="Caretaker">Sees to the server's end and keeps the folder of its files, which it shares with no other
/// server.</param>
internal sealed record DemoServer(string Name, string Url, DemoCaretaker Caretaker) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(50);

    private readonly string folder = Path.Combine(Caretaker.Folder, Name);
    private DemoProcess? process;
    private ServerClient? client;

    /// <summary>The address where the other server listens.</summary>
    public required string Peer { get; init; }

    /// <summary>The file with the pair's shared secret.</summary>
    public required string Secret { get; init; }

    /// <summary>Whether it is the other server's backup.</summary>
    public bool IsBackup { get; init; }

    public ServerClient Client => client ??= new ServerClient(new Uri(Url), null);

    public DemoProcess Process => process ?? throw new InvalidOperationException($"{Name} was not started");

    /// <summary>The path of its CDR file.</summary>
    public string Cdrs => Path.Combine(folder, "cdr.ndjson");

    /// <summary>Starts the server, for the first time or again.</summary>
    /// <param name="gateways">The gateways' URIs, by id.</param>
    public DemoProcess Start(IReadOnlyDictionary<string, string> gateways)
    {
        Directory.CreateDirectory(folder);
        var config = Path.Combine(folder, "callserver.json");
        var content = new Dictionary<string, object>
        {
            ["server"] = new
            {
                name = Name,
                listen = Url,
                data = Path.Combine(folder, "callserver.db"),
            },
            ["polling"] = new { interval = "1s", timeout = "500ms" },
            ["cdr"] = new { file = Cdrs },
            ["pair"] = new { peer = Peer, secret = $"file:{Secret}" },
            ["gateways"] = gateways.Select(gateway => new { id = gateway.Key, uri = gateway.Value }),
        };
        if (IsBackup)
            content["backup"] = new { of = Peer };
        File.WriteAllText(config, JsonSerializer.Serialize(content, JsonText.Options));
        process = Caretaker.Start("run", "--config", config);
        process.Ignore();
        return process;
    }

    /// <summary>Waits until its status meets a condition.</summary>
    public Task<JsonElement> UntilStatusAsync(
        string what,
        Func<JsonElement, bool> isSo,
        CancellationToken cancel
    ) => UntilAsync(what, () => Client.GetAsync("v1/status", cancel), isSo, cancel);

    /// <summary>Looks again and again until a condition holds; waits for a server that does not answer yet.</summary>
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
                    // The server is not there yet.
                }
            }
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested) { }
        throw Failed($"{Name} was not {what} within {Patience.TotalSeconds:0} s");
    }

    /// <summary>The contents of its CDR file.</summary>
    public async Task<IReadOnlyList<JsonElement>> WrittenAsync(CancellationToken cancel) =>
        File.Exists(Cdrs) ? [.. (await DemoTruth.LinesAsync(Cdrs, cancel)).Select(Read)] : [];

    /// <summary>An address on which nothing listens.</summary>
    public static string FreeUrl() => $"http://127.0.0.1:{DemoProcess.FreePort()}";

    public void Dispose() => client?.Dispose();

    private static JsonElement Read(string line)
    {
        using var document = JsonDocument.Parse(line);
        return document.RootElement.Clone();
    }

    private CommandFailedException Failed(string what) =>
        new(ExitCode.Fault, [$"callserver demo: {what}", .. Process.LastWords.Select(line => $"  {line}")]);
}

using System.Text.Json;
using CallServer.Host.Cli;
using CallServer.Host.Cli.Demo;
using CallServer.Host.Cli.Output;
using CallServer.Host.Cli.Server;
using CallServer.Server.Configuration;

namespace CallServer.Bench;

/// <summary><c>callserver run</c> on a folder that holds its configuration and its data; it can be started there again
/// and again.</summary>
internal sealed class ServerUnderTest : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(50);

    private readonly string configuration;
    private Child? child;

    /// <param name="folder">Where its files are.</param>
    /// <param name="interval">Between the audits of a gateway.</param>
    /// <param name="timeout">For an answer.</param>
    /// <param name="gateways">URIs by id.</param>
    /// <param name="name">What it calls itself.</param>
    /// <param name="cdr">The configuration's part about CDRs; null is one file.</param>
    /// <param name="address">Where it listens; null is where nobody does.</param>
    /// <param name="more">Sections of its configuration besides.</param>
    public ServerUnderTest(
        string folder,
        TimeSpan interval,
        TimeSpan timeout,
        IReadOnlyDictionary<string, string> gateways,
        string name = "bench",
        object? cdr = null,
        string? address = null,
        IReadOnlyDictionary<string, object>? more = null
    )
    {
        Address = address ?? FreeAddress();
        configuration = Path.Combine(folder, "callserver.json");
        Data = Path.Combine(folder, "callserver.db");
        Client = new ServerClient(new Uri(Address), null);
        var content = new
        {
            server = new
            {
                name,
                listen = Address,
                data = Data,
            },
            polling = new { interval = Durations.Format(interval), timeout = Durations.Format(timeout) },
            cdr = cdr ?? new { file = Path.Combine(folder, "cdr.ndjson") },
            gateways = gateways.Select(gateway => new { id = gateway.Key, uri = gateway.Value }),
        };
        // A section that is there is meant: null would be a mistake.
        var written = JsonSerializer.SerializeToNode(content, JsonText.Options)!.AsObject();
        foreach (var (section, value) in more ?? new Dictionary<string, object>())
            written[section] = JsonSerializer.SerializeToNode(value, JsonText.Options);
        File.WriteAllText(configuration, written.ToJsonString(JsonText.Options));
    }

    /// <summary>Where it listens.</summary>
    public string Address { get; }

    /// <summary>Where nobody listens yet.</summary>
    public static string FreeAddress() => $"http://127.0.0.1:{DemoProcess.FreePort()}";

    /// <summary>Its SQLite file.</summary>
    public string Data { get; }

    public ServerClient Client { get; }

    public Child Process => child ?? throw new InvalidOperationException("the server is not started");

    public void Start()
    {
        child = Child.Start("run", "--config", configuration);
        child.Ignore();
    }

    public Task ReadyAsync(CancellationToken cancel) =>
        UntilAsync("ready", async () => (await StatusAsync(cancel)).Flag("ready") == true, cancel);

    public Task<JsonElement> StatusAsync(CancellationToken cancel) => Client.GetAsync("v1/status", cancel);

    /// <summary>Looks again and again until it is so; what the server cannot answer yet is not so.</summary>
    public async Task UntilAsync(string what, Func<Task<bool>> isSo, CancellationToken cancel)
    {
        using var late = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        late.CancelAfter(Patience);
        using var timer = new PeriodicTimer(Glance);
        try
        {
            while (await timer.WaitForNextTickAsync(late.Token))
            {
                if (Process.Over)
                    throw Failed("the server ended by itself");
                try
                {
                    if (await isSo())
                        return;
                }
                catch (CommandFailedException)
                {
                    // Not there yet.
                }
            }
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw Failed($"not {what} within {Patience.TotalSeconds:0} s");
        }
    }

    /// <summary>SIGKILL.</summary>
    public async Task KillAsync()
    {
        if (child is not null)
            await child.DisposeAsync();
        child = null;
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        Client.Dispose();
    }

    private CommandFailedException Failed(string what) =>
        new(ExitCode.Fault, [what, .. Process.LastWords.Select(line => $"  {line}")]);
}

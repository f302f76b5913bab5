using System.Text.Json;
using CallServer.Host.Cli;
using CallServer.Host.Cli.Demo;
using CallServer.Host.Cli.Output;
using CallServer.Host.Cli.Server;
using CallServer.Server.Configuration;

namespace CallServer.Bench;

/// <summary>
/// <c>callserver run</c> in a folder that holds its configuration and its data; it can be restarted there again and
/// again.
/// </summary>
internal sealed class ServerUnderTest : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(50);

    // Whoever listens on anything but loopback wants to know who asks.
    private const string TokenVariable = "BENCH_TOKEN";
    private const string Token = "a-token-of-the-benches";

    private readonly string configuration;
    private Child? child;

    /// <param name="folder">The folder of its files.</param>
    /// <param name="interval">Time between the audits of a gateway.</param>
    /// <param name="timeout">How long to wait for a reply.</param>
    /// <param name="gateways">The gateways' URIs by id.</param>
    /// <param name="name">The server's name.</param>
    /// <param name="cdr">The configuration's <c>cdr</c> section; null for a single file.</param>
    /// <param name="address">The address where it listens; null picks a free one.</param>
    /// <param name="more">Further sections of its configuration.</param>
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
        var isOpen = new Uri(Address).IsLoopback;
        Client = new ServerClient(new Uri(Address), isOpen ? null : Token);
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
        // Further sections are added only if given: a null section would be a mistake in the configuration.
        var written = JsonSerializer.SerializeToNode(content, JsonText.Options)!.AsObject();
        foreach (var (section, value) in more ?? new Dictionary<string, object>())
            written[section] = JsonSerializer.SerializeToNode(value, JsonText.Options);
        if (!isOpen)
            written["server"]!["token"] = $"env:{TokenVariable}";
        if (written["store"] is not null)
            written["server"]!.AsObject().Remove("data");
        File.WriteAllText(configuration, written.ToJsonString(JsonText.Options));
    }

    /// <summary>What it has in its environment besides what this process and its unit give it.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>The words that run it, such as those that run it in a namespace.</summary>
    public IReadOnlyList<string> Around { get; init; } = [];

    /// <summary>The words that run it, from the folder of its build; null for the one beside this program.</summary>
    public Func<string?, string[]> Program { get; init; } = Child.CallServerIn;

    /// <summary>The folder of the build that is started next; null for the one beside this program.</summary>
    public string? Build { get; set; }

    /// <summary>The address where it listens.</summary>
    public string Address { get; }

    /// <summary>An address on which nothing listens yet.</summary>
    public static string FreeAddress() => $"http://127.0.0.1:{DemoProcess.FreePort()}";

    /// <summary>The path of its SQLite file.</summary>
    public string Data { get; }

    public ServerClient Client { get; }

    public Child Process => child ?? throw new InvalidOperationException("the server is not started");

    /// <summary>Starts it, and returns when a gateway has told everything.</summary>
    public async Task StartAsync(CancellationToken cancel)
    {
        Start();
        await UntilAsync(
            "told all",
            async () => (await StatusAsync(cancel)).Member("gateways").Number("complete") >= 1,
            cancel
        );
    }

    public void Start()
    {
        var environment = UnitEnvironment
            .Variables.Concat(Environment)
            .Append(new(TokenVariable, Token))
            .ToDictionary();
        child = Child.Start([.. Around, .. Program(Build), "run", "--config", configuration], environment);
        child.Ignore();
    }

    /// <summary>Starts it again after it has ended by itself, as a supervisor does; returns with which status it had.</summary>
    public async Task<int> StartAgainAsync(CancellationToken cancel)
    {
        await using var ended = Process;
        var status = await ended.EndAsync(cancel);
        Start();
        return status;
    }

    public Task ReadyAsync(CancellationToken cancel) =>
        UntilAsync("ready", async () => (await StatusAsync(cancel)).Flag("ready") == true, cancel);

    public Task<JsonElement> StatusAsync(CancellationToken cancel) => Client.GetAsync("v1/status", cancel);

    /// <summary>
    /// Looks again and again until a condition holds; it does not hold while the server cannot answer.
    /// </summary>
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
                    // The server is not there yet.
                }
            }
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw Failed($"not {what} within {Patience.TotalSeconds:0} s");
        }
    }

    /// <summary>Sends SIGKILL.</summary>
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

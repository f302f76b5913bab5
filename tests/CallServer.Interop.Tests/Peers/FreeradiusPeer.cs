using System.Globalization;
using System.Security.Cryptography;

namespace CallServer.Interop.Peers;

/// <summary>A record of FreeRADIUS' detail file: attributes by their dictionary names, texts without quotes.</summary>
internal sealed record AccountingRecord(IReadOnlyDictionary<string, string> Attributes)
{
    public string this[string name] => Attributes[name];

    public string Session => this["Acct-Session-Id"];

    public string Status => this["Acct-Status-Type"];

    public long Delay => Number("Acct-Delay-Time");

    public long Seconds => Number("Acct-Session-Time");

    public long Number(string name) => long.Parse(this[name], CultureInfo.InvariantCulture);

    public override string ToString() =>
        string.Join(", ", Attributes.Select(pair => $"{pair.Key} = {pair.Value}"));
}

/// <summary>Debian's FreeRADIUS as an accounting server that can be killed and restarted on its port.</summary>
internal sealed class FreeradiusPeer
{
    private const string Ready = "Ready to process requests";

    private readonly Scope scope;
    private readonly string folder;
    private ChildProcess process;

    private FreeradiusPeer(Scope scope, string folder, int port, string secret, ChildProcess process)
    {
        this.scope = scope;
        this.folder = folder;
        this.process = process;
        Port = port;
        Secret = secret;
    }

    /// <summary>The accounting port on 127.0.0.1.</summary>
    public int Port { get; }

    /// <summary>The secret that it shares with 127.0.0.1.</summary>
    public string Secret { get; }

    /// <summary>Starts one on a free port, and returns when it listens.</summary>
    public static async Task<FreeradiusPeer> StartAsync(Scope scope)
    {
        Programs.Require("freeradius");
        var folder = scope.NewFolder("freeradius");
        var secret = Convert.ToHexString(RandomNumberGenerator.GetBytes(12));
        for (var attempt = 1; ; attempt++)
        {
            var port = FreePort.Udp();
            var process = Run(scope, folder, port, secret);
            if (await ListensAsync(process))
                return new FreeradiusPeer(scope, folder, port, secret, process);
            if (attempt == 3)
                throw new AssertionException($"FreeRADIUS does not start: {process}");
        }
    }

    /// <summary>Kills it, as a crash would.</summary>
    public async Task KillAsync()
    {
        await process.SignalAsync("KILL");
        await process.FinishAsync(TimeSpan.FromSeconds(10));
    }

    /// <summary>Restarts it on the same port and with the same files.</summary>
    public async Task StartAgainAsync()
    {
        process = Run(scope, folder, Port, Secret);
        Assert.That(await ListensAsync(process), Is.True, process.ToString());
    }

    /// <summary>Everything that it ever accepted, in order.</summary>
    public async Task<IReadOnlyList<AccountingRecord>> RecordsAsync()
    {
        var detail = Path.Combine(folder, "detail");
        if (!File.Exists(detail))
            return [];
        await using var stream = new FileStream(detail, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(stream);
        var text = await reader.ReadToEndAsync();
        // Each record ends with an empty line: what follows the last one is still being written.
        return
        [
            .. text.Split("\n\n")[..^1]
                .Select(record => new AccountingRecord(
                    record
                        .Split('\n')
                        .Where(line => line.StartsWith('\t'))
                        .Select(line => line.Split(" = ", 2))
                        .ToDictionary(parts => parts[0].Trim(), parts => parts[1].Trim('"'))
                )),
        ];
    }

    /// <summary>Waits until the records meet a condition, and returns all of them.</summary>
    public Task<IReadOnlyList<AccountingRecord>> RecordsAsync(
        Func<IReadOnlyList<AccountingRecord>, bool> wanted,
        string what
    ) =>
        Eventually.GetAsync(
            async () => await RecordsAsync() is var records && wanted(records) ? records : null,
            () => $"{what} at {process}"
        );

    private static ChildProcess Run(Scope scope, string folder, int port, string secret) =>
        scope.Start("/bin/sh", [Programs.Script("freeradius", "start.sh"), folder, $"{port}", secret]);

    // False if it ended: another program took the port in between.
    private static async Task<bool> ListensAsync(ChildProcess process) =>
        await Eventually.GetAsync(
            () =>
                Task.FromResult(
                    process.HasExited ? "ended"
                    : process.Output.Contains(Ready, StringComparison.Ordinal) ? "listens"
                    : null
                ),
            () => $"readiness of {process}"
        ) == "listens";
}

using System.Security.Cryptography;
using System.Text.Json;
using CallServer.Bench.Start;
using CallServer.Host.Cli;
using CallServer.Host.Cli.Output;

namespace CallServer.Bench.Takeover;

/// <summary>A primary and its backup on one fleet, as two processes with their own files.</summary>
internal sealed class ServerPair : IAsyncDisposable
{
    /// <summary>The exit status if the machine is too busy to time a takeover, as sysexits.h has it (EX_TEMPFAIL).</summary>
    public const int TooBusy = 75;

    private readonly bool cold;

    /// <param name="folder">The folder that holds a folder for each.</param>
    /// <param name="interval">Time between the primary's audits of a gateway.</param>
    /// <param name="timeout">How long to wait for a reply.</param>
    /// <param name="gateways">The gateways' URIs by id.</param>
    /// <param name="cold">Whether the backup asks nobody before it takes over.</param>
    public ServerPair(
        string folder,
        TimeSpan interval,
        TimeSpan timeout,
        IReadOnlyDictionary<string, string> gateways,
        bool cold
    )
    {
        this.cold = cold;
        var (first, second) = (ServerUnderTest.FreeAddress(), ServerUnderTest.FreeAddress());
        var secret = Path.Combine(Directory.CreateDirectory(folder).FullName, "pair.secret");
        File.WriteAllText(secret, RandomNumberGenerator.GetHexString(64));
        var known = $"file:{secret}";
        Primary = new ServerUnderTest(
            Sub(folder, "primary"),
            interval,
            timeout,
            gateways,
            "cs-a",
            address: first,
            more: new Dictionary<string, object> { ["pair"] = new { peer = second, secret = known } }
        );
        Backup = new ServerUnderTest(
            Sub(folder, "backup"),
            interval,
            timeout,
            gateways,
            "cs-b",
            address: second,
            more: new Dictionary<string, object>
            {
                ["pair"] = new { peer = first, secret = known },
                ["backup"] = new { of = first, standby = cold ? "cold" : "warm" },
            }
        );
    }

    public ServerUnderTest Primary { get; }

    public ServerUnderTest Backup { get; }

    /// <summary>
    /// Starts both, and waits until the primary has heard every gateway and the backup watches the primary.
    /// </summary>
    public async Task StartAsync(int gateways, CancellationToken cancel)
    {
        Primary.Start();
        await Primary.ReadyAsync(cancel);
        Backup.Start();
        await Backup.ReadyAsync(cancel);
        if (!cold)
            await HeardAsync(Backup, gateways, cancel);
        await HeardAsync(Primary, gateways, cancel);
        await Backup.UntilAsync(
            "watched",
            async () => (await Backup.StatusAsync(cancel)).Text("role") is "standby" or "active",
            cancel
        );
        // It may have missed heartbeats of a live primary: such a takeover is not worth timing.
        if ((await Backup.StatusAsync(cancel)).Text("role") != "standby")
            throw new CommandFailedException(
                TooBusy,
                "the backup took over before the primary was killed: the machine is too busy to time anything"
            );
    }

    /// <summary>The backup's newest recovery report, once it is complete.</summary>
    public async Task<JsonElement> RecoveryAsync(CancellationToken cancel)
    {
        JsonElement? found = null;
        await Backup.UntilAsync(
            "recovered",
            async () =>
            {
                found = await ReportAsync(cancel);
                return found is not null;
            },
            cancel
        );
        return found ?? throw new CommandFailedException(ExitCode.Fault, "no recovery report");
    }

    /// <summary>The report of the backup's last takeover; null while it is not complete.</summary>
    public async Task<JsonElement?> ReportAsync(CancellationToken cancel)
    {
        var page = await Backup.Client.AllAsync("recoveries", null, cancel);
        return page.Items.Count > 0 && page.Items[0].Flag("whole") == true ? page.Items[0] : null;
    }

    public async ValueTask DisposeAsync()
    {
        await Primary.DisposeAsync();
        await Backup.DisposeAsync();
    }

    private static Task HeardAsync(ServerUnderTest server, int gateways, CancellationToken cancel) =>
        server.UntilAsync(
            "told all by every gateway",
            async () => (await server.StatusAsync(cancel)).Member("gateways").Number("complete") >= gateways,
            cancel
        );

    private static string Sub(string folder, string name) =>
        Directory.CreateDirectory(Path.Combine(folder, name)).FullName;
}

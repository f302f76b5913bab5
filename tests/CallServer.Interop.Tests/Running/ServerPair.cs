using System.Security.Cryptography;
using CallServer.Interop.Peers;

namespace CallServer.Interop.Running;

/// <summary>
/// A primary <c>cs-a</c> and its warm backup <c>cs-b</c> that ask one gateway. Between their starts and their
/// takeovers they ask it only when told to, so that a test knows what each of them has heard.
/// </summary>
internal sealed class ServerPair
{
    private const string Rarely = "10m";

    // The primary on a loaded machine may be late: that must not cause a takeover.
    private const string Patient = """ "standby": "warm", "heartbeat": "50ms", "misses": 80 """;

    private readonly Scope scope;
    private readonly string uri;
    private readonly string ofBackup;
    private readonly string secret;
    private readonly int first = FreePort.Tcp();
    private readonly int second = FreePort.Tcp();
    private Server? primary;
    private Server? backup;

    private ServerPair(Scope scope, string uri)
    {
        (this.scope, this.uri) = (scope, uri);
        (OfPrimary, ofBackup) = (scope.NewFolder("primary"), scope.NewFolder("backup"));
        secret = Path.Combine(scope.NewFolder("pair"), "secret");
        File.WriteAllText(secret, RandomNumberGenerator.GetHexString(64));
    }

    public Server Primary => primary ?? throw new InvalidOperationException("the primary is not started");

    /// <summary>The primary's folder.</summary>
    public string OfPrimary { get; }

    public Server Backup => backup ?? throw new InvalidOperationException("the backup is not started");

    /// <summary>Starts both, and returns when they know each other and each has heard the gateway.</summary>
    public static async Task<ServerPair> StartAsync(Scope scope, string uri)
    {
        var pair = new ServerPair(scope, uri);
        await pair.StartPrimaryAgainAsync();
        await pair.Primary.StatusAsync(status => status is { Role: "primary", Epoch: 1, Peer: not null });
        pair.backup = await pair.StartAsync(
            pair.ofBackup,
            "cs-b",
            pair.second,
            pair.first,
            $$""" "backup": { "of": "http://127.0.0.1:{{pair.first}}", {{Patient}} }, """
        );
        await pair.Backup.StatusAsync(status => status is { Role: "standby", Epoch: 1 });
        return pair;
    }

    /// <summary>Restarts the killed primary on its data, with its first configuration.</summary>
    public async Task StartPrimaryAgainAsync() =>
        primary = await StartAsync(OfPrimary, "cs-a", first, second, "");

    /// <summary>The CDRs of both servers' files.</summary>
    public async Task<IReadOnlyList<CallDetail>> ReadCdrFilesAsync() =>
        [.. await Server.ReadCdrFileAsync(OfPrimary), .. await Server.ReadCdrFileAsync(ofBackup)];

    private Task<Server> StartAsync(string folder, string name, int port, int other, string sections) =>
        Server.StartAsync(
            scope,
            folder,
            [("gw1", uri)],
            $$""" "pair": { "peer": "http://127.0.0.1:{{other}}", "secret": "file:{{secret}}" }, {{sections}} """,
            name: name,
            interval: Rarely,
            port: port
        );
}

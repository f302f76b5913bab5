using CallServer.Interop.Peers;

namespace CallServer.Interop.Running;

/// <summary>
/// A primary <c>cs-a</c> and its warm backup <c>cs-b</c> that ask one gateway. Between their starts and their takeovers they ask
/// it only when they are told to, so that a test knows what each of them has heard.
/// </summary>
internal sealed class ServerPair
{
    private const string Rarely = "10m";

    // The primary of a loaded machine may be late: that is no takeover.
    private const string Patient = """ "standby": "warm", "heartbeat": "50ms", "misses": 80 """;

    private readonly Scope scope;
    private readonly string uri;
    private readonly string ofBackup;

    private ServerPair(
        Scope scope,
        string uri,
        string ofPrimary,
        Server primary,
        string ofBackup,
        Server backup
    )
    {
        (this.scope, this.uri) = (scope, uri);
        (OfPrimary, Primary) = (ofPrimary, primary);
        (this.ofBackup, Backup) = (ofBackup, backup);
    }

    public Server Primary { get; private set; }

    /// <summary>The primary's folder.</summary>
    public string OfPrimary { get; }

    public Server Backup { get; }

    /// <summary>Starts both, and comes back when they know each other and each has heard the gateway.</summary>
    public static async Task<ServerPair> StartAsync(Scope scope, string uri)
    {
        var (ofPrimary, ofBackup) = (scope.NewFolder("primary"), scope.NewFolder("backup"));
        var primary = await StartPrimaryAsync(scope, ofPrimary, uri);
        var backup = await Server.StartAsync(
            scope,
            ofBackup,
            [("gw1", uri)],
            $$""" "backup": { "of": "{{primary.Address}}", {{Patient}} }, """,
            name: "cs-b",
            interval: Rarely
        );
        await primary.StatusAsync(status => status is { Role: "primary", Epoch: 1, Peer: not null });
        await backup.StatusAsync(status => status is { Role: "standby", Epoch: 1 });
        return new ServerPair(scope, uri, ofPrimary, primary, ofBackup, backup);
    }

    /// <summary>Starts the killed primary again as it was first started: it finds its data, and another port.</summary>
    public async Task StartPrimaryAgainAsync() => Primary = await StartPrimaryAsync(scope, OfPrimary, uri);

    /// <summary>The CDRs of both servers' files.</summary>
    public async Task<IReadOnlyList<CallDetail>> ReadCdrFilesAsync() =>
        [.. await Server.ReadCdrFileAsync(OfPrimary), .. await Server.ReadCdrFileAsync(ofBackup)];

    private static Task<Server> StartPrimaryAsync(Scope scope, string folder, string uri) =>
        Server.StartAsync(scope, folder, [("gw1", uri)], name: "cs-a", interval: Rarely);
}

using System.Text;
using CallServer.Host.Tests.Cli;
using CallServer.Host.Tests.Storage;
using CallServer.Server.Configuration;
using CallServer.Server.Net;
using CallServer.Server.Roles;

namespace CallServer.Host.Tests.Web;

/// <summary>
/// Two servers that know each other's address and share a secret: <c>cs-a</c>, and its backup <c>cs-b</c>.
/// </summary>
internal sealed class TestPair(TestGateways gateways) : IDisposable
{
    private readonly TestDirectory ofPrimary = new();
    private readonly TestDirectory ofBackup = new();

    public static byte[] Secret { get; } = Encoding.ASCII.GetBytes("a secret of the pair's own");

    public Uri First { get; } = new(StubServer.Nowhere());

    public Uri Second { get; } = new(StubServer.Nowhere());

    /// <summary>Somebody who claims to be the backup and knows this secret.</summary>
    public static PeerHttp Backup(byte[] secret) => Peer("cs-b", secret);

    /// <summary>Somebody with this name who knows this secret.</summary>
    public static PeerHttp Peer(string name, byte[] secret) =>
        new(new PeerTrust(name, secret, new SystemClock()), TimeSpan.FromSeconds(30), 64 * 1024);

    public Task<TestServer> PrimaryAsync(Func<ServerConfiguration, ServerConfiguration>? change = null) =>
        TestServer.StartAsync(
            ofPrimary,
            gateways,
            configuration =>
            {
                var primary = configuration with
                {
                    Name = "cs-a",
                    Listen = First,
                    Pair = new PairConfiguration { Peer = Second, Secret = Secret },
                };
                return change?.Invoke(primary) ?? primary;
            }
        );

    public Task<TestServer> BackupAsync(bool cold = false, byte[]? secret = null) =>
        TestServer.StartAsync(
            ofBackup,
            gateways,
            configuration =>
                configuration with
                {
                    Name = "cs-b",
                    Listen = Second,
                    Pair = new PairConfiguration { Peer = First, Secret = secret ?? Secret },
                    Backup = new BackupConfiguration(First)
                    {
                        Cold = cold,
                        Heartbeat = TimeSpan.FromMilliseconds(20),
                        Misses = 100,
                    },
                }
        );

    public static Task UntilRoleAsync(TestServer server, string role, CancellationToken cancel) =>
        server.UntilAsync(runtime => runtime.Roles.Role is { Decided: true } now && now.Role == role, cancel);

    public void Dispose()
    {
        ofPrimary.Dispose();
        ofBackup.Dispose();
    }
}

using System.Net;
using System.Net.Sockets;
using CallServer.Host.Tests.Storage;
using CallServer.Server.Configuration;

namespace CallServer.Host.Tests.Web;

/// <summary>What a server reports when it cannot start.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[CancelAfter(60_000)]
public sealed class ServerHostTests : IDisposable
{
    private readonly TestDirectory directory = new();
    private readonly TestGateways gateways = new();

    public void Dispose() => directory.Dispose();

    [Test]
    public void ADataFileThatCannotBeMade(CancellationToken _)
    {
        var thrown = Assert.ThrowsAsync<ConfigurationException>(() =>
            TestServer.StartAsync(
                directory,
                gateways,
                configuration =>
                    configuration with
                    {
                        Data = directory.File("no/such/directory/callserver.db"),
                    }
            )
        );
        Assert.That(thrown!.Message, Does.Contain("server.data"));
    }

    [Test]
    public async Task AnAddressThatIsTaken(CancellationToken _)
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port;
        var thrown = Assert.ThrowsAsync<ConfigurationException>(() =>
            TestServer.StartAsync(
                directory,
                gateways,
                configuration => configuration with { Listen = new Uri($"http://127.0.0.1:{port}") }
            )
        );
        Assert.That(thrown!.Message, Does.Contain("server.listen").And.Contain("in use"));

        // The failed server has released the store.
        await using var server = await TestServer.StartAsync(directory, gateways);
    }

    [Test]
    public async Task TheSameStoreTwice(CancellationToken _)
    {
        await using var first = await TestServer.StartAsync(directory, gateways);
        var thrown = Assert.ThrowsAsync<ConfigurationException>(() =>
            TestServer.StartAsync(directory, gateways)
        );
        Assert.That(thrown!.Message, Does.Contain("server.data"));
    }
}

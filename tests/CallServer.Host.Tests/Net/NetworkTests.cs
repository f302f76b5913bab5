using System.Reactive.Concurrency;
using CallServer.Server;
using CallServer.Server.Net;

namespace CallServer.Host.Tests.Net;

/// <summary>
/// Base for tests with real sockets on loopback: each has its own network and one loop for its audits.
/// </summary>
[CancelAfter(20_000)]
public abstract class NetworkTests
{
    protected SystemClock Clock { get; } = new();

    protected LoopScheduler Loop { get; } = new("test");

    protected FleetNetwork Network { get; private set; } = null!;

    [SetUp]
    public void Open() => Network = new FleetNetwork(Clock);

    [TearDown]
    public async Task CloseAsync() => await Network.DisposeAsync();

    [OneTimeTearDown]
    public void EndLoop() => Loop.Dispose();
}

using CallServer.Server.Polling;

namespace CallServer.Host.Tests.Polling;

public sealed class HeapWatchTests
{
    [TestCase(350, 0)]
    [TestCase(351, 20)]
    public void WhoMakesMuchWaitsWhileThereIsTooMuch(long size, int milliseconds) =>
        Assert.That(
            new HeapWatch(new MemoryBudget(1_000), () => size).Pause().TotalMilliseconds,
            Is.EqualTo(milliseconds)
        );
}

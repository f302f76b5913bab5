using CallServer.Server.Polling;

namespace CallServer.Host.Tests.Polling;

public sealed class HeapWatchTests
{
    [TestCase((long)(1_000 * HeapWatch.Part), 0)]
    [TestCase((long)(1_000 * HeapWatch.Part) + 1, 20)]
    public void WhoMakesMuchWaitsWhileThereIsTooMuch(long size, int milliseconds) =>
        Assert.That(
            new HeapWatch(new MemoryBudget(1_000), () => size).Pause().TotalMilliseconds,
            Is.EqualTo(milliseconds)
        );
}

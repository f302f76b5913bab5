using CallServer.Host.Tests.Storage;
using CallServer.Server.Supervision;

namespace CallServer.Host.Tests.Supervision;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[CancelAfter(60_000)]
[Platform("Linux")]
public sealed class ServiceManagerTests : IDisposable
{
    private readonly TestDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Test]
    public async Task HearsWhatItIsTold([Values] bool inFolder, CancellationToken cancel)
    {
        using var manager = inFolder ? TestManager.InFolder(directory) : TestManager.Abstract();
        using var found = manager.Found();
        Assert.That(found.Tell("READY=1", "STATUS=äöü"));
        Assert.That(await manager.HearAsync(cancel), Is.EqualTo(new[] { "READY=1", "STATUS=äöü" }));
    }

    [TestCase(null)]
    [TestCase("")]
    [TestCase("/")]
    [TestCase("@")]
    [TestCase("run/notify")]
    [TestCase("vsock:2:1234")]
    public void IsNotThereWithoutItsSocket(string? name) =>
        Assert.That(ServiceManager.Find(variable => variable == "NOTIFY_SOCKET" ? name : "1", 4711), Is.Null);

    [Test]
    public void IsNotThereWhereNoSocketCanBe() =>
        Assert.That(ServiceManager.Find(_ => '/' + new string('a', 200), 4711), Is.Null);

    [Test]
    public void DoesNotHearOnceItIsGone()
    {
        var manager = TestManager.Abstract();
        using var found = manager.Found();
        manager.Dispose();
        Assert.That(found.Tell("READY=1"), Is.False);
    }

    [Test]
    public void DoesNotHoldUpWhoTellsIt()
    {
        using var manager = TestManager.Abstract();
        using var found = manager.Found();
        // Nobody reads: sooner or later there is no more room, and a call that waited for some would never return.
        Assert.That(Enumerable.Range(0, 100_000).Any(_ => !found.Tell("WATCHDOG=1")));
    }

    [TestCase("3000000", null, 3)]
    [TestCase("3000000", "", 3)]
    [TestCase("3000000", "4711", 3)]
    [TestCase("3000000", "4712", null)]
    [TestCase("3000000", "all", null)]
    [TestCase(null, "4711", null)]
    [TestCase("0", null, null)]
    [TestCase("-1", null, null)]
    [TestCase("soon", null, null)]
    [TestCase("18446744073709551615", null, null)]
    public void WatchesOnlyTheProcessThatItNames(string? micros, string? process, int? seconds)
    {
        using var manager = TestManager.Abstract();
        using var found = manager.Found(micros, process);
        Assert.That(found.Watchdog?.TotalSeconds, Is.EqualTo(seconds));
    }
}

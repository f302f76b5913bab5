using System.Reactive.Concurrency;
using CallServer.Host.Tests.Recording;
using CallServer.Host.Tests.Storage;
using CallServer.Host.Tests.Web;
using CallServer.Server.Net;
using CallServer.Server.Supervision;
using CallServer.Storage.Sqlite;

namespace CallServer.Host.Tests.Supervision;

/// <summary>What a service manager is told: in virtual time, and by a whole server.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[CancelAfter(60_000)]
[Platform("Linux")]
public sealed class SupervisorTests : IDisposable
{
    private readonly TestDirectory directory = new();
    private readonly TestManager manager = TestManager.Abstract();
    private readonly HistoricalScheduler scheduler = new(DateTimeOffset.UnixEpoch);
    private readonly HistoricalScheduler loop = new(DateTimeOffset.UnixEpoch);
    private readonly TestLog log = new();
    private bool ready;

    public void Dispose()
    {
        manager.Dispose();
        directory.Dispose();
    }

    [Test]
    public async Task AsksForTimeUntilTheServerIsReady(CancellationToken cancel)
    {
        using var supervisor = Watch();
        Pass(TimeSpan.FromSeconds(1));
        Assert.That(await HeardAsync(cancel), Has.All.EqualTo("EXTEND_TIMEOUT_USEC=60000000"));
        ready = true;
        Pass(TimeSpan.FromSeconds(1));
        Assert.That(await HeardAsync(cancel), Is.EqualTo(new[] { "READY=1" }));
    }

    [Test]
    public async Task LivesThreeTimesAsOftenAsItMust(CancellationToken cancel)
    {
        ready = true;
        using var supervisor = Watch();
        Pass(TimeSpan.FromSeconds(1));
        await HeardAsync(cancel);
        Pass(TimeSpan.FromSeconds(12));
        Assert.That(await HeardAsync(cancel), Is.EqualTo(Enumerable.Repeat("WATCHDOG=1", 6)));
    }

    [Test]
    public async Task SaysNothingWhileALoopIsStuck(CancellationToken cancel)
    {
        ready = true;
        using var supervisor = Watch();
        Pass(TimeSpan.FromSeconds(1));
        await HeardAsync(cancel);
        // The loop's own time stands still: it answers nobody.
        scheduler.AdvanceBy(TimeSpan.FromMinutes(1));
        Assert.That(manager.HasMore, Is.True, "the answer from before");
        Assert.That(await HeardAsync(cancel), Has.Length.EqualTo(1));
        Assert.That(log.Text.Split("these loops do not answer: slow"), Has.Length.EqualTo(2), "said once");
        Pass(TimeSpan.FromSeconds(4));
        Assert.That(await HeardAsync(cancel), Is.Not.Empty, "it answers again");
    }

    [Test]
    public async Task SaysNothingAboutAReloadBeforeItIsReady(CancellationToken cancel)
    {
        using var supervisor = Watch();
        supervisor.Reloading();
        supervisor.Reloaded();
        Assert.That(manager.HasMore, Is.False);
        ready = true;
        Pass(TimeSpan.FromSeconds(1));
        await HeardAsync(cancel);
        supervisor.Reloading();
        supervisor.Reloaded();
        var (reloading, reloaded) = (await manager.HearAsync(cancel), await manager.HearAsync(cancel));
        Assert.That(reloading[0], Is.EqualTo("RELOADING=1"));
        Assert.That(reloading[1], Does.Match("^MONOTONIC_USEC=[1-9][0-9]*$"));
        Assert.That(reloaded[0], Is.EqualTo("READY=1"));
    }

    [Test]
    public async Task SaysNothingAfterItsEnd(CancellationToken cancel)
    {
        ready = true;
        var supervisor = Watch();
        Pass(TimeSpan.FromSeconds(1));
        await HeardAsync(cancel);
        supervisor.Stopping();
        supervisor.Stopping();
        Pass(TimeSpan.FromMinutes(1));
        Assert.That(await HeardAsync(cancel), Is.EqualTo(new[] { "STOPPING=1" }));
        supervisor.Dispose();
        Assert.That(manager.HasMore, Is.False);
    }

    [Test]
    public async Task AWholeServer(CancellationToken cancel)
    {
        var gateways = new TestGateways();
        gateways.Connections[1] = [1, 2];
        gateways.Connections[2] = [];
        var server = await TestServer.StartAsync(directory, gateways, manager: manager.Found("300000"));
        await manager.HearAsync("READY=1", cancel);
        Assert.That(server.Runtime.IsReady);
        await manager.HearAsync("STATUS=primary, epoch 1: 2 connections, 2 of 2 gateways complete", cancel);
        await manager.HearAsync("WATCHDOG=1", cancel);
        await server.DisposeAsync();
        await manager.HearAsync("STOPPING=1", cancel);
        Assert.That(manager.HasMore, Is.False);
    }

    [Test]
    public async Task AServerWhoseDiskHangsLives(CancellationToken cancel)
    {
        using var hanging = new ManualResetEventSlim();
        var commits = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var gateways = new TestGateways();
        gateways.Connections[1] = [1, 2];
        var file = new SqliteStoreOptions { File = directory.File("hangs.db") };
        var server = await TestServer.StartAsync(
            directory,
            gateways,
            manager: manager.Found("300000"),
            openStore: () =>
                new FlakyStore(SqliteLedgerStore.Open(file))
                {
                    Fault = _ =>
                    {
                        commits.TrySetResult();
                        hanging.Wait(cancel);
                        return null;
                    },
                }
        );
        await commits.Task.WaitAsync(cancel);
        await manager.HearAsync("READY=1", cancel);
        for (var beat = 0; beat < 3; beat++)
            await manager.HearAsync("WATCHDOG=1", cancel);
        Assert.That(server.Runtime.Writer.Commits, Is.Zero, "the first one still hangs");
        hanging.Set();
        await server.DisposeAsync();
    }

    private Supervisor Watch() =>
        new(
            manager.Found("6000000"),
            [("slow", loop)],
            () => ready,
            () => "fine",
            scheduler,
            SystemClock.Timers,
            log
        );

    /// <summary>Time passes for the supervisor and for the loop.</summary>
    private void Pass(TimeSpan time)
    {
        var step = TimeSpan.FromMilliseconds(50);
        for (var passed = TimeSpan.Zero; passed < time; passed += step)
        {
            scheduler.AdvanceBy(step);
            loop.AdvanceBy(step);
        }
    }

    /// <summary>The first lines of everything that was told.</summary>
    private async Task<string[]> HeardAsync(CancellationToken cancel)
    {
        var heard = new List<string>();
        while (manager.HasMore)
            heard.Add((await manager.HearAsync(cancel))[0]);
        return [.. heard];
    }
}

using System.Reactive.Concurrency;
using System.Text.Json;
using CallServer.Host.Tests.Storage;
using CallServer.Server.Recording;
using CallServer.Storage;
using CallServer.Storage.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;

namespace CallServer.Host.Tests.Recording;

/// <summary>The control log over a store that may fail, in virtual time.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[CancelAfter(60_000)]
public sealed class ControlLogStoreTests : IDisposable
{
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(1);

    private readonly HistoricalScheduler time = new(new DateTimeOffset(2026, 1, 31, 10, 0, 0, TimeSpan.Zero));
    private readonly TestDirectory directory = new();
    private readonly FlakyStore store;
    private readonly StoreWriter writer;
    private readonly ControlLog log;

    public ControlLogStoreTests()
    {
        store = new FlakyStore(
            SqliteLedgerStore.Open(new SqliteStoreOptions { File = directory.File("callserver.db") })
        );
        store.Load();
        writer = new StoreWriter(store, time, NullLogger.Instance);
        log = new ControlLog(writer, new SchedulerClock(time), time, NullLogger.Instance);
    }

    public void Dispose()
    {
        writer.Dispose();
        store.Dispose();
        directory.Dispose();
    }

    private Task AddAsync(string what, int status = 202, string result = ControlEntry.Accepted) =>
        log.AddAsync("token", "192.0.2.1", "POST /v1/takeover", what, status, result);

    private string[] Kept() =>
        [
            .. store
                .ReadControls(long.MaxValue, 100)
                .Items.Select(item => JsonDocument.Parse(item.Json).RootElement)
                .Select(entry =>
                    $"{entry.GetProperty("time").GetString()![11..19]} {entry.GetProperty("what").GetString()} "
                    + $"{entry.GetProperty("status").GetInt32()} x{entry.GetProperty("count").GetInt32()}"
                )
                .Reverse(),
        ];

    [Test]
    public async Task WhileTheStoreFailsNobodyWaitsAndNothingIsLost(CancellationToken cancel)
    {
        var first = AddAsync("a");
        Assert.That(first.IsCompleted, Is.False, "an answer waits for its entry");
        time.AdvanceBy(Moment);
        await first.WaitAsync(cancel);
        Assert.That(Kept(), Is.EqualTo(new[] { "10:00:00 a 202 x1" }));

        store.Down = new StoreFullException("the disk is full");
        var second = AddAsync("b");
        time.AdvanceBy(Moment);
        await second.WaitAsync(cancel);
        Assert.That(writer.Health.Healthy, Is.False);
        await AddAsync("c").WaitAsync(cancel);
        store.Down = null;
        time.AdvanceBy(TimeSpan.FromMinutes(1));
        Assert.That(
            Kept(),
            Is.EqualTo(new[] { "10:00:00 a 202 x1", "10:00:00 b 202 x1", "10:00:00 c 202 x1" })
        );
        Assert.That(writer.Health.Healthy);
    }

    [Test]
    public async Task AFaultOfOurOwnLosesNoEntryEither(CancellationToken cancel)
    {
        store.Down = new InvalidOperationException("test");
        var added = AddAsync("a");
        time.AdvanceBy(Moment);
        await added.WaitAsync(cancel);
        store.Down = null;
        time.AdvanceBy(TimeSpan.FromMinutes(1));
        Assert.That(Kept(), Is.EqualTo(new[] { "10:00:00 a 202 x1" }));
    }

    [Test]
    public async Task RefusedRequestsThatAreAlikeAreSummedUpByTheMinute(CancellationToken cancel)
    {
        for (var second = 0; second < 100; second++)
        {
            await AddAsync("x", 429, ControlEntry.Refused).WaitAsync(cancel);
            if (second == 30)
                await AddAsync("x", 401, ControlEntry.Refused).WaitAsync(cancel);
            time.AdvanceBy(TimeSpan.FromSeconds(1));
        }

        log.Flush();
        time.AdvanceBy(Moment);
        Assert.That(
            Kept(),
            Is.EqualTo(
                new[] { "10:00:00  429 x1", "10:00:30  401 x1", "10:01:00  429 x59", "10:01:40  429 x40" }
            )
        );
    }

    [Test]
    public async Task OfManyCallersAHundredAreToldApartAndTheOthersCounted(CancellationToken cancel)
    {
        for (var caller = 0; caller < 500; caller++)
            await log.AddAsync(
                    "nobody",
                    $"192.0.{caller / 250}.{caller % 250}",
                    "POST /v1/takeover",
                    null,
                    401,
                    ControlEntry.Refused
                )
                .WaitAsync(cancel);
        log.Flush();
        time.AdvanceBy(Moment);
        var entries = store
            .ReadControls(long.MaxValue, 1000)
            .Items.Select(item => JsonDocument.Parse(item.Json).RootElement)
            .ToList();
        Assert.That(entries, Has.Count.EqualTo(102));
        Assert.That(entries.Sum(entry => entry.GetProperty("count").GetInt32()), Is.EqualTo(500));
        Assert.That(
            entries.Count(entry => entry.GetProperty("from").GetString() == "other addresses"),
            Is.EqualTo(2)
        );
    }

    [Test]
    public async Task ALongTextIsCut(CancellationToken cancel)
    {
        var added = AddAsync(new string('x', 5_000));
        time.AdvanceBy(Moment);
        await added.WaitAsync(cancel);
        Assert.That(
            Kept().Single().Count(c => c == 'x'),
            Is.EqualTo(ControlLog.Longest - 1 + 1),
            "x1 has one"
        );
    }
}

using System.Reactive.Concurrency;
using CallServer.Model;
using CallServer.Server;
using CallServer.Server.Web;

namespace CallServer.Host.Tests;

public sealed class ServerHistoryTests
{
    [Test]
    public void TakesASampleEveryTenSeconds()
    {
        var scheduler = new HistoricalScheduler(DateTimeOffset.UnixEpoch);
        using var history = Follow(scheduler);
        scheduler.AdvanceBy(TimeSpan.FromSeconds(25));
        Assert.That(Seconds(history), Is.EqualTo(new[] { 10, 20 }));
    }

    [Test]
    public void KeepsAnHourWithBothItsEnds()
    {
        var scheduler = new HistoricalScheduler(DateTimeOffset.UnixEpoch);
        using var history = Follow(scheduler);
        scheduler.AdvanceBy(TimeSpan.FromHours(3));
        var seconds = Seconds(history);
        Assert.That((seconds[0], seconds[^1]), Is.EqualTo((2 * 3600, 3 * 3600)));
        Assert.That(seconds, Has.Count.EqualTo(361));
    }

    [Test]
    public void TakesNoneAfterItsEnd()
    {
        var scheduler = new HistoricalScheduler(DateTimeOffset.UnixEpoch);
        var history = Follow(scheduler);
        scheduler.AdvanceBy(TimeSpan.FromSeconds(15));
        history.Dispose();
        scheduler.AdvanceBy(TimeSpan.FromHours(1));
        Assert.That(history.Samples, Has.Count.EqualTo(1));
    }

    [Test]
    public void ShowsItsTimesCorrectedByTheStepsOfTheClock()
    {
        var start = InstantModule.ofDateTime(DateTimeOffset.UnixEpoch);
        var answer = HistoryAnswer.Of(
            [new ServerSample(start, 7, 2, 40, null)],
            start + TimeSpan.FromSeconds(3),
            TimeSpan.FromHours(1)
        );
        Assert.That(
            answer.Samples.Single(),
            Is.EqualTo(new HistorySample("1970-01-01T01:00:00.000000Z", 7, 2, 40, null))
        );
        Assert.That(answer.AsOf, Is.EqualTo("1970-01-01T01:00:03.000000Z"));
        Assert.That(answer.EverySeconds, Is.EqualTo(10));
    }

    private static ServerHistory Follow(HistoricalScheduler scheduler) =>
        new(() => new ServerSample(InstantModule.ofDateTime(scheduler.Now), 1, 0, 0, 0), scheduler);

    private static List<int> Seconds(ServerHistory history) =>
        [
            .. history.Samples.Select(sample =>
                (int)(sample.At - InstantModule.ofDateTime(DateTimeOffset.UnixEpoch)).TotalSeconds
            ),
        ];
}

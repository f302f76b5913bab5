using System.Reactive.Concurrency;
using CallServer.Server;

namespace CallServer.Host.Tests.Web;

/// <summary>However many events come, what they leave is bounded, and none is forgotten.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class PacedTests
{
    private static readonly TimeSpan Rest = TimeSpan.FromMinutes(1);

    private readonly HistoricalScheduler time = new(DateTimeOffset.UnixEpoch);
    private readonly List<string> said = [];

    private Paced<string> Pace(int most) => new(new SchedulerClock(time), time, Rest, most);

    private bool Say(Paced<string> pace, string kind, string what) =>
        pace.TrySay(kind, others => said.Add($"{what}+{others}"));

    [Test]
    public void TheFirstIsToldAtOnceAndTheNewestOfTheOthersAfterTheRest()
    {
        var pace = Pace(10);
        Say(pace, "a", "1");
        Say(pace, "a", "2");
        Say(pace, "b", "3");
        Say(pace, "a", "4");
        Assert.That(said, Is.EqualTo(new[] { "1+0", "3+0" }));

        time.AdvanceBy(Rest);
        Assert.That(said[2..], Is.EqualTo(new[] { "4+1" }));
        Say(pace, "a", "5");
        Assert.That(said, Has.Count.EqualTo(3), "the rest began again");
        time.AdvanceBy(Rest);
        Assert.That(said[3..], Is.EqualTo(new[] { "5+0" }));
        time.AdvanceBy(10 * Rest);
        Assert.That(said, Has.Count.EqualTo(4));
    }

    [Test]
    public void NoMoreKindsThanAllowedAreToldApartUntilOneIsQuiet()
    {
        var pace = Pace(2);
        Assert.That(Say(pace, "a", "1") && Say(pace, "b", "2"));
        Assert.That(Say(pace, "c", "3"), Is.False);
        Assert.That(said, Is.EqualTo(new[] { "1+0", "2+0" }));
        Say(pace, "a", "4");
        time.AdvanceBy(Rest);
        // b has been quiet for a rest; a has just been told.
        Assert.That(Say(pace, "c", "5"));
        Assert.That(Say(pace, "d", "6"), Is.False);
        Assert.That(said[2..], Is.EqualTo(new[] { "4+0", "5+0" }));
    }

    [Test]
    public void WhatWaitsIsToldAtTheEndAndNotTwice()
    {
        var pace = Pace(10);
        Say(pace, "a", "1");
        Say(pace, "a", "2");
        Say(pace, "a", "3");
        pace.Flush();
        Assert.That(said[1..], Is.EqualTo(new[] { "3+1" }));
        time.AdvanceBy(10 * Rest);
        Assert.That(said, Has.Count.EqualTo(2));
    }
}

using CallServer.Model;
using CallServer.Server.Net;

namespace CallServer.Host.Tests.Net;

public sealed class SystemClockTests
{
    private sealed class TwoClocks : TimeProvider
    {
        private static readonly DateTimeOffset Start = new(2026, 1, 31, 10, 0, 0, TimeSpan.Zero);

        public TimeSpan Elapsed { get; set; }

        public TimeSpan Stepped { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Elapsed.Ticks;

        public override DateTimeOffset GetUtcNow() => Start + Elapsed + Stepped;
    }

    [Test]
    public void TheSteadyClockDoesNotFollowAStep()
    {
        var machine = new TwoClocks();
        var clock = new SystemClock(machine);
        var before = clock.Now;
        machine.Elapsed = TimeSpan.FromSeconds(10);
        machine.Stepped = TimeSpan.FromHours(-1);
        var after = clock.Now;
        Assert.That(after.Steady - before.Steady, Is.EqualTo(TimeSpan.FromSeconds(10)));
        Assert.That(after.Wall - before.Wall, Is.EqualTo(TimeSpan.FromSeconds(10 - 3600)));
    }

    [Test]
    public void AStepIsNoticedOnceAndCorrectsWhatIsShown()
    {
        var machine = new TwoClocks();
        var clock = new SystemClock(machine);
        machine.Stepped = TimeSpan.FromMilliseconds(50);
        Assert.That(clock.CheckForStep(), Is.EqualTo(TimeSpan.Zero), "the wall clock may stray a little");
        machine.Stepped = TimeSpan.FromMilliseconds(60);
        Assert.That(clock.CheckForStep(), Is.EqualTo(TimeSpan.FromMilliseconds(60)));
        Assert.That(clock.CheckForStep(), Is.EqualTo(TimeSpan.Zero));
        machine.Stepped = TimeSpan.FromSeconds(-5);
        Assert.That(clock.CheckForStep(), Is.EqualTo(TimeSpan.FromMilliseconds(-5060)));
        Assert.That(clock.Correction, Is.EqualTo(TimeSpan.FromSeconds(-5)));
        Assert.That(
            clock.Steps.Select(step => step.By.TotalMilliseconds),
            Is.EqualTo(new double[] { 60, -5060 })
        );
        for (var n = 0; n < 2 * SystemClock.StepsKept; n++)
        {
            machine.Stepped = TimeSpan.FromSeconds(n);
            clock.CheckForStep();
        }

        Assert.That(clock.Steps, Has.Count.EqualTo(SystemClock.StepsKept));
        Assert.That(clock.Steps[^1].By, Is.EqualTo(TimeSpan.FromSeconds(1)));
    }

    [Test]
    public void WhereAClockIsSharedOnlyItsStepsCorrectWhatIsShown()
    {
        var machine = new TwoClocks();
        var clock = new SystemClock(machine);
        var second = TimeSpan.FromSeconds(1);
        machine.Stepped = TimeSpan.FromHours(1);
        Assert.That(
            clock.CheckForStep(Common(-second, second)),
            Is.EqualTo(TimeSpan.Zero),
            "its own was stepped"
        );
        Assert.That(clock.Correction, Is.EqualTo(TimeSpan.Zero));
        Assert.That(
            clock.CheckForStep(Common(TimeSpan.FromMilliseconds(50), second)),
            Is.EqualTo(TimeSpan.Zero),
            "it may stray a little"
        );
        Assert.That(clock.CheckForStep(Common(60 * second, 62 * second)), Is.EqualTo(61 * second));
        Assert.That(clock.CheckForStep(Common(60 * second, 62 * second)), Is.EqualTo(TimeSpan.Zero));
        Assert.That(clock.Correction, Is.EqualTo(61 * second));
        Assert.That(clock.Steps.Select(step => step.By), Is.EqualTo(new[] { 61 * second }));
    }

    private static ClockReading Common(TimeSpan least, TimeSpan most) => new(least, most, new Instant(0));

    [Test]
    public void AnEarlierTimelineGoesOn()
    {
        var machine = new TwoClocks { Stepped = TimeSpan.FromSeconds(100) };
        var clock = new SystemClock(machine, TimeSpan.FromSeconds(100), []);
        Assert.That(clock.Now.Wall - clock.Now.Steady, Is.EqualTo(TimeSpan.FromSeconds(100)));
        Assert.That(clock.CheckForStep(), Is.EqualTo(TimeSpan.Zero));
    }
}

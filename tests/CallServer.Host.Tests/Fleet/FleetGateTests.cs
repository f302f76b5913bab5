using CallServer.Fleet;

namespace CallServer.Host.Tests.Fleet;

/// <summary>When a host of a fleet may ask, in virtual time.</summary>
public sealed class FleetGateTests
{
    private static readonly FleetMember Self = new("10.0.0.1", 11111, 1);
    private static readonly FleetMember Second = new("10.0.0.2", 11111, 1);
    private static readonly FleetMember Third = new("10.0.0.3", 11111, 1);

    private readonly HandTime time = new();
    private FleetGate gate = null!;

    [SetUp]
    public void Join()
    {
        gate = new FleetGate(time);
        Look();
    }

    private void Look(bool active = true) => gate.Looked(time.GetTimestamp(), Self, active, [Second, Third]);

    /// <summary>Time goes on while this process runs.</summary>
    private void Run(TimeSpan during, Action? each = null)
    {
        for (var end = time.Now + during; time.Now < end; )
        {
            time.Now += TimeSpan.FromMilliseconds(100);
            gate.Beat();
            each?.Invoke();
        }
    }

    private void Hear(params FleetMember[] answering)
    {
        foreach (var peer in answering)
            gate.Heard(peer, PeerAnswer.Answered);
    }

    [Test]
    public void Before_it_has_joined_a_host_asks_nobody()
    {
        var fresh = new FleetGate(time);
        Assert.That((fresh.Self, fresh.MayAsk), Is.EqualTo(((FleetMember?)null, false)));
        fresh.Looked(time.GetTimestamp(), Self, isActive: false, [Second]);
        Assert.That((fresh.Self, fresh.MayAsk), Is.EqualTo(((FleetMember?)Self, false)));
        fresh.Looked(time.GetTimestamp(), Self, isActive: true, [Second]);
        Assert.That(fresh.MayAsk, Is.True);
    }

    [Test]
    public void Who_is_declared_dead_asks_nobody()
    {
        Look(active: false);
        Assert.That(gate.MayAsk, Is.False);
    }

    [Test]
    public void Whose_membership_has_ended_never_asks_again()
    {
        gate.End();
        Look();
        Assert.That(gate.MayAsk, Is.False);
    }

    [Test]
    public void After_standing_still_it_asks_nobody_until_it_has_looked()
    {
        Run(TimeSpan.FromSeconds(60), () => Look());
        time.Now += TimeSpan.FromSeconds(2);
        Assert.That(gate.MayAsk, Is.True, "a pause of 2 s is none");
        gate.Beat();
        time.Now += TimeSpan.FromSeconds(2.1);
        Assert.That((gate.MayAsk, gate.MustLook), Is.EqualTo((false, true)));
        Run(TimeSpan.FromSeconds(1));
        Assert.That(gate.MayAsk, Is.False, "time alone opens nothing");
        Look();
        Assert.That((gate.MayAsk, gate.MustLook), Is.EqualTo((true, false)));
    }

    [Test]
    public void A_beat_that_comes_first_after_standing_still_hides_nothing()
    {
        time.Now += TimeSpan.FromSeconds(30);
        gate.Beat();
        Assert.That(gate.MayAsk, Is.False);
    }

    [Test]
    public void A_look_that_began_before_it_stood_still_opens_nothing()
    {
        var asked = time.GetTimestamp();
        time.Now += TimeSpan.FromSeconds(30);
        gate.Looked(asked, Self, isActive: true, [Second, Third]);
        Assert.That(gate.MayAsk, Is.False);
        Look();
        Assert.That(gate.MayAsk, Is.True);
    }

    [Test]
    public void Declared_dead_while_it_stood_still_it_never_asks_again()
    {
        time.Now += TimeSpan.FromSeconds(30);
        Look(active: false);
        Run(TimeSpan.FromSeconds(10), () => Look(active: false));
        Assert.That(gate.MayAsk, Is.False);
    }

    [Test]
    public void While_the_database_is_away_it_asks_as_long_as_all_others_answer()
    {
        Run(TimeSpan.FromMinutes(10), () => Hear(Second, Third));
        Assert.That(gate.MayAsk, Is.True);
        Run(TimeSpan.FromSeconds(3), () => Hear(Second));
        Assert.That(gate.MayAsk, Is.True, "a silence of 3 s is none");
        Run(TimeSpan.FromSeconds(0.1), () => Hear(Second));
        Assert.That(gate.MayAsk, Is.False, "the third may see the database, and take over");
        Hear(Third);
        Assert.That(gate.MayAsk, Is.True);
    }

    [Test]
    public void A_host_that_sees_neither_the_others_nor_the_database_asks_nobody()
    {
        Run(TimeSpan.FromSeconds(3));
        Assert.That(gate.MayAsk, Is.True);
        Run(TimeSpan.FromSeconds(0.1));
        Assert.That(gate.MayAsk, Is.False);
        Look();
        Assert.That(gate.MayAsk, Is.True);
    }

    [Test]
    public void With_the_database_it_asks_whoever_else_answers()
    {
        Run(TimeSpan.FromMinutes(1), () => Look());
        Assert.That(gate.MayAsk, Is.True);
    }

    [Test]
    public void A_host_whose_process_has_ended_is_not_silent()
    {
        Run(
            TimeSpan.FromMinutes(1),
            () =>
            {
                gate.Heard(Second, PeerAnswer.Gone);
                Hear(Third);
            }
        );
        Assert.That(gate.MayAsk, Is.True);
        Run(TimeSpan.FromSeconds(4), () => gate.Heard(Second, PeerAnswer.Silent));
        Assert.That(gate.MayAsk, Is.False);
    }

    [Test]
    public void Alone_it_asks_without_the_database()
    {
        gate.Looked(time.GetTimestamp(), Self, isActive: true, []);
        Run(TimeSpan.FromMinutes(1));
        Assert.That(gate.MayAsk, Is.True);
    }

    private sealed class HandTime : TimeProvider
    {
        public TimeSpan Now { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now.Ticks;
    }
}

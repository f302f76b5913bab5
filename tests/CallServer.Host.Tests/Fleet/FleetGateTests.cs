using CallServer.Fleet;
using FsCheck;
using FsCheck.Fluent;

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

    /// <summary>What may happen to a host: time, with or without beats, looks that take time, and answers of the others.</summary>
    private enum Event
    {
        Runs,
        StandsStill,
        Looks,
        LooksSlowly,
        HearsSecond,
        HearsThird,
    }

    private static readonly Arbitrary<Event[]> Histories = Gen.Elements(Enum.GetValues<Event>())
        .ArrayOf(60)
        .ToArbitrary();

    [Test]
    public void Whatever_happens_it_asks_if_it_knows_enough_and_only_then() =>
        Check.One(Config.QuickThrowOnFailure.WithQuietOnSuccess(true), Prop.ForAll(Histories, IsRight));

    /// <summary>Keeps the three moments that count, and compares after each event.</summary>
    private static bool IsRight(Event[] history)
    {
        var time = new HandTime();
        var gate = new FleetGate(time);
        var (woke, asked, looked) = (TimeSpan.Zero, TimeSpan.MinValue, TimeSpan.MinValue);
        var heard = new Dictionary<FleetMember, TimeSpan>();
        var patience = TimeSpan.FromSeconds(3);
        return history.All(each =>
        {
            switch (each)
            {
                case Event.Runs:
                    time.Now += TimeSpan.FromSeconds(1);
                    gate.Beat();
                    break;
                case Event.StandsStill:
                    woke = time.Now += TimeSpan.FromSeconds(2.5);
                    break;
                case Event.Looks:
                    Look(TimeSpan.Zero);
                    break;
                case Event.LooksSlowly:
                    Look(TimeSpan.FromSeconds(2.5));
                    break;
                case Event.HearsSecond:
                    Hear(Second);
                    break;
                case Event.HearsThird:
                    Hear(Third);
                    break;
            }

            var recent = looked != TimeSpan.MinValue && time.Now - looked <= patience;
            var silent = heard.Values.Any(moment => time.Now - moment > patience);
            var may = asked >= woke && looked != TimeSpan.MinValue && (recent || !silent);
            var same = gate.MayAsk == may;
            gate.Beat();
            return same;
        });

        // A slow look stands for one during which the process stood still.
        void Look(TimeSpan during)
        {
            var began = time.GetTimestamp();
            time.Now += during;
            if (during > TimeSpan.FromSeconds(2))
                woke = time.Now;
            gate.Looked(began, Self, isActive: true, [Second, Third]);
            (asked, looked) = (TimeSpan.FromTicks(began), time.Now);
            heard.TryAdd(Second, time.Now);
            heard.TryAdd(Third, time.Now);
        }

        void Hear(FleetMember peer)
        {
            gate.Heard(peer, PeerAnswer.Answered);
            if (heard.ContainsKey(peer))
                heard[peer] = time.Now;
        }
    }
}

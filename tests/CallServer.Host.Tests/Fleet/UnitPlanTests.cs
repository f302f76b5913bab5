using CallServer.Fleet;

namespace CallServer.Host.Tests.Fleet;

/// <summary>When a host of a fleet looks after its units, in virtual time.</summary>
public sealed class UnitPlanTests
{
    private const int Count = 64;

    private static readonly FleetMember Self = new("10.0.0.1", 11111, 1);
    private static readonly FleetMember Other = new("10.0.0.2", 11111, 1);

    private readonly HandTime time = new();
    private UnitPlan plan = null!;

    [SetUp]
    public void Begin() => plan = new UnitPlan(Count, time);

    private bool DueAfter(TimeSpan wait, bool mayAsk = true)
    {
        time.Now += wait;
        return plan.IsDue(mayAsk);
    }

    /// <summary>A host that has looked once already.</summary>
    private void Run(params FleetMember[] members)
    {
        plan.Follow(members);
        Assert.That(DueAfter(UnitPlan.BeforeTheFirst));
    }

    [Test]
    public void Hosts_that_start_together_wait_for_each_other()
    {
        Assert.That(plan.Follow([Self]));
        Assert.That(DueAfter(UnitPlan.BeforeTheFirst / 2), Is.False);
        Assert.That(plan.Follow([Self, Other]));
        Assert.That(DueAfter(UnitPlan.BeforeTheFirst * 0.9), Is.False);
        Assert.That(DueAfter(UnitPlan.BeforeTheFirst * 0.1));
    }

    [Test]
    public void The_units_of_a_host_that_died_are_called_for_at_once()
    {
        Run(Self, Other);
        var own = plan.Missing(Self, _ => false);
        Assert.That(own, Has.Count.InRange(1, Count - 1));
        Assert.That(plan.Follow([Self]));
        Assert.That(DueAfter(TimeSpan.Zero));
        Assert.That(plan.Missing(Self, own.Contains), Has.Count.EqualTo(Count - own.Count));
    }

    [Test]
    public void Who_may_not_ask_holds_nothing_new()
    {
        plan.Follow([Self]);
        Assert.That(DueAfter(UnitPlan.BeforeTheFirst, mayAsk: false), Is.False);
        Assert.That(DueAfter(TimeSpan.Zero));
    }

    [TestCase(0, 1, 0.5)]
    [TestCase(1, 1, 2)]
    [TestCase(0, 0, 2)]
    public void A_unit_that_a_leaving_host_has_answered_for_is_called_for_soon(
        int failed,
        int missing,
        double seconds
    )
    {
        Run(Self);
        plan.Called(failed, missing);
        Assert.That(DueAfter(TimeSpan.FromSeconds(seconds - 0.1)), Is.False);
        Assert.That(DueAfter(TimeSpan.FromSeconds(0.1)));
        Assert.That(DueAfter(TimeSpan.FromSeconds(1.9)), Is.False, "only once");
    }

    [Test]
    public void Units_move_when_the_hosts_have_been_the_same_for_a_while()
    {
        Run(Self);
        var all = Enumerable.Range(0, Count).ToList();
        Assert.That(plan.Others(Self, all), Is.Empty);
        plan.Follow([Self, Other]);
        Assert.That(plan.MayMove, Is.False);
        time.Now += UnitPlan.BeforeMoving;
        Assert.That(plan.MayMove);
        Assert.That(
            plan.Others(Self, all).Concat(plan.Missing(Self, _ => false)),
            Is.EquivalentTo(all),
            "each unit has one host"
        );
    }

    [Test]
    public void While_units_are_given_away_it_looks_again_at_once()
    {
        Run(Self, Other);
        Assert.That(DueAfter(TimeSpan.Zero), Is.False);
        plan.Moved();
        Assert.That(DueAfter(TimeSpan.Zero));
    }
}

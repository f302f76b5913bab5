using CallServer.Fleet;
using FsCheck;
using FsCheck.Fluent;

namespace CallServer.Host.Tests.Fleet;

/// <summary>Which host a unit belongs to, for fleets of any hosts.</summary>
public sealed class RendezvousTests
{
    private const int Units = 1024;

    private static readonly Arbitrary<FleetMember[]> Fleets = (
        from count in Gen.Choose(1, 16)
        from seed in Gen.Choose(0, int.MaxValue - 1)
        select Fleet(count, new Random(seed))
    ).ToArbitrary();

    private static FleetMember[] Fleet(int count, Random random) =>
        [
            .. Enumerable
                .Range(1, count)
                .Select(host => new FleetMember(
                    $"10.{random.Next(256)}.{random.Next(256)}.{host}",
                    random.Next(1, 65536),
                    random.Next()
                )),
        ];

    private static FleetMember[] Owners(IEnumerable<FleetMember> fleet)
    {
        var rendezvous = new Rendezvous(fleet);
        return [.. Enumerable.Range(0, Units).Select(unit => rendezvous.OwnerOf(unit)!.Value)];
    }

    private static void ForAll(Func<FleetMember[], bool> law) =>
        Check.One(Config.QuickThrowOnFailure.WithQuietOnSuccess(true), Prop.ForAll(Fleets, law));

    [Test]
    public void Without_hosts_a_unit_belongs_to_nobody() =>
        Assert.That(new Rendezvous([]).OwnerOf(7), Is.Null);

    [Test]
    public void The_order_in_which_hosts_are_known_does_not_matter() =>
        ForAll(fleet => Owners(fleet).SequenceEqual(Owners(fleet.Reverse())));

    [Test]
    public void A_host_that_leaves_moves_its_own_units_only() =>
        ForAll(fleet =>
            fleet.Length == 1
            || fleet.All(gone =>
                Owners(fleet)
                    .Zip(Owners(fleet.Where(host => host != gone)))
                    .All(unit => unit.First == gone ? unit.Second != gone : unit.First == unit.Second)
            )
        );

    [Test]
    public void A_host_that_starts_again_has_the_units_that_it_had() =>
        ForAll(fleet =>
            Owners(fleet)
                .Zip(Owners([.. fleet[1..], fleet[0], Again(fleet[0])]))
                .All(unit => unit.Second == (unit.First == fleet[0] ? Again(fleet[0]) : unit.First))
        );

    /// <summary>Six standard deviations of what chance alone would do.</summary>
    [Test]
    public void Units_are_spread_evenly() =>
        ForAll(fleet =>
        {
            var share = (double)Units / fleet.Length;
            var spread = 6 * Math.Sqrt(share * (1 - 1.0 / fleet.Length));
            return fleet.All(host => Math.Abs(Owners(fleet).Count(owner => owner == host) - share) <= spread);
        });

    /// <summary>Hosts of different versions must agree. The expected hosts were computed apart, from the definition.</summary>
    [Test]
    public void It_says_the_same_in_every_version()
    {
        var rendezvous = new Rendezvous([
            new("10.0.0.1", 11111, 5),
            new("10.0.0.2", 11111, 6),
            new("::1", 1, 7),
        ]);
        Assert.That(
            string.Join(
                ' ',
                Enumerable.Range(0, 12).Select(unit => rendezvous.OwnerOf(unit)!.Value.Generation)
            ),
            Is.EqualTo("6 5 7 7 7 5 6 5 6 7 7 6")
        );
    }

    private static FleetMember Again(FleetMember member) => member with { Generation = int.MaxValue };
}

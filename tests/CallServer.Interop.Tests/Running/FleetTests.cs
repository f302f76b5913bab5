using CallServer.Interop.Peers;

namespace CallServer.Interop.Running;

/// <summary>Who holds which unit, in fleets of real processes on a real database.</summary>
internal sealed class FleetTests : PeerTest
{
    private const int Units = 256;

    private int hosts;

    private FleetPeer Start(PostgresPeer database) =>
        FleetPeer.Start(Scope, $"host{++hosts}", database, Units);

    /// <summary>Waits until these hosts hold every unit, each by one of them, and none much more than another.</summary>
    private static Task ShareAsync(params FleetPeer[] fleet) =>
        Eventually.TrueAsync(
            () =>
            {
                var told = fleet.Select(host => host.Last).ToList();
                var held = told.SelectMany(host => host.Held.Keys).Order();
                return told.TrueForAll(host =>
                        host.MayAsk && Math.Abs(host.Held.Count - Units / fleet.Length) < Units / 5
                    ) && held.SequenceEqual(Enumerable.Range(0, Units));
            },
            () => $"every unit at one of {string.Join('\n', fleet.Select(host => host.ToString()))}"
        );

    [Test]
    public async Task Units_follow_the_hosts_that_join_die_and_leave()
    {
        var database = await PostgresPeer.StartAsync(Scope);
        var (first, second, third) = (Start(database), Start(database), Start(database));
        await ShareAsync(first, second, third);

        await third.SignalAsync("KILL");
        await ShareAsync(first, second);

        var fourth = Start(database);
        await ShareAsync(first, second, fourth);

        await first.SignalAsync("TERM");
        Assert.That((await first.FinishAsync()).ExitCode, Is.Zero);
        Assert.That(first.Last.Held, Is.Empty, "who leaves gives up what it holds");
        await ShareAsync(second, fourth);
    }

    [Test]
    public async Task A_host_that_stood_still_asks_nobody_when_it_wakes_and_ends()
    {
        var database = await PostgresPeer.StartAsync(Scope);
        var (first, second, third) = (Start(database), Start(database), Start(database));
        await ShareAsync(first, second, third);

        await third.SignalAsync("STOP");
        await ShareAsync(first, second);
        var before = third.Told.Count;
        await third.SignalAsync("CONT");

        Assert.That((await third.FinishAsync()).ExitCode, Is.EqualTo(70), "the others have declared it dead");
        Assert.That(third.Told.Skip(before).Select(told => told.MayAsk), Is.All.False);
    }

    [Test]
    public async Task While_the_database_is_away_all_go_on_and_afterwards_a_dead_hosts_units_are_taken_over()
    {
        var database = await PostgresPeer.StartAsync(Scope);
        var (first, second, third) = (Start(database), Start(database), Start(database));
        await ShareAsync(first, second, third);
        var before = new[] { first, second }.Select(host => host.Told.Count).ToArray();

        await database.StopAsync();
        await third.SignalAsync("KILL");
        await first.LogsAsync("the database is away");
        await second.LogsAsync("the database is away");
        await database.StartAgainAsync();

        await ShareAsync(first, second);
        foreach (var (host, count) in new[] { first, second }.Zip(before))
            Assert.That(host.Told.Skip(count).Select(told => told.MayAsk), Is.All.True);
    }

    [Test]
    public async Task A_unit_that_was_refused_is_taken_anew()
    {
        var database = await PostgresPeer.StartAsync(Scope);
        var only = Start(database);
        await ShareAsync(only);

        await only.SignalAsync("USR1");

        await Eventually.TrueAsync(
            () => only.Last.Held.GetValueOrDefault(0) == 2,
            () => $"unit 0 once more at {only}"
        );
    }
}

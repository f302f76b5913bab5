using CallServer.Bench.Start;

namespace CallServer.Bench.Hosts;

/// <summary>
/// The network is cut between one host and all others; every host still reaches the gateways. Whoever ends meanwhile is started
/// again, as by a supervisor.
/// </summary>
internal static class SplitFaults
{
    // How often Orleans reads the table of members if nothing else makes it. A side that reads it, or cannot, has stopped by then.
    private static readonly TimeSpan TableRefresh = TimeSpan.FromSeconds(5);

    /// <summary>The many see the database, the one does not.</summary>
    public static Task<FleetFault> ManyAsync(HostFleet fleet, TimeSpan away, CancellationToken cancel) =>
        TakeOverAsync(
            fleet,
            "split: 1 host is cut off from the others and from the database",
            [.. Split(fleet), (One(fleet), fleet.DatabasePlace!)],
            away,
            cancel
        );

    /// <summary>Both sides see the database, and not each other.</summary>
    public static Task<FleetFault> BothAsync(HostFleet fleet, TimeSpan away, CancellationToken cancel) =>
        TakeOverAsync(
            fleet,
            "split: 1 host is cut off from the others; all see the database",
            Split(fleet),
            away,
            cancel
        );

    /// <summary>Nobody sees the database.</summary>
    public static async Task<FleetFault> NoneAsync(HostFleet fleet, TimeSpan away, CancellationToken cancel)
    {
        await using var split = await SplitNetwork.BeginAsync(
            fleet,
            [.. Split(fleet), .. fleet.Hosts.Select(host => (host.Place!, fleet.DatabasePlace!))],
            cancel
        );
        await Task.Delay(away, cancel);
        var asked = await split.AskedAsync(cancel);
        await split.HealAsync();
        var again = await fleet.HeardSinceAsync(split.Healed, cancel);
        // Who declares whom dead now does so within this time.
        await Task.Delay(2 * TableRefresh, cancel);
        var even = await fleet.EvenAsync(cancel);
        await fleet.HeardSinceAsync(even, cancel);
        var ended = await split.EndAsync();
        var last = asked.Select(request => request.At).DefaultIfEmpty(split.Cut).Max();
        return new FleetFault(
            "split: 1 host is cut off from the others; nobody sees the database",
            split.Cut,
            even,
            [
                FleetFault.Seconds(split.Cut, last, "until the last request of anybody"),
                FleetFault.Seconds(split.Cut, split.Healed, "until the network was healed"),
                FleetFault.Seconds(split.Healed, again, "from then until every gateway had answered"),
                Told(ended),
            ],
            [
                .. Wrong(AskedTogether.Of(asked), ended),
                .. last - split.Cut > TableRefresh.TotalMicroseconds
                    ? (string[])["a host asked that saw neither all others nor the database"]
                    : [],
            ]
        );
    }

    private static async Task<FleetFault> TakeOverAsync(
        HostFleet fleet,
        string name,
        IReadOnlyList<(NetworkPlace, NetworkPlace)> cut,
        TimeSpan away,
        CancellationToken cancel
    )
    {
        var one = fleet.Hosts[^1];
        await using var split = await SplitNetwork.BeginAsync(fleet, cut, cancel);
        var slept = Task.Delay(away, cancel);
        var taken = await fleet.EvenWithoutAsync(one, cancel);
        var heard = await fleet.HeardSinceAsync(taken, cancel);
        await slept;
        var asked = await split.AskedAsync(cancel);
        await split.HealAsync();
        var even = await fleet.EvenAsync(cancel);
        await fleet.HeardSinceAsync(even, cancel);
        var ended = await split.EndAsync();
        var together = AskedTogether.Of(asked);
        var last = asked
            .Where(request => request.By == one.Place!.Address)
            .Select(request => request.At)
            .DefaultIfEmpty(split.Cut)
            .Max();
        return new FleetFault(
            name,
            split.Cut,
            even,
            [
                FleetFault.Seconds(split.Cut, last, "until the last request of the one"),
                FleetFault.Seconds(split.Cut, taken, "until the others had its gateways"),
                FleetFault.Seconds(split.Cut, heard, "until all of them had answered the others"),
                Together(together, split.Cut),
                FleetFault.Seconds(split.Healed, even, "from the healing until all hosts had their share"),
                Told(ended),
            ],
            Wrong(together, ended)
        );
    }

    private static NetworkPlace One(HostFleet fleet) => fleet.Hosts[^1].Place!;

    private static List<(NetworkPlace, NetworkPlace)> Split(HostFleet fleet) =>
        [.. fleet.Hosts.SkipLast(1).Select(host => (host.Place!, One(fleet)))];

    private static string Together(AskedTogether together, long cut) =>
        together.Gateways == 0
            ? "no gateway was asked by two hosts"
            : FormattableString.Invariant(
                $"gateways asked by two hosts: {together.Gateways}, for {together.Longest.TotalSeconds:0.0} s at most, and none later than {(together.Last - cut) / 1e6:0.0} s after the split"
            );

    private static string Told(IReadOnlyList<(FleetHost Host, int Status)> ended) =>
        ended.Count == 0
            ? "no host ended"
            : "ended, and started again: "
                + string.Join(
                    ", ",
                    ended.Select(each =>
                        FormattableString.Invariant($"{each.Host.Name} with status {each.Status}")
                    )
                );

    private static List<string> Wrong(
        AskedTogether together,
        IReadOnlyList<(FleetHost Host, int Status)> ended
    ) =>
        [
            .. together.Longest > TableRefresh
                ? (string[])
                    [
                        FormattableString.Invariant(
                            $"two hosts asked a gateway for {together.Longest.TotalSeconds:0.0} s"
                        ),
                    ]
                : [],
            .. ended
                .Where(each => each.Status != FleetHost.EndedByTheOthers)
                .Select(each =>
                    FormattableString.Invariant($"{each.Host.Name} ended with status {each.Status}")
                ),
        ];
}

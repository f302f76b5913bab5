using System.Globalization;
using System.Net.NetworkInformation;
using System.Text.RegularExpressions;
using CallServer.Interop.Peers;

namespace CallServer.Bench.Hosts;

/// <summary>A place of its own on a network: a namespace of this machine.</summary>
/// <param name="Namespace">The namespace's name.</param>
/// <param name="Address">Its address on the network.</param>
internal sealed record NetworkPlace(string Namespace, string Address)
{
    /// <summary>The words that run a command there.</summary>
    public IReadOnlyList<string> Around => [Programs.Find("ip"), "netns", "exec", Namespace];
}

/// <summary>
/// A network on this machine that can be cut between any two of its places: each place is a namespace with a wire into one bridge.
/// The bridge has an address too, for what runs outside of them. Needs root and iproute2 alone.
/// </summary>
internal sealed partial class HostNetwork : IAsyncDisposable
{
    private const string Prefix = "csbench";
    private const string Device = "eth0";

    // Nobody has it. What is sent there is lost without a word, as on a cut wire; a route to nowhere would tell the sender.
    private const string Nobody = "02:00:00:00:00:00";
    private const int FirstPlace = 10;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly string bridge;
    private readonly string network;
    private readonly List<NetworkPlace> places = [];
    private readonly HashSet<(NetworkPlace From, NetworkPlace To)> cut = [];

    private HostNetwork(string network) =>
        (this.network, bridge) = (network, Invariant($"{Prefix}{Environment.ProcessId}"));

    /// <summary>The address of what runs in no place of the network; all places reach it, whatever is cut.</summary>
    public string Outside => $"{network}.1";

    /// <summary>The network in the way that its addresses are given to a firewall.</summary>
    public string Range => $"{network}.0/24";

    /// <summary>
    /// Makes one without places. Throws <see cref="Trouble"/>'s exception if this machine cannot have one: without root, without <c>ip</c>, or in
    /// a container that may not.
    /// </summary>
    public static async Task<HostNetwork> CreateAsync()
    {
        if (!Environment.IsPrivilegedProcess)
            throw Trouble.Missing("namespaces need root");
        await RemoveLeftoversAsync();
        var made = new HostNetwork(await FreeAsync());
        try
        {
            await IpAsync("link", "add", made.bridge, "type", "bridge");
            await IpAsync("address", "add", $"{made.Outside}/24", "dev", made.bridge);
            await IpAsync("link", "set", made.bridge, "up");
            return made;
        }
        catch
        {
            await made.DisposeAsync();
            throw;
        }
    }

    /// <summary>Adds a place that sees all others.</summary>
    public async Task<NetworkPlace> AddAsync()
    {
        var number = FirstPlace + places.Count;
        var place = new NetworkPlace(
            Invariant($"{Prefix}-{Environment.ProcessId}-{number}"),
            Invariant($"{network}.{number}")
        );
        var wire = Invariant($"csb{Environment.ProcessId}v{number}");
        await IpAsync("netns", "add", place.Namespace);
        places.Add(place);
        await IpAsync([
            "link",
            "add",
            wire,
            "type",
            "veth",
            "peer",
            "name",
            Device,
            "netns",
            place.Namespace,
        ]);
        await IpAsync("link", "set", wire, "master", bridge, "up");
        await IpAsync("-n", place.Namespace, "address", "add", $"{place.Address}/24", "dev", Device);
        await IpAsync("-n", place.Namespace, "link", "set", Device, "up");
        await IpAsync("-n", place.Namespace, "link", "set", "lo", "up");
        return place;
    }

    /// <summary>From now on nothing that one sends arrives at the other, in both directions.</summary>
    public Task CutAsync(IEnumerable<(NetworkPlace One, NetworkPlace Other)> pairs) =>
        Task.WhenAll(
            pairs
                .SelectMany(pair => new[] { pair, (pair.Other, pair.One) })
                .Where(cut.Add)
                .ToList()
                .Select(each => NeighbourAsync("replace", each, "lladdr", Nobody, "nud", "permanent"))
        );

    /// <summary>All places see each other again.</summary>
    public async Task HealAsync()
    {
        await Task.WhenAll(cut.Select(each => NeighbourAsync("delete", each)));
        cut.Clear();
    }

    /// <summary>Removes all of it; what still runs there loses the network.</summary>
    public ValueTask DisposeAsync() => new(RemoveAsync(places.Select(place => place.Namespace), [bridge]));

    private static async Task RemoveAsync(IEnumerable<string> namespaces, IEnumerable<string> bridges)
    {
        foreach (var name in namespaces)
            await IpAsync("netns", "delete", name);
        foreach (var name in bridges.Where(Exists))
            await IpAsync("link", "delete", name);
    }

    private static Task<string> NeighbourAsync(
        string verb,
        (NetworkPlace From, NetworkPlace To) way,
        params string[] more
    ) => IpAsync(["-n", way.From.Namespace, "neighbour", verb, way.To.Address, "dev", Device, .. more]);

    /// <summary>What a process left that was killed with SIGKILL.</summary>
    private static async Task RemoveLeftoversAsync() =>
        await RemoveAsync(
            (await IpAsync("netns", "list"))
                .Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(line => line.Split(' ')[0])
                .Where(IsLeft)
                .ToList(),
            NetworkInterface.GetAllNetworkInterfaces().Select(device => device.Name).Where(IsLeft).ToList()
        );

    private static bool IsLeft(string name) =>
        Named().Match(name) is { Success: true } match && !Directory.Exists($"/proc/{match.Groups[1].Value}");

    private static bool Exists(string device) =>
        NetworkInterface.GetAllNetworkInterfaces().Any(each => each.Name == device);

    /// <summary>A part of 198.18.0.0/15, which is set aside for benchmarks (RFC 2544), that this machine has no route to.</summary>
    private static async Task<string> FreeAsync()
    {
        for (var number = 0; number < 256; number++)
        {
            var free = Invariant($"198.18.{(Environment.ProcessId + number) % 256}");
            var routes =
                await IpAsync("-4", "route", "show", "root", $"{free}.0/24")
                + await IpAsync("-4", "route", "show", "match", $"{free}.0/24");
            if (
                routes
                    .Split('\n', StringSplitOptions.RemoveEmptyEntries)
                    .All(route => route.StartsWith("default", StringComparison.Ordinal))
            )
                return free;
        }
        throw Trouble.Missing("198.18.0.0/16 is in use here");
    }

    private static async Task<string> IpAsync(params IEnumerable<string> words)
    {
        await using var ip = ChildProcess.Start(Programs.Find("ip"), words);
        var finished = await ip.FinishAsync(Patience);
        return finished.ExitCode == 0 ? finished.Output : throw Trouble.Missing(finished.ToString());
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^csbench-?(\d+)(?:-\d+)?$")]
    private static partial Regex Named();
}

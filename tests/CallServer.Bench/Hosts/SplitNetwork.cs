using CallServer.Bench.Start;

namespace CallServer.Bench.Hosts;

/// <summary>A split of the network from its beginning until all is as before, while a supervisor watches the hosts.</summary>
internal sealed class SplitNetwork : IAsyncDisposable
{
    private readonly HostFleet fleet;
    private readonly CancellationTokenSource over;
    private readonly Task<IReadOnlyList<(FleetHost, int)>> supervising;

    private SplitNetwork(HostFleet fleet, CancellationToken cancel)
    {
        this.fleet = fleet;
        over = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        supervising = fleet.SuperviseAsync(over.Token);
    }

    /// <summary>When the network was cut, in microseconds since 1970.</summary>
    public long Cut { get; private set; }

    /// <summary>When it was whole again.</summary>
    public long Healed { get; private set; }

    /// <summary>Cuts these pairs off from each other.</summary>
    public static async Task<SplitNetwork> BeginAsync(
        HostFleet fleet,
        IReadOnlyList<(NetworkPlace, NetworkPlace)> pairs,
        CancellationToken cancel
    )
    {
        var split = new SplitNetwork(fleet, cancel);
        await fleet.Network!.CutAsync(pairs);
        split.Cut = fleet.Now;
        return split;
    }

    /// <summary>Who asked which gateway since the cut.</summary>
    public async Task<IReadOnlyList<Asking>> AskedAsync(CancellationToken cancel) =>
        [.. (await fleet.AskedAsync(cancel)).Where(request => request.At >= Cut)];

    public async Task HealAsync()
    {
        await fleet.Network!.HealAsync();
        Healed = fleet.Now;
    }

    /// <summary>Who ended and was started again.</summary>
    public async Task<IReadOnlyList<(FleetHost Host, int Status)>> EndAsync()
    {
        await over.CancelAsync();
        return await supervising;
    }

    public async ValueTask DisposeAsync()
    {
        await EndAsync();
        over.Dispose();
    }
}

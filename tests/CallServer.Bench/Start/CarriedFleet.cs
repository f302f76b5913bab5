using System.Globalization;
using CallServer.Bench.Hosts;
using CallServer.Host.Cli;
using CallServer.Host.Cli.Demo;

namespace CallServer.Bench.Start;

/// <summary>How many gateways there are, and what they carry.</summary>
/// <param name="Gateways">The number of gateways.</param>
/// <param name="Connections">Connections on each gateway.</param>
/// <param name="Churn">Connections that begin and end each second on each gateway.</param>
/// <param name="Kinds">What the gateways speak, assigned in turn.</param>
/// <param name="Processes">The number of processes that carry them.</param>
internal sealed record FleetPlan(
    int Gateways,
    int Connections,
    double Churn,
    IReadOnlyList<CarriedKind> Kinds,
    int Processes
);

/// <summary>Simulated gateways in a few child processes, and what they say truly happened.</summary>
internal sealed class CarriedFleet : IFleetGateways
{
    // Even if this process itself is killed, the children do not run for ever.
    private const string Life = "1h";

    private readonly string folder;
    private readonly List<Child> carriers = [];
    private readonly Dictionary<string, string> uris = new(StringComparer.Ordinal);
    private readonly List<string> truths = [];
    private readonly List<string> asked = [];

    private CarriedFleet(string folder) => this.folder = folder;

    /// <summary>The gateways' URIs by id.</summary>
    public IReadOnlyDictionary<string, string> Uris => uris;

    /// <summary>CPU time of all processes so far.</summary>
    public TimeSpan Cpu => carriers.Aggregate(TimeSpan.Zero, (sum, carrier) => sum + carrier.Cpu);

    TimeSpan? IFleetGateways.Cpu => Cpu;

    /// <summary>The id of the gateway with this number, from 1 on.</summary>
    public static string IdOf(int number) => FormattableString.Invariant($"gw-{number:000}");

    /// <summary>Ids of the processes that carry the gateways.</summary>
    public IEnumerable<int> Carriers => carriers.Select(carrier => carrier.Id);

    /// <summary>The sum of the processes' peak memory, in bytes.</summary>
    public long PeakMemory => carriers.Sum(carrier => carrier.PeakMemory);

    /// <summary>Starts all of them; they answer when it returns.</summary>
    /// <param name="plan">What they are.</param>
    /// <param name="folder">Takes their truth.</param>
    /// <param name="cancel">Gives up.</param>
    /// <param name="at">Their address, at which they note who asks; null for loopback, where they note nothing.</param>
    public static async Task<CarriedFleet> StartAsync(
        FleetPlan plan,
        string folder,
        CancellationToken cancel,
        string? at = null
    )
    {
        var fleet = new CarriedFleet(folder);
        try
        {
            var names = Enumerable
                .Range(0, plan.Gateways)
                .Select(number => (Id: IdOf(number + 1), Kind: plan.Kinds[number % plan.Kinds.Count]))
                .ToList();
            foreach (
                var (number, share) in names
                    .Chunk((plan.Gateways + plan.Processes - 1) / plan.Processes)
                    .Index()
            )
            {
                // Each process has an address of its own: one has no more than some 28,000 free ports.
                string[] more = at is null
                    ? ["--at", FormattableString.Invariant($"127.0.0.{number + 1}")]
                    : ["--at", at, "--asked", fleet.NewAsked(number)];
                fleet.carriers.Add(
                    Child.StartBench([
                        "carry",
                        "--connections",
                        plan.Connections.ToString(CultureInfo.InvariantCulture),
                        "--churn",
                        plan.Churn.ToString(CultureInfo.InvariantCulture),
                        "--truth",
                        fleet.NewTruth(number),
                        "--stop-after",
                        Life,
                        .. more,
                        "--gateway",
                        .. share.Select(each => $"{each.Id}:{each.Kind.Word}"),
                    ])
                );
            }
            foreach (var carrier in fleet.carriers)
                await fleet.HearAsync(carrier, cancel);
            return fleet;
        }
        catch
        {
            await fleet.DisposeAsync();
            throw;
        }
    }

    string[] IFleetGateways.Program(string host, string? build) => Child.CallServerIn(build);

    public async Task<IReadOnlyList<TrueConnection>> TruthAsync(
        IReadOnlySet<string>? among,
        CancellationToken cancel
    )
    {
        var truth = new List<TrueConnection>();
        foreach (var file in truths)
            truth.AddRange(
                TruthLog
                    .Read(await DemoTruth.LinesAsync(file, cancel))
                    .Where(connection => among?.Contains(connection.Gateway) != false)
            );
        return truth;
    }

    public Task<IReadOnlyList<Asking>> AskedAsync(CancellationToken cancel) =>
        AskedLog.ReadAsync(asked, cancel);

    public async ValueTask DisposeAsync()
    {
        foreach (var carrier in carriers)
            await carrier.DisposeAsync();
    }

    private string NewAsked(int number) => New(asked, FormattableString.Invariant($"{number}.asked"));

    private string NewTruth(int number) => New(truths, FormattableString.Invariant($"{number}.truth"));

    private string New(List<string> files, string name)
    {
        var file = Path.Combine(folder, name);
        files.Add(file);
        return file;
    }

    private async Task HearAsync(Child carrier, CancellationToken cancel)
    {
        while (await carrier.LineAsync("", cancel) is { } line)
        {
            if (line == "ready")
            {
                carrier.Ignore();
                return;
            }
            if (line.Split(' ') is ["gateway", var id, var uri])
                uris.Add(id, uri);
        }
        throw new CommandFailedException(
            ExitCode.Fault,
            ["the gateways did not start", .. carrier.LastWords]
        );
    }
}

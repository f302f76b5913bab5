using System.Globalization;
using CallServer.Bench.Start;
using CallServer.Formula;
using CallServer.Host.Cli.Demo;
using CallServer.Model;
using CallServer.Server.Net;

namespace CallServer.Bench.Hosts;

/// <summary>
/// Gateways whose truth is a formula. Each host computes for itself what they answer, so that a hundred thousand fit on one machine;
/// everything else about the hosts is as always.
/// </summary>
internal sealed class FormulaFleet : IFleetGateways
{
    // Each has an address of its own.
    private const int Octet = 250;

    private readonly SystemClock clock = new();
    private readonly Dictionary<string, FormulaGateway> gateways = new(StringComparer.Ordinal);
    private readonly string folder;
    private readonly List<string> asked = [];
    private readonly Instant begun;

    /// <param name="plan">How many there are, and what they carry.</param>
    /// <param name="folder">Takes what is noted of who asks.</param>
    public FormulaFleet(FleetPlan plan, string folder)
    {
        this.folder = folder;
        begun = clock.Now.Wall;
        var uris = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var number in Enumerable.Range(1, plan.Gateways))
        {
            var id = CarriedFleet.IdOf(number);
            var gateway = new FormulaGateway(
                SeedOf(number, plan.Gateways),
                plan.Connections,
                (long)(plan.Connections / plan.Churn * 1e6)
            );
            gateways.Add(id, gateway);
            uris.Add(id, Formulas.uri(AddressOf(number), gateway));
        }
        Uris = uris;
    }

    public IReadOnlyDictionary<string, string> Uris { get; }

    public TimeSpan? Cpu => null;

    public string[] Program(string host, string? build)
    {
        if (build is not null)
            throw new NotSupportedException("another version knows no formulas");
        var file = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{host}.asked"));
        if (!asked.Contains(file))
            asked.Add(file);
        return [.. Child.Bench, FormulaHostCommand.Name, host, file];
    }

    public Task<IReadOnlyList<TrueConnection>> TruthAsync(
        IReadOnlySet<string>? among,
        CancellationToken cancel
    )
    {
        var now = clock.Now.Wall;
        return Task.FromResult<IReadOnlyList<TrueConnection>>([
            .. gateways
                .Where(gateway => among?.Contains(gateway.Key) != false)
                .SelectMany(gateway =>
                    FormulaGatewayModule
                        .between(begun, now, gateway.Value)
                        .Select(connection => new TrueConnection(
                            gateway.Key,
                            connection.Id,
                            connection.Start.Micros,
                            connection.End > now ? null : connection.End.Micros,
                            connection.Call
                        ))
                ),
        ]);
    }

    public Task<IReadOnlyList<Asking>> AskedAsync(CancellationToken cancel) =>
        AskedLog.ReadAsync(asked.Where(File.Exists), cancel);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>Of every tenth pair of neighbours, both are the ends of the same calls.</summary>
    private static int SeedOf(int number, int gateways)
    {
        var pair = (number + 1) / 2;
        return pair % 10 == 1 ? pair : gateways + number;
    }

    private static string AddressOf(int number) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"127.{1 + number / Octet / Octet % Octet}.{1 + number / Octet % Octet}.{1 + number % Octet}"
        );
}

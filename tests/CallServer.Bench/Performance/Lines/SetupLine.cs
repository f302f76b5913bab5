using CallServer.Bench.Performance.Tools;
using CallServer.Host.Cli.Output;
using CallServer.Interop.Peers;

namespace CallServer.Bench.Performance.Lines;

/// <summary>
/// What those who call notice of a server that polls their proxy every second: the time from INVITE to 200 through
/// Kamailio, 50 calls a second, beside calls that stay up and make each audit long.
/// </summary>
internal sealed class SetupLine : ILine
{
    private const int Rate = 50;
    private static readonly TimeSpan Length = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(0.5);

    public string Name => "setup";

    public string What => "call setup through Kamailio while a server polls it every second";

    public async Task<Measured> RunAsync(Size size, CancellationToken cancel)
    {
        var (rounds, calls, lasting) = size == Size.Long ? (2, 500, 300) : (1, 50, 10);
        await using var scope = new Scope();
        var kamailio = await KamailioPeer.StartAsync(scope);
        await kamailio.CallAsync(lasting);
        var unasked = new List<double>();
        var asked = new[]
        {
            ("JSON-RPC", kamailio.JsonRpc[1]),
            ("dialog event package", kamailio.Uri("gw1", ";transport=tcp")),
        }
            .Select(way => (Way: way.Item1, Uri: way.Item2, P99: new List<double>(), Audits: new List<int>()))
            .ToList();
        var wrong = new List<string>();
        for (var round = 0; round < rounds; round++)
        {
            unasked.Add(P99(await kamailio.PassAsync(calls, Rate, Length, cancel)));
            foreach (var (way, uri, p99, audits) in asked)
            {
                using var folder = new TempFolder();
                var gateways = new Dictionary<string, string> { ["gw1"] = uri };
                await using var server = new ServerUnderTest(folder.Path, Interval, Timeout, gateways);
                await server.StartAsync(cancel);
                p99.Add(P99(await kamailio.PassAsync(calls, Rate, Length, cancel)));
                audits.Add((await server.Client.AllAsync("audits", null, cancel)).Items.Count);
                var held = (await server.StatusAsync(cancel)).Number("connections");
                if (held < lasting)
                    wrong.Add($"{way}: {held} of {lasting} lasting calls are in the record");
            }
        }
        return new Measured(
            [
                .. asked.Select(way => new Row(
                    $"{Rate} calls a second through Kamailio beside {lasting:N0}, asked by {way.Way} every second: p99 of INVITE to 200",
                    new Samples("s", way.P99)
                )
                {
                    Beside = "while nobody asks",
                    Rival = new Samples("s", unasked),
                    Note = FormattableString.Invariant(
                        $"{calls:N0} calls a run, {new Samples("audits", way.Audits.Select(count => (double)count))} meanwhile"
                    ),
                }),
            ],
            wrong
        );
    }

    private static double P99(IReadOnlyList<TimeSpan> setups) =>
        setups.Order().ElementAt((int)Math.Ceiling(0.99 * setups.Count) - 1).TotalSeconds;
}

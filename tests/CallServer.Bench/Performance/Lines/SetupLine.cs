using CallServer.Bench.Performance.Tools;
using CallServer.Host.Cli.Output;
using CallServer.Interop.Peers;

namespace CallServer.Bench.Performance.Lines;

/// <summary>
/// What those who call notice of a server that polls their proxy every second: the time from INVITE to 200 through
/// Kamailio, beside calls that stay up and make each audit long. Where it publishes its dialogs, that alone lets it set up
/// some 20 calls a second, so it gets half as many.
/// </summary>
internal sealed class SetupLine : ILine
{
    private static readonly TimeSpan Length = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(0.5);

    public string Name => "setup";

    public string What => "call setup through Kamailio while a server polls it every second";

    public async Task<Measured> RunAsync(Size size, CancellationToken cancel)
    {
        var rounds = size == Size.Long ? 2 : 1;
        var wrong = new List<string>();
        var rows = new List<Row>();
        foreach (
            var asked in new[]
            {
                new Asked(
                    "JSON-RPC",
                    kamailio => kamailio.JsonRpc[1],
                    false,
                    50,
                    size == Size.Long ? (300, 300) : (50, 10)
                ),
                new Asked(
                    "the dialog event package",
                    kamailio => kamailio.Uri("gw1", ";transport=tcp"),
                    true,
                    10,
                    size == Size.Long ? (100, 50) : (20, 10)
                ),
            }
        )
            rows.Add(await MeasureAsync(asked, rounds, wrong, cancel));
        return new Measured(rows, wrong);
    }

    private static async Task<Row> MeasureAsync(
        Asked asked,
        int rounds,
        List<string> wrong,
        CancellationToken cancel
    )
    {
        var (calls, lasting) = asked.Calls;
        await using var scope = new Scope();
        var kamailio = await KamailioPeer.StartAsync(scope);
        if (!asked.Publishes)
            await kamailio.KeepToItselfAsync();
        await kamailio.CallAsync(lasting);
        Task<PassedCalls> PassAsync() => kamailio.PassAsync(calls, asked.Rate, Length, cancel);
        var (alone, beside, audits) = (new List<PassedCalls>(), new List<PassedCalls>(), new List<double>());
        for (var round = 0; round < rounds; round++)
        {
            alone.Add(await PassAsync());
            using var folder = new TempFolder();
            var gateways = new Dictionary<string, string> { ["gw1"] = asked.Uri(kamailio) };
            await using var server = new ServerUnderTest(folder.Path, Interval, Timeout, gateways);
            await server.StartAsync(cancel);
            beside.Add(await PassAsync());
            audits.Add((await server.Client.AllAsync("audits", null, cancel)).Items.Count);
            var held = (await server.StatusAsync(cancel)).Number("connections");
            if (held < lasting)
                wrong.Add($"{asked.By}: {held} of {lasting} lasting calls are in the record");
        }
        return new Row(
            $"{asked.Rate} calls a second through Kamailio beside {lasting:N0}, asked by {asked.By} every second: p99 of INVITE to 200",
            P99(beside)
        )
        {
            Beside = "while nobody asks",
            Rival = P99(alone),
            Note = FormattableString.Invariant(
                $"{calls:N0} calls a run, of which failed: {Failed(beside)}, and {Failed(alone)} while nobody asks; {new Samples("audits", audits)} meanwhile"
            ),
        };
    }

    // A call that failed took longer than any that was answered.
    private static Samples P99(IReadOnlyList<PassedCalls> runs) =>
        new(
            "s",
            runs.Select(run =>
            {
                var rank = (int)Math.Ceiling(0.99 * (run.Setups.Count + run.Failed));
                return run.Setups.Order().ElementAt(Math.Min(run.Setups.Count, rank) - 1).TotalSeconds;
            })
        );

    private static Samples Failed(IReadOnlyList<PassedCalls> runs) =>
        new("calls", runs.Select(run => (double)run.Failed));

    /// <param name="By">The way that the server asks.</param>
    /// <param name="Uri">Whom it asks.</param>
    /// <param name="Publishes">Whether the proxy publishes its dialogs.</param>
    /// <param name="Rate">Calls a second.</param>
    /// <param name="Calls">How many come and go, and how many stay.</param>
    private sealed record Asked(
        string By,
        Func<KamailioPeer, string> Uri,
        bool Publishes,
        int Rate,
        (int Passing, int Lasting) Calls
    );
}

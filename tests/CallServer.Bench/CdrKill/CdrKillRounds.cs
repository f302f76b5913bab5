using System.Globalization;
using System.Text.Json;
using CallServer.Bench.Kill;
using CallServer.Host.Cli;
using CallServer.Host.Cli.Demo;
using CallServer.Server.Net;

namespace CallServer.Bench.CdrKill;

/// <summary>The findings at the end.</summary>
internal sealed record CdrKillOutcome(IReadOnlyList<string> Lines, IReadOnlyList<string> Faults);

/// <summary>
/// Runs two gateways, one with short calls and one with long ones, and a server that writes NDJSON and CSV files,
/// rotates them by size many times a minute, makes interim records, and is killed at random moments.
/// </summary>
internal sealed class CdrKillRounds(string folder, int seed)
{
    private const string Stem = "callserver";
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan Timeout = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan Least = TimeSpan.FromSeconds(0.2);
    private static readonly TimeSpan Most = TimeSpan.FromSeconds(2);

    private readonly SystemClock clock = new();
#pragma warning disable CA5394 // the same seed is to kill at the same moments
    private readonly Random random = new(seed);
#pragma warning restore CA5394
    private readonly string files = Path.Combine(folder, "cdr");
    private readonly AuditTimes audits = new();
    private readonly List<string> faults = [];
    private int halfLines;

    public async Task<CdrKillOutcome> PlayAsync(int times, Action<string> tell, CancellationToken cancel)
    {
        await using var brief = await SimulatedGateway.StartAsync(
            200,
            100,
            Path.Combine(folder, "brief.ndjson"),
            cancel
        );
        await using var lasting = await SimulatedGateway.StartAsync(
            200,
            2,
            Path.Combine(folder, "lasting.ndjson"),
            cancel
        );
        var gateways = new Dictionary<string, SimulatedGateway> { ["brief"] = brief, ["lasting"] = lasting };
        await using var server = new ServerUnderTest(
            folder,
            Interval,
            Timeout,
            gateways.ToDictionary(each => each.Key, each => each.Value.Uri),
            cdr: new
            {
                file = Path.Combine(files, Stem + ".ndjson"),
                csv = Path.Combine(files, Stem + ".csv"),
                rotate = "1m",
                rotateSize = "50kB",
                interim = "1m",
            }
        );
        server.Start();
        await server.ReadyAsync(cancel);
        var killed = Now;
        var restarted = Now;
        for (var number = 1; number <= times; number++)
        {
            var after = Between(Least, Most);
            await Task.Delay(after, cancel);
            killed = Now;
            await server.KillAsync();
            var state = await DataFileCheck.OfAsync(server.Data, cancel);
            if (!DataFileCheck.IsSound(state))
                faults.Add($"after kill {number} SQLite says of the store: {state}");
            tell(Describe(number, after, state, CdrFolder.Read(files, Stem)));

            restarted = Now;
            server.Start();
            await server.ReadyAsync(cancel);
            await audits.ReadAsync(server, cancel);
        }

        await audits.CompleteAsync(server, gateways.Count, restarted, cancel);
        return await JudgeAsync(server, gateways, killed, restarted, cancel);
    }

    private long Now => (clock.Now.Steady + clock.Correction).Micros;

#pragma warning disable CA5394
    private TimeSpan Between(TimeSpan least, TimeSpan most) => least + (most - least) * random.NextDouble();
#pragma warning restore CA5394

    private string Describe(int number, TimeSpan after, string state, CdrFolder found)
    {
        halfLines += found.HalfLines;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{number, 5} {after.TotalSeconds, 7:0.00}  {state, -5} {found.Files, 6} {found.Rotated, 8} {found.Json.Count, 7} {found.HalfLines, 11}"
        );
    }

    private async Task<CdrKillOutcome> JudgeAsync(
        ServerUnderTest server,
        Dictionary<string, SimulatedGateway> gateways,
        long killed,
        long restarted,
        CancellationToken cancel
    )
    {
        var from = Now;
        await audits.ReadAsync(server, cancel);
        var connections = (await server.Client.AllAsync("connections", null, cancel)).Items;
        var told = (await server.Client.AllAsync("cdrs", null, cancel)).Items;
        var to = Now;

        // The files may lag a moment behind the store.
        var due = told.Select(cdr => cdr.GetProperty("id").GetString()!).ToHashSet();
        await server.UntilAsync(
            "all written",
            () =>
            {
                var now = CdrFolder.Read(files, Stem);
                return Task.FromResult(
                    new[] { now.Json, now.Csv }.All(lines =>
                        due.IsSubsetOf(CdrBilling.Bill(lines).Select(line => line.Id))
                    )
                );
            },
            cancel
        );
        await server.KillAsync();
        var found = CdrFolder.Read(files, Stem);
        var archive = await DataFileCheck.CdrsAsync(server.Data, cancel);

        List<TrueConnection> truth = [];
        foreach (var (id, gateway) in gateways)
            truth.AddRange(DemoTruth.Read(id, await DemoTruth.LinesAsync(gateway.Truth, cancel)));
        var billed = CdrBilling.Bill(found.Json);
        var verdict = DemoVerdict.Of(
            truth,
            new DemoRecord(connections, [.. billed.Select(Element)], [], audits.All, from, to),
            killed,
            restarted,
            gateways.Keys.ToDictionary(id => id, _ => 1)
        );
        faults.AddRange(found.Faults);
        faults.AddRange(verdict.Faults);
        faults.AddRange(CdrBilling.Faults(found, due, archive));
        return new CdrKillOutcome(Summary(found, billed, verdict, archive), faults);
    }

    private List<string> Summary(
        CdrFolder found,
        IReadOnlyList<CdrLine> billed,
        DemoVerdict verdict,
        IReadOnlyDictionary<string, JsonElement> archive
    )
    {
        var archived = billed.Sum(line =>
            archive.TryGetValue(line.Id, out var cdr) ? cdr.GetProperty("billsec").GetInt64() : 0
        );
        return
        [
            $"files {found.Files}, put aside {found.Rotated}; half lines that kills left {halfLines}",
            Count("NDJSON", found.Json),
            Count("CSV", found.Csv),
            $"truth: CDRs due {verdict.CdrsDue}, in the files {verdict.CdrsWritten}, false {verdict.CdrsWrong}; times compared {verdict.TimesCompared}, outside bounds {verdict.OutsideBounds}",
            $"billed without duplicates {billed.Sum(line => line.Billsec)} s, the same CDRs in the archive {archived} s",
        ];
    }

    private static string Count(string kind, IReadOnlyList<CdrLine> lines)
    {
        var different = lines.DistinctBy(line => (line.Id, line.Number)).ToList();
        return $"{kind}: {lines.Count} lines: CDRs {different.Count(line => !line.Partial)}, interim records {different.Count(line => line.Partial)}, written twice {lines.Count - different.Count}";
    }

    private static JsonElement Element(CdrLine line)
    {
        using var document = JsonDocument.Parse(line.Text);
        return document.RootElement.Clone();
    }
}

using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using CallServer.Host.Cli;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace CallServer.Bench.Dispute;

/// <summary>
/// <c>dispute</c>: how long <c>callserver dispute</c> takes for a large file, how much memory, and whether it accuses anybody of
/// what is true.
/// </summary>
internal static class DisputeCommand
{
    private static readonly string[] verdicts = ["proved", "possible", "disproved", "unknown"];

    public static Command Build()
    {
        var rows = new Option<int>("--rows") { DefaultValueFactory = _ => 1_000_000 };
        var command = new Command(
            "dispute",
            "Judges a partner's file with doubled, inflated and invented calls, and counts false accusations."
        )
        {
            rows,
        };
        command.SetAction((parsed, cancel) => RunAsync(parsed.GetValue(rows), cancel));
        return command;
    }

    private static async Task<int> RunAsync(int rows, CancellationToken cancel)
    {
        using var folder = new TempFolder();
        var world = new DisputeWorld(rows);
        var partner = folder.File("partner.csv");
        var truths = world.WritePartner(partner);
        await using var server = Serve(world);
        await server.StartAsync(cancel);

        var watch = Stopwatch.StartNew();
        await using var child = Child.Start(
            "dispute",
            partner,
            "--server",
            server.Urls.Single(),
            "--csv",
            "--rate",
            "0.012 EUR/min:60/60"
        );
        var matrix = new int[Enum.GetValues<RowTruth>().Length, verdicts.Length];
        var accused = new List<string>();
        var seen = 0;
        long peak = 0;
        var cpu = TimeSpan.Zero;
        await child.LineAsync("row,", cancel);
        while (await child.LineAsync("", cancel) is { } line)
        {
            if (seen++ % 10_000 == 0)
                (peak, cpu) = (Math.Max(peak, child.PeakMemory), child.Cpu);
            var cells = line.Split(',', 4);
            var truth = truths[int.Parse(cells[0], CultureInfo.InvariantCulture) - 1];
            matrix[(int)truth, Array.IndexOf(verdicts, cells[1])]++;
            if (truth == RowTruth.True && cells[1] == "disproved" && !IsOfItsDouble(line, truths))
                accused.Add(line);
        }
        watch.Stop();

        Console.WriteLine(
            $"{seen:N0} rows against {DisputeWorld.Audits:N0} audits of {DisputeWorld.Gateways} gateways: {watch.Elapsed.TotalSeconds:0.0} s, {cpu.TotalSeconds:0.0} s of CPU, at most {peak / 1e6:0} MB"
        );
        Console.WriteLine($"{"", -10}{string.Concat(verdicts.Select(verdict => $"{verdict, 12}"))}");
        foreach (var truth in Enum.GetValues<RowTruth>())
            Console.WriteLine(
                $"{truth.ToString().ToLowerInvariant(), -10}{string.Concat(verdicts.Select((_, at) => $"{matrix[(int)truth, at], 12:N0}"))}"
            );
        Console.WriteLine($"false accusations: {accused.Count}");
        foreach (var line in accused.Take(10).Concat(seen == rows ? [] : child.LastWords))
            Console.WriteLine($"  {line}");
        return accused.Count == 0 && seen == rows ? ExitCode.Complete : 1;
    }

    /// <summary>Of a call and its double, either may be the one that is taken for the other's repetition.</summary>
    private static bool IsOfItsDouble(string line, RowTruth[] truths)
    {
        const string beginning = "row ";
        var why = line[(line.LastIndexOf(beginning, StringComparison.Ordinal) + beginning.Length)..];
        return line.Contains(",repeated,", StringComparison.Ordinal)
            && int.TryParse(why.Split(' ')[0], CultureInfo.InvariantCulture, out var other)
            && truths[other - 1] == RowTruth.Double;
    }

    /// <summary>A server that has this record.</summary>
    private static WebApplication Serve(DisputeWorld world)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        app.MapGet("/readyz", () => Json("""{"ready":true,"store":{"pendingCdrs":0}}"""));
        app.MapGet("/v1/server", () => Json("""{"limits":{"cdrsKept":10000000,"cdrsKeptFor":"3650d"}}"""));
        app.MapGet(
            "/v1/gateways",
            () =>
                Page(
                    Enumerable
                        .Range(0, DisputeWorld.Gateways)
                        .Select(at => $$"""{"gateway":"{{DisputeWorld.Name(at)}}"}"""),
                    null
                )
        );
        app.MapGet("/v1/connections", () => Page([], null));
        app.MapGet(
            "/v1/audits",
            (string gateway, int limit, long? cursor) =>
            {
                var items = DisputeWorld
                    .AuditsOf(int.Parse(gateway[2..], CultureInfo.InvariantCulture) - 1, cursor ?? 0, limit)
                    .ToList();
                return Page(items, items.Count == limit ? (cursor ?? 0) + limit : null);
            }
        );
        app.MapGet(
            "/v1/cdrs",
            async (HttpContext context, string? format) =>
            {
                // What was written first ended before the first row begins.
                if (format is null)
                {
                    await Page([], null).ExecuteAsync(context);
                    return;
                }
                context.Response.ContentType = "application/x-ndjson";
                foreach (var lines in world.Cdrs().Chunk(500))
                    await context.Response.WriteAsync(
                        string.Join('\n', lines) + "\n",
                        context.RequestAborted
                    );
            }
        );
        return app;
    }

    private static IResult Json(string text) => Results.Text(text, "application/json", Encoding.UTF8);

    private static IResult Page(IEnumerable<string> items, long? next) =>
        Json(
            $$"""{"asOf":"2026-03-01T00:00:00.000000Z","complete":true,"incomplete":[],"items":[{{string.Join(',', items)}}],"next":{{(next is null ? "null" : $"\"{next}\"")}}}"""
        );
}

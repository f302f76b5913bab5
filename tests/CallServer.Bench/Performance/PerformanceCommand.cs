using System.CommandLine;
using System.Diagnostics;
using CallServer.Bench.Performance.Lines;
using CallServer.Bench.Takeover;
using CallServer.Host.Cli;
using CallServer.Interop.Peers;
using CallServer.Server.Net;

namespace CallServer.Bench.Performance;

/// <summary>
/// <c>performance</c>: measures every line of docs/performance.md beside its rivals. Fails if a result is wrong, never
/// because something is slow.
/// </summary>
internal static class PerformanceCommand
{
    private const string Shown = "dotnet run -c Release --project tests/CallServer.Bench -- performance";

    private static readonly TimeSpan Far = TimeSpan.FromMilliseconds(20);

    private static readonly IReadOnlyList<ILine> All =
    [
        new CommandsLine(),
        new AuditLine("audit-100", 100, TimeSpan.Zero, 5, new Reach(0.3)),
        new AuditLine("audit-10000", 10_000, TimeSpan.Zero, 3, new Reach(Ratio: 2), whole: true),
        new AuditLine("audit-far-1000", 1_000, Far, 2, new Reach(Ratio: 12)),
        new AuditLine("audit-far-10000", 10_000, Far, 1, new Reach(Ratio: 25)),
        new RtpengineLine(),
        new MgcpLine(),
        new TakeoverLine(),
        new FirstLookLine(),
        new SteadyPollingLine(),
        new MemoryLine(),
        new SteadyAuditLine(),
        new ReconcileLine(),
        new StoreLine(),
        new PostgresStoreLine(),
        new DecodeLine(),
        new GrowthLine(),
        new HarmLine(),
        new SetupLine(),
    ];

    // CI installs every peer.
    private static bool MayLackNothing => Environment.GetEnvironmentVariable("CI") == "true";

    public static Command Build()
    {
        var small = new Option<bool>("--short") { Description = "Every line small: only results count" };
        var only = new Option<string[]>("--only")
        {
            Description = $"Only these lines: {string.Join(", ", All.Select(line => line.Name))}",
            AllowMultipleArgumentsPerToken = true,
        };
        only.AcceptOnlyFromAmong([.. All.Select(line => line.Name)]);
        var page = new Option<FileInfo?>("--write")
        {
            Description = "A page whose table is replaced; lines that are not measured keep their rows",
        };
        var command = new Command("performance", "Measures every line of docs/performance.md.")
        {
            small,
            only,
            page,
        };
        command.SetAction(
            async (parsed, cancel) =>
            {
                var names = parsed.GetValue(only) ?? [];
                if (parsed.GetValue(small) && parsed.GetValue(page) is not null)
                    throw new CommandFailedException(
                        ExitCode.Usage,
                        "--short measures nothing that is worth writing"
                    );
                try
                {
                    return await RunAsync(
                        parsed.GetValue(small) ? Size.Short : Size.Long,
                        [.. All.Where(line => names.Length == 0 || names.Contains(line.Name))],
                        parsed.GetValue(page),
                        cancel
                    );
                }
                finally
                {
                    TableAgentModule.Remove();
                }
            }
        );
        return command;
    }

    private static async Task<int> RunAsync(
        Size size,
        IReadOnlyList<ILine> lines,
        FileInfo? page,
        CancellationToken cancel
    )
    {
        var machine = Machine.Words(Model.InstantModule.toDateTime(new SystemClock().Now.Wall));
        Console.WriteLine(machine);
        var results = new Dictionary<string, Measured>();
        var wrong = 0;
        foreach (var line in lines)
        {
            cancel.ThrowIfCancellationRequested();
            var watch = Stopwatch.StartNew();
            Console.WriteLine($"{line.Name}: {line.What}");
            var measured = await MeasureAsync(line, size, cancel);
            foreach (var row in measured.Rows)
                Console.WriteLine(Report.Line(row));
            foreach (var fault in measured.Wrong)
                Console.WriteLine($"  WRONG: {fault}");
            Console.WriteLine(FormattableString.Invariant($"  ({watch.Elapsed.TotalSeconds:0.0} s)"));
            wrong += measured.Wrong.Count;
            results[line.Name] = measured;
            // The next line begins with a heap of its own.
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive);
        }

        if (page is not null)
        {
            var text = await File.ReadAllTextAsync(page.FullName, cancel);
            var rows = All.Select(line => (line, results.GetValueOrDefault(line.Name)));
            await File.WriteAllTextAsync(page.FullName, Report.Replace(text, Shown, machine, rows), cancel);
        }
        Console.WriteLine(
            wrong == 0 ? "verdict: every result is right" : $"verdict: {wrong} results are wrong"
        );
        return wrong == 0 ? ExitCode.Complete : 1;
    }

    /// <summary>A line that breaks is a wrong result; the others are measured all the same.</summary>
    private static async Task<Measured> MeasureAsync(ILine line, Size size, CancellationToken cancel)
    {
        try
        {
            var measured = await line.RunAsync(size, cancel);
            // A small one reaches nothing.
            return size == Size.Long
                ? measured
                : measured with
                {
                    Rows = [.. measured.Rows.Select(row => row with { Reach = null })],
                };
        }
        catch (CommandFailedException missing)
            when (missing.ExitCode == ServerPair.TooBusy
                || missing.ExitCode == ExitCode.Unavailable && !MayLackNothing
            )
        {
            Console.WriteLine($"  not measured: {string.Join("; ", missing.Lines)}");
            return new Measured([], []);
        }
        catch (CommandFailedException failure)
        {
            return new Measured([], [string.Join("\n    ", failure.Lines)]);
        }
    }
}

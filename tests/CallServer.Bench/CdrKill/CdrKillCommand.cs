using System.CommandLine;
using CallServer.Host.Cli;

namespace CallServer.Bench.CdrKill;

/// <summary>
/// <c>cdr-kill</c>: kills a server at random moments while it writes and rotates its CDR files, and reads them as a
/// billing system would.
/// </summary>
internal static class CdrKillCommand
{
    public static Command Build()
    {
        var times = new Option<int>("--times") { DefaultValueFactory = _ => 50 };
        var seed = new Option<int>("--seed") { DefaultValueFactory = _ => 1 };
        var command = new Command(
            "cdr-kill",
            "Kills a server again and again while it writes CDR files, and bills from them."
        )
        {
            times,
            seed,
        };
        command.SetAction(
            (parsed, cancel) => RunAsync(parsed.GetValue(times), parsed.GetValue(seed), cancel)
        );
        return command;
    }

    private static async Task<int> RunAsync(int times, int seed, CancellationToken cancel)
    {
        using var folder = new TempFolder();
        Console.WriteLine($"seed {seed}; times in seconds; what stood in the files after each kill");
        Console.WriteLine(" kill   after  file   files  rotated   lines  half lines");
        var rounds = new CdrKillRounds(folder.Path, seed);
        var kills = await rounds.PlayAsync(times, Console.WriteLine, cancel);
        foreach (var line in kills.Lines)
            Console.WriteLine(line);
        foreach (var fault in kills.Faults.Take(20))
            Console.WriteLine($"  {fault}");
        Console.WriteLine(
            kills.Faults.Count == 0
                ? $"verdict: killed {times} times, every line whole, every connection billed once"
                : $"verdict: killed {times} times, {kills.Faults.Count} faults"
        );
        return kills.Faults.Count == 0 ? ExitCode.Complete : 1;
    }
}

using System.CommandLine;
using CallServer.Host.Cli;

namespace CallServer.Bench.Kill;

/// <summary>
/// <c>kill</c>: kills a server at random moments under churn, and compares its record with the truth each time.
/// </summary>
internal static class KillCommand
{
    public static Command Build()
    {
        var times = new Option<int>("--times") { DefaultValueFactory = _ => 50 };
        var seed = new Option<int>("--seed") { DefaultValueFactory = _ => 1 };
        var command = new Command(
            "kill",
            "Kills a server again and again, and looks at what its record lost."
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
        Console.WriteLine($"seed {seed}; times in seconds");
        Console.WriteLine(KillRound.Heading);
        var bad = 0;
        var kills = 0;
        await foreach (var round in new KillRounds(folder.Path, seed).PlayAsync(times, cancel))
        {
            Console.WriteLine(round);
            foreach (var fault in round.Verdict.Faults.Take(5))
                Console.WriteLine($"      {fault}");
            bad += round.IsGood ? 0 : 1;
            kills += round.Early is null ? 1 : 2;
        }
        Console.WriteLine(
            bad == 0
                ? $"verdict: killed {kills} times, lost nothing"
                : $"verdict: killed {kills} times, wrong after {bad} of {times} rounds"
        );
        return bad == 0 ? ExitCode.Complete : 1;
    }
}

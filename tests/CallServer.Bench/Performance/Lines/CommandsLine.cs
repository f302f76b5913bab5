using CallServer.Bench.Performance.Tools;
using CallServer.Interop.Peers;

namespace CallServer.Bench.Performance.Lines;

/// <summary>What it costs only to start the program.</summary>
internal sealed class CommandsLine : ILine
{
    private static readonly string[] Words = ["--version", "--help"];

    public string Name => "commands";

    public string What => "commands that only start the program, whole process";

    public async Task<Measured> RunAsync(Size size, CancellationToken cancel)
    {
        await using var scope = new Scope();
        var runs = await Beside.InTurnAsync(
            size == Size.Long ? 5 : 2,
            [
                .. Words.Select(word =>
                    (Func<Task<WholeProcess>>)(() => WholeProcess.CallServerAsync(scope, word))
                ),
            ]
        );
        return new Measured(
            [
                .. Words.Zip(
                    runs,
                    (word, runs) =>
                        new Row($"`callserver {word}`", new Samples("s", runs.Select(run => run.Seconds)))
                        {
                            Reach = new Reach(0.15),
                            Note = $"CPU {new Samples("s", runs.Select(run => run.Cpu))}",
                        }
                ),
            ],
            [
                .. runs.SelectMany(runs => runs)
                    .Where(run => run.ExitCode != 0 || run.Output.Length == 0)
                    .Select(run => $"a command ended with {run.ExitCode}: {run.Output}"),
            ]
        );
    }
}

using System.CommandLine;
using CallServer.Bench.Start;
using CallServer.Formula;
using CallServer.Host.Cli;
using CallServer.Host.Cli.Output;
using CallServer.Server.Net;

namespace CallServer.Bench.Hosts;

/// <summary>
/// <c>formula-host NAME FILE</c>, and then the words of <c>callserver</c>: the same program, which can also ask gateways whose truth
/// is a formula, and notes in the file when it asks which. <see cref="FormulaFleet"/> has it started.
/// </summary>
internal static class FormulaHostCommand
{
    public const string Name = "formula-host";

    public static Command Build()
    {
        var host = new Argument<string>("name");
        var file = new Argument<string>("file");
        var command = new Command(Name, "Runs callserver, which can also ask formulas.") { host, file };
        command.Hidden = true;
        command.TreatUnmatchedTokensAsErrors = false;
        command.SetAction(
            async (parsed, cancel) =>
            {
                var name = parsed.GetValue(host)!;
                var clock = new SystemClock();
                await using var log = AskedLog.Create(parsed.GetValue(file)!, clock);
                var surroundings = new Surroundings
                {
                    Clock = clock,
                    Protocols = Formulas.protocols(gateway => log.Write(gateway, name)),
                };
                return await new CommandLine(Terminal.OfProcess(), surroundings).RunAsync(
                    [.. parsed.UnmatchedTokens],
                    cancel
                );
            }
        );
        return command;
    }
}

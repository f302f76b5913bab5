using CallServer.Host.Cli;
using CallServer.Host.Cli.Output;
using Spectre.Console;

namespace CallServer.Host.Tests.Cli;

/// <summary>One command line that ran in this process, and what it printed.</summary>
internal sealed record CliRun(int Status, string Out, string Error)
{
    public string[] Lines => Out.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    public string[] Complaints => Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Runs a command line as in a pipe.</summary>
    public static Task<CliRun> Of(params string[] arguments) => Of(new Surroundings(), arguments);

    public static async Task<CliRun> Of(
        Surroundings surroundings,
        string[] arguments,
        CancellationToken cancel = default
    )
    {
        var (output, error) = (Writer(), Writer());
        // The machine's own variables must not influence the run.
        var alone = surroundings with
        {
            Variable =
                surroundings.Variable == new Surroundings().Variable ? _ => null : surroundings.Variable,
        };
        var status = await new CommandLine(new Terminal(output, error), alone).RunAsync(arguments, cancel);
        return new CliRun(status, output.ToString(), error.ToString());
    }

    /// <summary>A terminal of this width, without colours; with <paramref name="ansi"/>, one that can be drawn on.</summary>
    public static IAnsiConsole Screen(TextWriter output, int width, int height = 40, bool ansi = false)
    {
        var screen = AnsiConsole.Create(
            new AnsiConsoleSettings
            {
                Ansi = ansi ? AnsiSupport.Yes : AnsiSupport.No,
                ColorSystem = ColorSystemSupport.NoColors,
                Interactive = InteractionSupport.No,
                Out = new AnsiConsoleOutput(output),
                EnvironmentVariables = [],
            }
        );
        screen.Profile.Width = width;
        screen.Profile.Height = height;
        screen.Profile.Capabilities.Unicode = true;
        return screen;
    }

    public static StringWriter Writer() => new() { NewLine = "\n" };
}

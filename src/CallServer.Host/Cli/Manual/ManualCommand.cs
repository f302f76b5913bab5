using System.CommandLine;

namespace CallServer.Host.Cli.Manual;

/// <summary>
/// <c>callserver manual</c>: prints the page that <c>man callserver</c> shows. It is made of what <c>--help</c> is made of,
/// so that the two cannot differ. For packages: hidden from the help.
/// </summary>
internal sealed class ManualCommand(Terminal terminal, Surroundings surroundings)
{
    public Command Build()
    {
        var command = new Command("manual", "Prints the manual page, for man.") { Hidden = true };
        command.SetAction(parsed =>
        {
            terminal.Out.Write(ManualPage.Of(parsed.RootCommandResult.Command, surroundings.Protocols));
            return ExitCode.Complete;
        });
        return command;
    }
}

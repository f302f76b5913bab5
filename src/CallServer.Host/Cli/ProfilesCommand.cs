using System.CommandLine;
using System.CommandLine.Completions;
using CallServer.Server.Configuration;
using CallServer.Surface;

namespace CallServer.Host.Cli;

/// <summary>
/// <c>callserver profiles [NAME]</c>: shows the built-in SNMP profiles, for reading and as a start for one's own.
/// </summary>
public static class ProfilesCommand
{
    public static Command Build(Terminal terminal)
    {
        var name = new Argument<string?>("NAME")
        {
            HelpName = "NAME",
            Description = "Print this profile: a start for one of your own",
            Arity = ArgumentArity.ZeroOrOne,
        };
        name.CompletionSources.Add(_ =>
            GatewayProtocols.BuiltIn.ProfileNames.Select(known => new CompletionItem(known))
        );
        var command = new Command(
            "profiles",
            "Lists the SNMP profiles that come with CallServer, or prints one."
        )
        {
            name,
        };
        command.SetAction(parsed => Print(terminal, parsed.GetValue(name)));
        return command;
    }

    private static int Print(Terminal terminal, string? name)
    {
        var names = GatewayProtocols.BuiltIn.ProfileNames;
        if (name is null)
        {
            foreach (var known in names)
                terminal.Out.WriteLine(known);
            return ExitCode.Complete;
        }
        if (GatewayProtocols.ProfileText(name) is not { } text)
        {
            throw new CommandFailedException(
                ExitCode.Usage,
                $"callserver: there is no profile '{name}'{Nearest.Hint(name, names)}; known are {string.Join(", ", names)}"
            );
        }
        terminal.Out.WriteLine(text.TrimEnd());
        return ExitCode.Complete;
    }
}

using System.CommandLine;
using System.Globalization;
using CallServer.Host.Cli.Completion;
using CallServer.Server.Configuration;

namespace CallServer.Host.Cli.Configuring;

/// <summary><c>callserver config check|example|schema</c>: checks, begins and describes a configuration.</summary>
internal sealed class ConfigCommand(Terminal terminal, Surroundings surroundings)
{
    private readonly Argument<string> file = new("FILE")
    {
        HelpName = "FILE",
        Description = "The configuration",
        CompletionSources = { Suggestions.OfFiles },
    };

    public Command Build()
    {
        var command = new Command("config", "Checks, begins and describes a server's configuration.");
        command.Subcommands.Add(Check());
        command.Subcommands.Add(new ConfigExampleCommand(terminal, surroundings).Build());
        command.Subcommands.Add(Schema());
        return command;
    }

    private Command Check()
    {
        var command = new Command(
            "check",
            "Names every mistake with its path and line, and what is legal but unwise."
        )
        {
            file,
        };
        command.SetAction(parsed =>
        {
            var check = ConfigurationCheck.Of(
                parsed.GetValue(file)!,
                ServerConfiguration.ProcessEnvironment(),
                surroundings.Protocols
            );
            foreach (var warning in check.Warnings)
                terminal.Complain($"warning: {warning}");
            terminal.Out.WriteLine(Summary(check));
            return ExitCode.Complete;
        });
        return command;
    }

    private Command Schema()
    {
        var command = new Command(
            "schema",
            "Prints the JSON schema (2020-12) of the configuration, for editors."
        );
        command.SetAction(_ =>
        {
            terminal.Out.WriteLine(ConfigurationSchema.Text());
            return ExitCode.Complete;
        });
        return command;
    }

    private static string Summary(ConfigurationCheck check)
    {
        var read = check.Configuration;
        var kinds = read
            .Gateways.CountBy(gateway => gateway.Uri.Protocol)
            .OrderBy(kind => kind.Key, StringComparer.Ordinal)
            .Select(kind => string.Create(CultureInfo.InvariantCulture, $"{kind.Value} {kind.Key}"));
        var gateways =
            read.Gateways.Count == 0 ? "no gateway"
            : read.Gateways.Count == 1 ? $"1 gateway ({string.Join(", ", kinds)})"
            : $"{read.Gateways.Count} gateways ({string.Join(", ", kinds)})";
        var role = read.Backup is { } backup ? $", as the backup of {backup.Of}" : "";
        var doubts = check.Warnings.Count switch
        {
            0 => "",
            1 => "; 1 warning",
            var count => $"; {count} warnings",
        };
        return $"{read.Source}: right: {read.Name} on {read.Listen} asks {gateways}{role}{doubts}";
    }
}

using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using CallServer.Host.Cli.Auditing;
using CallServer.Host.Cli.Demo;
using CallServer.Host.Cli.Server;
using CallServer.Host.Cli.Simulation;

namespace CallServer.Host.Cli;

/// <summary>The command line: its verbs, its help, and what the process answers its caller.</summary>
public sealed class CommandLine
{
    private readonly Terminal terminal;
    private readonly Surroundings surroundings;
    private readonly RootCommand root;
    private readonly Option<bool> verbose = new("--verbose")
    {
        Description = "Show the stack of an unexpected fault (also: CALLSERVER_VERBOSE=1)",
        Recursive = true,
        Hidden = true,
    };

    public CommandLine(Terminal terminal, Surroundings surroundings)
    {
        this.terminal = terminal;
        this.surroundings = surroundings;
        root = new RootCommand(
            "Keeps the record of active media connections by asking the media gateways themselves."
        )
        {
            verbose,
        };
        root.Add(new AuditCommand(terminal, surroundings).Build());
        root.Add(new RunCommand(surroundings).Build());
        foreach (var command in ReadCommands.All(terminal, surroundings))
            root.Add(command);
        root.Add(new ReleaseCommand(terminal, surroundings).Build());
        root.Add(new RecoveryCommand(terminal, surroundings).Build());
        root.Add(new RoleCommands(terminal, surroundings).TakeOver());
        root.Add(new RoleCommands(terminal, surroundings).StepDown());
        root.Add(new GatewayCommand(terminal, surroundings).Build());
        root.Add(ProfilesCommand.Build(terminal));
        root.Add(new DemoCommand(terminal, surroundings).Build());
        foreach (var help in root.Options.OfType<HelpOption>())
            help.Action = new HelpWithExamples((HelpAction)help.Action!);
    }

    /// <summary>Runs one command line to its end. Nothing is thrown: whatever happens becomes lines and an exit status.</summary>
    public async Task<int> RunAsync(IReadOnlyList<string> arguments, CancellationToken cancel)
    {
        var parsed = root.Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });
        try
        {
            if (parsed.Action is not ParseErrorAction && parsed.Errors.Count == 0)
            {
                return await parsed.InvokeAsync(
                    new InvocationConfiguration
                    {
                        Output = terminal.Out,
                        Error = terminal.Error,
                        EnableDefaultExceptionHandler = false,
                        ProcessTerminationTimeout = null,
                    },
                    cancel
                );
            }
            return Mistaken(parsed);
        }
        catch (CommandFailedException failure)
        {
            foreach (var line in failure.Lines)
                terminal.Complain(line);
            return failure.ExitCode;
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            return ExitCode.Interrupted;
        }
        catch (IOException) when (cancel.IsCancellationRequested)
        {
            return ExitCode.Interrupted;
        }
#pragma warning disable CA1031 // the outermost frame: a fault of our own is told in one line
        catch (Exception fault)
#pragma warning restore CA1031
        {
            terminal.Complain($"callserver: {fault.GetType().Name}: {FirstLine(fault.Message)}");
            if (parsed.GetValue(verbose) || surroundings.Variable("CALLSERVER_VERBOSE") is { Length: > 0 })
                terminal.Error.WriteLine(fault);
            else
                terminal.Complain("This is a fault of CallServer itself; --verbose shows where.");
            return ExitCode.Fault;
        }
    }

    private int Mistaken(ParseResult parsed)
    {
        var command = parsed.CommandResult.Command;
        if (command == root && parsed.UnmatchedTokens.Count == 0)
        {
            root.Parse("--help").Invoke(new InvocationConfiguration { Output = terminal.Error });
            return ExitCode.Usage;
        }
        foreach (var error in parsed.Errors)
            terminal.Complain($"callserver: {error.Message}");
        terminal.Complain($"See: {Path(command)} --help");
        return ExitCode.Usage;
    }

    private string Path(Command command) => command == root ? "callserver" : $"callserver {command.Name}";

    private static string FirstLine(string text) => text.Split('\n')[0].TrimEnd('\r');

    /// <summary>The usual help, and below it what one would type.</summary>
    private sealed class HelpWithExamples(HelpAction usual) : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            var status = usual.Invoke(parseResult);
            var output = parseResult.InvocationConfiguration.Output;
            if (!Examples.Of(parseResult.CommandResult.Command.Name, out var lines))
                lines = Examples.Overview;
            output.WriteLine("Examples:");
            foreach (var line in lines)
                output.WriteLine(line.Length == 0 ? "" : $"  {line}");
            output.WriteLine();
            return status;
        }
    }
}

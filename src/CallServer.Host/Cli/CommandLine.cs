using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using CallServer.Host.Cli.Auditing;
using CallServer.Host.Cli.Completion;
using CallServer.Host.Cli.Configuring;
using CallServer.Host.Cli.Demo;
using CallServer.Host.Cli.Disputes;
using CallServer.Host.Cli.Manual;
using CallServer.Host.Cli.Server;
using CallServer.Host.Cli.Simulation;
using CallServer.Host.Cli.Storing;
using CallServer.Server.Configuration;
using CallServer.Surface;

namespace CallServer.Host.Cli;

/// <summary>The command line: its verbs, its help, and its exit status.</summary>
public sealed class CommandLine(Terminal terminal, Surroundings surroundings)
{
    private const string ManualVerb = "manual";

    private readonly Option<bool> verbose = new("--verbose")
    {
        Description = "Show the stack of an unexpected fault (also: CALLSERVER_VERBOSE=1)",
        Recursive = true,
        Hidden = true,
    };

    /// <summary>
    /// For a parent that must leave nothing behind: when it is gone, for whatever reason, the pipe ends.
    /// </summary>
    public const string EndWithInputName = "--end-with-input";

    private readonly Option<bool> endWithInput = new(EndWithInputName)
    {
        Description = "Stop as soon as standard input ends",
        Recursive = true,
        Hidden = true,
    };

    /// <summary>What builds each verb, in the order of the help.</summary>
    private IEnumerable<(string Name, Func<Command> Build)> Verbs =>
        [
            ("audit", () => new AuditCommand(terminal, surroundings).Build()),
            ("doctor", () => new DoctorCommand(terminal, surroundings).Build()),
            ("config", () => new ConfigCommand(terminal, surroundings).Build()),
            ("run", () => new RunCommand(surroundings).Build()),
            .. ReadCommands.All(terminal, surroundings),
            ("top", () => new TopCommand(terminal, surroundings).Build()),
            ("release", () => new ReleaseCommand(terminal, surroundings).Build()),
            ("recovery", () => new RecoveryCommand(terminal, surroundings).Build()),
            ("dispute", () => new DisputeCommand(terminal, surroundings).Build()),
            ("takeover", () => new RoleCommands(terminal, surroundings).TakeOver()),
            ("stepdown", () => new RoleCommands(terminal, surroundings).StepDown()),
            ("store", () => new StoreCommand(terminal).Build()),
            ("gateway", () => new GatewayCommand(terminal, surroundings).Build()),
            ("profiles", () => ProfilesCommand.Build(terminal)),
            ("completion", () => new CompletionCommand(terminal).Build()),
            (ManualVerb, () => new ManualCommand(terminal, surroundings).Build()),
            ("demo", () => new DemoCommand(terminal, surroundings).Build()),
            (DemoCaretakerCommand.Verb, () => new DemoCaretakerCommand(terminal, surroundings).Build()),
        ];

    /// <summary>
    /// The command line as far as these words need it. To build all verbs takes longer than most of them run, so only
    /// the one that is meant is built; all are, where they are listed or none is known.
    /// </summary>
    private RootCommand Root(IReadOnlyList<string> words)
    {
        var root = new RootCommand(
            "Keeps the record of active media connections by asking the media gateways themselves."
        )
        {
            verbose,
            endWithInput,
        };
        var meant = words.FirstOrDefault(word => !word.StartsWith('-'));
        var all = Verbs.ToList();
        var some = all.Where(verb => verb.Name == meant && meant != ManualVerb).ToList();
        foreach (var verb in words is ["--version"] || some.Count > 0 ? some : all)
            root.Add(verb.Build());
        Simplify(root);
        foreach (var help in root.Options.OfType<HelpOption>())
            help.Action = new HelpWithExamples((HelpAction)help.Action!, surroundings.Protocols);
        return root;
    }

    /// <summary>Switches take no value, and no option begins with a slash: both would only confuse a shell.</summary>
    private static void Simplify(Command command)
    {
        foreach (var option in command.Options)
        {
            if (option.ValueType == typeof(bool))
                option.Arity = ArgumentArity.Zero;
            foreach (var alias in option.Aliases.Where(alias => alias.StartsWith('/')).ToList())
                option.Aliases.Remove(alias);
        }

        foreach (var subcommand in command.Subcommands)
            Simplify(subcommand);
    }

    /// <summary>
    /// Runs one command line to its end. Never throws: whatever happens becomes lines and an exit status.
    /// </summary>
    public async Task<int> RunAsync(IReadOnlyList<string> arguments, CancellationToken cancel)
    {
        var parsed = Root(arguments)
            .Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var listening = parsed.GetValue(endWithInput) ? StopAtEndOfInputAsync(stop) : Task.CompletedTask;
        try
        {
            // Help and suggestions are given for a line that is not whole, too.
            if (
                parsed.Action is { ClearsParseErrors: true }
                || (parsed.Action is not ParseErrorAction && parsed.Errors.Count == 0)
            )
            {
                return await parsed.InvokeAsync(
                    new InvocationConfiguration
                    {
                        Output = terminal.Out,
                        Error = terminal.Error,
                        EnableDefaultExceptionHandler = false,
                        ProcessTerminationTimeout = null,
                    },
                    stop.Token
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
        catch (ConfigurationException wrong)
        {
            foreach (var mistake in wrong.Mistakes)
                terminal.Complain(mistake.ToString());
            return ExitCode.Usage;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return ExitCode.Interrupted;
        }
        catch (IOException) when (stop.IsCancellationRequested)
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
        finally
        {
            await stop.CancelAsync();
            await listening;
        }
    }

    private async Task StopAtEndOfInputAsync(CancellationTokenSource stop)
    {
        var ignored = new byte[256];
        var input = surroundings.Input();
        try
        {
            while (await input.ReadAsync(ignored, CancellationToken.None).AsTask().WaitAsync(stop.Token) > 0)
            { }
            await stop.CancelAsync();
        }
        catch (OperationCanceledException)
        {
            // The command ended before its input did.
        }
    }

    private int Mistaken(ParseResult parsed)
    {
        if (parsed.CommandResult.Command is RootCommand root && parsed.UnmatchedTokens.Count == 0)
        {
            root.Parse("--help").Invoke(new InvocationConfiguration { Output = terminal.Error });
            return ExitCode.Usage;
        }
        foreach (var error in Relevant(parsed))
        {
            var hint = Hint(parsed, error.Message);
            terminal.Complain(
                $"callserver: {(hint.Length > 0 ? error.Message.TrimEnd('.') : error.Message)}{hint}"
            );
        }
        terminal.Complain($"See: callserver {Path(parsed.CommandResult)}".TrimEnd() + " --help");
        return ExitCode.Usage;
    }

    /// <summary>
    /// The mistakes to tell. Where a verb is not known, neither is what its other words mean, and that one is missing
    /// goes without saying.
    /// </summary>
    private static IEnumerable<ParseError> Relevant(ParseResult parsed) =>
        parsed.UnmatchedTokens.Count > 0 && parsed.CommandResult.Command.Subcommands.Count > 0
            ? parsed.Errors.Where(error => IsAbout(error.Message, parsed.UnmatchedTokens[0]))
            : parsed.Errors;

    private static bool IsAbout(string mistake, string word) =>
        mistake.Contains($"'{word}'", StringComparison.Ordinal);

    /// <summary>What was probably meant by the word that a mistake is about.</summary>
    private static string Hint(ParseResult parsed, string mistake)
    {
        var command = parsed.CommandResult.Command;
        var word = parsed.UnmatchedTokens.FirstOrDefault(token => IsAbout(mistake, token));
        if (word is null)
            return "";
        IEnumerable<Symbol> known = word.StartsWith('-')
            ? command.Options.Concat(
                parsed.RootCommandResult.Command.Options.Where(option => option.Recursive)
            )
            : command.Subcommands;
        var names = known.Where(symbol => !symbol.Hidden).Select(symbol => symbol.Name).ToList();
        return Nearest.Hint(word.Split('=')[0], names);
    }

    /// <summary>The verbs that lead to a command, such as <c>config check</c>; empty for the root.</summary>
    private static string Path(CommandResult? result)
    {
        var names = new List<string>();
        for (var at = result; at?.Parent is CommandResult; at = at.Parent as CommandResult)
            names.Insert(0, at.Command.Name);
        return string.Join(' ', names);
    }

    private static string FirstLine(string text) => text.Split('\n')[0].TrimEnd('\r');

    /// <summary>The usual help, followed by examples to type.</summary>
    private sealed class HelpWithExamples(HelpAction usual, GatewayProtocols protocols)
        : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            var status = usual.Invoke(parseResult);
            var output = parseResult.InvocationConfiguration.Output;
            if (!Examples.Of(Path(parseResult.CommandResult), protocols, out var lines))
                lines = Examples.Overview;
            output.WriteLine("Examples:");
            foreach (var line in lines)
                output.WriteLine(line.Length == 0 ? "" : $"  {line}");
            output.WriteLine();
            return status;
        }
    }
}

using System.CommandLine;
using CallServer.Host.Cli.Live;

namespace CallServer.Host.Cli.Server;

/// <summary><c>callserver top</c>: a running server at a glance, with its gateways below.</summary>
internal sealed class TopCommand(Terminal terminal, Surroundings surroundings)
{
    private readonly ServerOptions server = new();

    public Command Build()
    {
        var command = new Command(
            "top",
            "Shows the whole server at a glance, again and again: role, connections, findings, CDRs, gateways."
        );
        server.AddTo(command);
        command.SetAction(RunAsync);
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancel)
    {
        using var client = server.Client(parsed, surroundings);
        var glance = new Glance(client, server.Address(parsed));
        if (terminal.Screen is not { Profile.Capabilities.Ansi: true })
        {
            var look = await glance.LookAsync(cancel);
            PlainList.WriteFacts(terminal.Out, look.Facts());
            terminal.Out.WriteLine();
            PlainList.Write(terminal.Out, ServerView.Gateways.Plain, look.Gateways.Items);
            return ExitCode.Complete;
        }

        try
        {
            await new LiveView(
                terminal,
                surroundings.Clock,
                surroundings.Keys?.Invoke(),
                surroundings.WatchEvery,
                async stop => GlancePage.Of(await glance.LookAsync(stop))
            ).RunAsync(cancel);
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // Ctrl-C is how looking ends.
        }

        return ExitCode.Complete;
    }
}

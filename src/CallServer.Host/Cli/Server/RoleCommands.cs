using System.CommandLine;
using System.Net;
using System.Text.Json;
using CallServer.Surface;

namespace CallServer.Host.Cli.Server;

/// <summary>
/// <c>callserver takeover</c> and <c>callserver stepdown</c>: an operator decides which server of a pair acts.
/// </summary>
internal sealed class RoleCommands(Terminal terminal, Surroundings surroundings)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(50);

    public Command TakeOver() =>
        Build(
            "takeover",
            "Has a standby take over now, whether the other server lives or not.",
            role => role is "active" or "primary",
            "acts now",
            new Option<int?>("--epoch")
            {
                Description =
                    $"Act under this epoch, 1 to {ServerRole.HighestEpoch}, and have the other server agree to it: for two servers that both act",
                HelpName = "N",
            }
        );

    public Command StepDown() =>
        Build(
            "stepdown",
            "Has the server that acts hand over to its standby, and waits until it has.",
            role => role == "standby",
            "has handed over"
        );

    private Command Build(
        string verb,
        string description,
        Func<string?, bool> isDone,
        string outcome,
        Option<int?>? epoch = null
    )
    {
        var server = new ServerOptions();
        var json = Options.Json("The server's status afterwards, as one JSON object");
        var command = new Command(verb, description);
        server.AddTo(command);
        command.Options.Add(json);
        if (epoch is not null)
            command.Options.Add(epoch);
        command.SetAction(
            async (parsed, cancel) =>
            {
                using var client = server.Client(parsed, surroundings);
                var from = surroundings.Clock.Now.Steady;
                var wanted = epoch is null ? null : parsed.GetValue(epoch);
                object order = wanted is { } number ? new { epoch = number } : new { };
                var (status, answer) = await client.PostAsync($"v1/{verb}", order, cancel);
                if (status != HttpStatusCode.Accepted)
                {
                    terminal.Complain(
                        $"{verb}: nothing is changed: {answer.Text("detail") ?? answer.Text("title") ?? "the server does not say why"}"
                    );
                    return ExitCode.Partial;
                }

                if (await UntilAsync(client, isDone, cancel) is not { } after)
                {
                    terminal.Complain(
                        $"{verb}: not done within {Patience.TotalSeconds:0} s; `callserver status` tells what became of it"
                    );
                    return ExitCode.Partial;
                }

                await terminal.Out.WriteLineAsync(
                    parsed.GetValue(json)
                        ? JsonText.Line(after)
                        : $"{after.Text("name")} {outcome}: {after.Text("role")}, epoch {after.Member("epoch")}, after {(surroundings.Clock.Now.Steady - from).TotalSeconds:0.0} s"
                );
                return ExitCode.Complete;
            }
        );
        return command;
    }

    private async Task<JsonElement?> UntilAsync(
        ServerClient client,
        Func<string?, bool> isDone,
        CancellationToken cancel
    )
    {
        using var timer = new PeriodicTimer(Glance);
        var until = surroundings.Clock.Now.Steady + Patience;
        do
        {
            var status = await client.GetAsync("v1/status", cancel);
            if (isDone(status.Text("role")))
                return status;
        } while (surroundings.Clock.Now.Steady < until && await timer.WaitForNextTickAsync(cancel));
        return null;
    }
}

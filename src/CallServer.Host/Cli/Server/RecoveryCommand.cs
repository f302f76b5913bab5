using System.CommandLine;
using System.Net;
using System.Text.Json;
using Spectre.Console;

namespace CallServer.Host.Cli.Server;

/// <summary><c>callserver recovery</c>: what the last takeovers brought back, or what one now would.</summary>
internal sealed class RecoveryCommand(Terminal terminal, Surroundings surroundings)
{
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(200);

    private readonly ServerOptions server = new();
    private readonly Option<bool> json = Options.Json("One JSON object a line, the newest first");

    private readonly Option<int> last = new("--last")
    {
        Description = "So many of the newest takeovers",
        HelpName = "N",
        DefaultValueFactory = _ => 1,
    };

    private readonly Option<bool> dryRun = new("--dry-run")
    {
        Description = "Ask every gateway now, as a takeover would; the role stays what it is",
    };

    public Command Build()
    {
        var command = new Command("recovery", "What the last takeover brought back, and how exactly.");
        server.AddTo(command);
        command.Options.Add(json);
        command.Options.Add(last);
        command.Options.Add(dryRun);
        command.SetAction(RunAsync);
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancel)
    {
        var count = parsed.GetValue(last);
        if (count is < 1 or > 1000)
            throw new CommandFailedException(ExitCode.Usage, "callserver: --last: 1 to 1000 is expected");
        using var client = server.Client(parsed, surroundings);
        var reports = parsed.GetValue(dryRun)
            ? [await DryRunAsync(client, cancel)]
            : await LastAsync(client, count, cancel);
        if (parsed.GetValue(json))
        {
            foreach (var report in reports)
                await terminal.Out.WriteLineAsync(JsonText.Line(report));
            return ExitCode.Complete;
        }

        if (reports.Count == 0)
            terminal.Complain("this server has never taken over; --dry-run tells what it would find");
        foreach (var report in reports)
            RecoveryPage.Write(terminal, report);
        return ExitCode.Complete;
    }

    private static async Task<IReadOnlyList<JsonElement>> LastAsync(
        ServerClient client,
        int count,
        CancellationToken cancel
    )
    {
        var found = new List<JsonElement>();
        await foreach (var page in client.PagesAsync("recoveries", null, null, cancel))
        {
            found.AddRange(page.Items);
            if (found.Count >= count)
                break;
        }

        return [.. found.Take(count)];
    }

    private async Task<JsonElement> DryRunAsync(ServerClient client, CancellationToken cancel)
    {
        var (status, answer) = await client.PostAsync("v1/recoveries/dry-run", new { }, cancel);
        if (status != HttpStatusCode.Accepted)
            throw new CommandFailedException(
                ExitCode.Unavailable,
                $"the server does not try: {answer.Text("detail") ?? answer.Text("title")}"
            );
        var report = answer;
        if (terminal.Screen is { } screen)
            await screen
                .Progress()
                .AutoClear(true)
                .StartAsync(async progress =>
                {
                    var bar = progress.AddTask(
                        "asking the gateways",
                        maxValue: Math.Max(1, answer.Member("gateways").Number("total") ?? 1)
                    );
                    await UntilWholeAsync(now =>
                        bar.Value = bar.MaxValue - (now.Member("gateways").Number("waiting") ?? 0)
                    );
                });
        else
            await UntilWholeAsync(_ => { });
        return report;

        async Task UntilWholeAsync(Action<JsonElement> show)
        {
            using var timer = new PeriodicTimer(Glance);
            while (report.Flag("whole") != true && await timer.WaitForNextTickAsync(cancel))
            {
                report = await client.GetAsync("v1/recoveries/dry-run", cancel);
                show(report);
            }
        }
    }
}

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
        Description = "How many takeovers to report, the newest first",
        HelpName = "N",
        DefaultValueFactory = _ => 1,
    };

    private readonly Option<bool> dryRun = new("--dry-run")
    {
        Description = "Ask every gateway now, as a takeover would; the server's role does not change",
    };

    public Command Build()
    {
        var command = new Command(
            "recovery",
            "Reports what the last takeover brought back, or what one now would, and how exactly."
        );
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
        if (parsed.GetValue(json) is false && reports is [var newest] && newest.Flag("whole") == false)
            reports =
            [
                await FollowedAsync(
                    newest,
                    () => NewestAsync(client, cancel),
                    await ExpectedAsync(client, cancel),
                    cancel
                ),
            ];
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
        var expected = await ExpectedAsync(client, cancel);
        var (status, answer) = await client.PostAsync("v1/recoveries/dry-run", new { }, cancel);
        if (status != HttpStatusCode.Accepted)
            throw new CommandFailedException(
                ExitCode.Unavailable,
                $"the server does not try: {answer.Text("detail") ?? answer.Text("title")}"
            );
        return await FollowedAsync(
            answer,
            () => client.GetAsync("v1/recoveries/dry-run", cancel),
            expected,
            cancel,
            isAwaited: true
        );
    }

    private static async Task<JsonElement> NewestAsync(ServerClient client, CancellationToken cancel) =>
        (await client.GetAsync("v1/recoveries?limit=1", cancel)).Items("items").FirstOrDefault();

    /// <summary>How many connections will be heard, about: those of the record; 0 if nobody waits for them.</summary>
    private async Task<double> ExpectedAsync(ServerClient client, CancellationToken cancel) =>
        terminal.Screen is null ? 0 : (await client.GetAsync("v1/status", cancel)).Number("connections") ?? 0;

    /// <summary>
    /// The report when every gateway was heard or given up. A terminal shows meanwhile how far it is; a pipe waits only
    /// if the report is awaited.
    /// </summary>
    private async Task<JsonElement> FollowedAsync(
        JsonElement report,
        Func<Task<JsonElement>> look,
        double expected,
        CancellationToken cancel,
        bool isAwaited = false
    )
    {
        if (terminal.Screen is not { } screen || report.Flag("whole") == true)
        {
            if (isAwaited)
                await UntilWholeAsync(_ => { });
            return report;
        }

        await screen
            .Progress()
            .AutoClear(true)
            .Columns(
                new TaskDescriptionColumn { Alignment = Justify.Left },
                new ProgressBarColumn(),
                new PercentageColumn(),
                new RemainingTimeColumn()
            )
            .StartAsync(async progress =>
            {
                var bar = progress.AddTask(Markup.Escape(RecoveryPage.Standing(report)));
                await UntilWholeAsync(now =>
                {
                    var heard = RecoveryPage.Heard(now);
                    // The record may hold fewer connections than the gateways now have.
                    bar.MaxValue = Math.Max(Math.Max(expected, heard), 1);
                    bar.Value = heard;
                    bar.Description = Markup.Escape(RecoveryPage.Standing(now));
                });
            });
        return report;

        async Task UntilWholeAsync(Action<JsonElement> show)
        {
            using var timer = new PeriodicTimer(Glance);
            while (report.Flag("whole") == false && await timer.WaitForNextTickAsync(cancel))
            {
                report = await look();
                show(report);
            }
        }
    }
}

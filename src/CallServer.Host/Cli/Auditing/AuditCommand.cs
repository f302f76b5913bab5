using System.CommandLine;
using System.Text.Json;
using CallServer.Server.Polling;

namespace CallServer.Host.Cli.Auditing;

/// <summary>
/// <c>callserver audit URI...</c>: looks once at each gateway, all in parallel, and reports them in the order given.
/// </summary>
public sealed class AuditCommand(Terminal terminal, Surroundings surroundings)
{
    private readonly AskingOptions asking = new();

    private readonly Argument<string[]> uris = AskingOptions.Uris(
        surroundings.Protocols,
        ArgumentArity.OneOrMore
    );

    private readonly Option<bool> json = Options.Json(
        "One JSON object a line, one for each gateway, in the order given"
    );

    public Command Build()
    {
        var command = new Command("audit", "Asks gateways for all their active connections, once.")
        {
            uris,
            json,
        };
        asking.AddTo(command);
        command.SetAction((parsed, cancel) => RunAsync(parsed, cancel));
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancel)
    {
        var within = asking.Within(parsed);
        var protocols = asking.Protocols(parsed, surroundings.Protocols);
        var orders = asking.Orders(parsed, parsed.GetValue(uris)!, protocols);

        Rehearsal.Hold(protocols, surroundings.Clock, orders.Select(order => order.Uri));
        await using var look = new OneLook(surroundings);
        var progress = orders.Select(_ => new AuditProgress()).ToList();
        var audits = orders
            .Zip(progress, (order, shown) => look.AskAsync(order, within, shown, cancel))
            .ToList();
        var waiting = new Waiting(terminal, surroundings.Clock, parsed.GetValue(json));
        var status = ExitCode.Complete;
        for (var i = 0; i < orders.Count; i++)
        {
            var others = audits.Skip(i + 1).Count(audit => !audit.IsCompleted);
            var report = await waiting.ForAsync(audits[i], orders[i].Uri.Authority, progress[i], others);
            cancel.ThrowIfCancellationRequested();
            status = Math.Max(status, report.Status);
            var told = JsonSerializer.SerializeToElement(report.View, JsonText.Options);
            if (parsed.GetValue(json))
                await terminal.Out.WriteLineAsync(JsonText.Line(told));
            else
                AuditPage.Write(terminal, told, report.Status, first: i == 0);
            foreach (var trouble in report.Troubles)
                terminal.Complain(trouble);
        }
        return status;
    }
}

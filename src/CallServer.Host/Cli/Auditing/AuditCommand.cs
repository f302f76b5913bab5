using System.CommandLine;
using System.Text.Json;
using CallServer.Server.Polling;
using CallServer.Storage;
using CallServer.Surface;

namespace CallServer.Host.Cli.Auditing;

/// <summary>
/// <c>callserver audit URI...</c>: looks once at each gateway, all in parallel, and reports them in the order given. A
/// host without a protocol is asked in every way that needs no more than its name.
/// </summary>
public sealed class AuditCommand(Terminal terminal, Surroundings surroundings)
{
    private readonly AskingOptions asking = new();

    private readonly Argument<string[]> uris = AskingOptions.Uris(
        surroundings.Protocols,
        ArgumentArity.OneOrMore,
        "A HOST, which is asked in every way that is known, or "
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
        var named = parsed.GetValue(uris)!.Select(text => (Text: text, Ways: protocols.At(text))).ToList();
        var texts = named.SelectMany(each =>
            each.Ways.Count == 0 ? [each.Text] : each.Ways.Select(way => way.Text)
        );
        var orders = asking.Orders(parsed, [.. texts], protocols);

        Rehearsal.Hold(protocols, surroundings.Clock, orders.Select(order => order.Uri));
        await using var look = new OneLook(surroundings);
        var looks = new Queue<Look>(
            orders.Select(order =>
            {
                var progress = new AuditProgress();
                return new Look(order.Uri, progress, look.AskAsync(order, within, progress, cancel));
            })
        );
        var shown = new Showing(terminal, parsed.GetValue(json));
        foreach (var (host, ways) in named)
        {
            if (ways.Count == 0)
            {
                await shown.ReportAsync(await NextAsync());
                continue;
            }
            var reports = new List<AuditReport>();
            foreach (var _ in ways)
                reports.Add(await NextAsync());
            await shown.HostAsync(new HostLook(host, ways, reports));
        }
        return shown.Status;

        async Task<AuditReport> NextAsync()
        {
            var next = looks.Dequeue();
            var report = await new Waiting(terminal, surroundings.Clock, parsed.GetValue(json)).ForAsync(
                next.Audit,
                next.Uri.Authority,
                next.Progress,
                looks.Count(later => !later.Audit.IsCompleted)
            );
            cancel.ThrowIfCancellationRequested();
            return report;
        }
    }

    private sealed record Look(GatewayUri Uri, AuditProgress Progress, Task<AuditReport> Audit);

    /// <summary>Writes reports as they come, and keeps the worst status of them.</summary>
    private sealed class Showing(Terminal terminal, bool asJson)
    {
        private bool isFirst = true;

        public int Status { get; private set; } = ExitCode.Complete;

        public async Task ReportAsync(AuditReport report)
        {
            Status = Math.Max(Status, report.Status);
            var told = RecordJson.Audit(report.View);
            if (asJson)
            {
                await terminal.Out.WriteLineAsync(told);
            }
            else
            {
                using var read = JsonDocument.Parse(told);
                AuditPage.Write(terminal, read.RootElement, report.Status, isFirst);
            }
            isFirst = false;
            foreach (var trouble in report.Troubles)
                terminal.Complain(trouble);
        }

        public async Task HostAsync(HostLook host)
        {
            foreach (var report in host.Found)
                await ReportAsync(report);
            foreach (var advice in host.Advice)
                terminal.Complain(advice);
            if (host.Found.Count == 0)
                Status = ExitCode.Unavailable;
        }
    }
}

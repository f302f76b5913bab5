using System.CommandLine;
using CallServer.Host.Cli.Auditing;
using CallServer.Server.Polling;

namespace CallServer.Host.Cli.Configuring;

/// <summary>
/// <c>callserver config example [URI...]</c>: writes a configuration to begin with. Each gateway that is given is asked
/// once, so that the file has its profile.
/// </summary>
internal sealed class ConfigExampleCommand(Terminal terminal, Surroundings surroundings)
{
    private readonly AskingOptions asking = new();
    private readonly Argument<string[]> uris = AskingOptions.Uris(
        surroundings.Protocols,
        ArgumentArity.ZeroOrMore
    );

    public Command Build()
    {
        var command = new Command(
            "example",
            "Writes a working configuration with comments. Gateways that are given are audited once, for their profiles."
        )
        {
            uris,
        };
        asking.AddTo(command);
        command.SetAction(RunAsync);
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancel)
    {
        var texts = parsed.GetValue(uris) ?? [];
        if (texts.Length == 0)
        {
            await terminal.Out.WriteAsync(ConfigurationExample.Of([ExampleGateway.Simulated]));
            return ExitCode.Complete;
        }

        var within = asking.Within(parsed);
        var protocols = asking.Protocols(parsed, surroundings.Protocols);
        var orders = asking.Orders(parsed, texts, protocols);
        Rehearsal.Hold(protocols, surroundings.Clock, orders.Select(order => order.Uri));
        await using var look = new OneLook(surroundings);
        var audits = orders
            .Select(order => look.LookAsync(order, within, null, new AuditProgress(), cancel))
            .ToList();
        var sights = await Task.WhenAll(audits);
        cancel.ThrowIfCancellationRequested();

        var names = new ExampleNames();
        var gateways = orders
            .Zip(sights, (order, sight) => ExampleGateway.Of(order.Uri, sight, asking.Secrets(parsed), names))
            .ToList();
        foreach (var (order, sight) in orders.Zip(sights).Where(pair => pair.Second.Result.Silent))
            terminal.Complain(
                sight.Unnamed is { } unnamed
                    ? $"{order.Uri.Authority}: {unnamed}; {Sight.NameAdvice}"
                    : Advice.Of(order.Uri, sight.Result, sight.Found)
            );
        await terminal.Out.WriteAsync(ConfigurationExample.Of(gateways));
        return sights.Max(sight => sight.Status);
    }
}

using System.CommandLine;
using System.Text.Json;
using CallServer.Server.Polling;
using CallServer.Surface;

namespace CallServer.Host.Cli.Auditing;

/// <summary>
/// <c>callserver doctor URI</c>: looks twice at one gateway, and says step by step what it saw and what to mend.
/// </summary>
internal sealed class DoctorCommand(Terminal terminal, Surroundings surroundings)
{
    private readonly AskingOptions asking = new();
    private readonly Argument<string[]> uris = AskingOptions.Uris(
        surroundings.Protocols,
        ArgumentArity.OneOrMore,
        "One gateway: "
    );
    private readonly Option<bool> json = Options.Json("One JSON object a line, one for each step");

    public Command Build()
    {
        var command = new Command(
            "doctor",
            "Looks twice at one gateway, and says step by step what it saw and what to mend."
        )
        {
            uris,
            json,
        };
        asking.AddTo(command);
        command.SetAction(RunAsync);
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancel)
    {
        var protocols = asking.Protocols(parsed, surroundings.Protocols);
        var orders = asking.Orders(parsed, parsed.GetValue(uris)!, protocols);
        if (orders.Count > 1)
            throw new CommandFailedException(
                ExitCode.Usage,
                "callserver: doctor takes one gateway at a time; audit takes several"
            );

        var order = orders[0];
        Rehearsal.Hold(protocols, surroundings.Clock, [order.Uri]);
        await using var look = new OneLook(surroundings);
        var first = await LookAsync(look, order, null, parsed, cancel);
        cancel.ThrowIfCancellationRequested();
        var second = first.Result.Silent
            ? null
            : (await LookAsync(look, order, first.Memory, parsed, cancel)).Result;
        cancel.ThrowIfCancellationRequested();
        // What an agent of another vendor serves, auto-detection finds.
        var other = Diagnosis.IsOfAnotherKind(order.Uri, first.Result)
            ? (
                await LookAsync(
                    look,
                    asking.Orders(parsed, [order.Uri.WithProfile(null)], protocols)[0],
                    null,
                    parsed,
                    cancel
                )
            )
                .Result
                .Profile
            : null;
        cancel.ThrowIfCancellationRequested();

        var steps = first.Unnamed is { } unnamed
            ? [new DiagnosisStep("reachability", ok: false, saw: unnamed, fix: Sight.NameAdvice)]
            : Diagnosis.Of(
                order.Uri,
                first.Result,
                second,
                other,
                first.Found,
                surroundings.Clock.Correction
            );
        if (parsed.GetValue(json))
        {
            foreach (var step in steps)
                await terminal.Out.WriteLineAsync(JsonSerializer.Serialize(step, JsonText.Options));
        }
        else
        {
            DoctorPage.Write(terminal, order.Uri, steps);
        }

        return steps.All(step => step.Ok) ? first.Status : Math.Max(first.Status, ExitCode.Partial);
    }

    private Task<Sight> LookAsync(
        OneLook look,
        AuditOrder order,
        AuditMemory? memory,
        ParseResult parsed,
        CancellationToken cancel
    )
    {
        var progress = new AuditProgress();
        var sight = look.LookAsync(order, asking.Within(parsed), memory, progress, cancel);
        return new Waiting(terminal, surroundings.Clock, parsed.GetValue(json)).ForAsync(
            sight,
            order.Uri.Authority,
            progress
        );
    }
}

using System.CommandLine;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace CallServer.Host.Cli.Demo;

/// <summary>
/// <c>callserver demo</c>: kills a primary and shows that its backup has the record, because it asks the gateways.
/// </summary>
public sealed class DemoCommand(Terminal terminal, Surroundings surroundings)
{
    private readonly Option<bool> json = Options.Json("Only the outcome, as one JSON object");

    private readonly Option<bool> keep = new("--keep")
    {
        Description = "Keep the folder with the truth, the configuration, the record and the CDRs",
    };

    public Command Build()
    {
        var command = new Command(
            "demo",
            "Kills a call server on this machine, and shows what its backup recovers: four simulated gateways, less than a minute."
        )
        {
            json,
            keep,
        };
        command.SetAction((parsed, cancel) => RunAsync(parsed.GetValue(json), parsed.GetValue(keep), cancel));
        return command;
    }

    private async Task<int> RunAsync(bool asJson, bool keeps, CancellationToken cancel)
    {
        // Closing the terminal sends SIGHUP: nobody is watching any more.
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        using var hangUp = PosixSignalRegistration.Create(
            PosixSignal.SIGHUP,
            signal =>
            {
                signal.Cancel = true;
                stop.Cancel();
            }
        );
        try
        {
            await using var caretaker = await DemoCaretaker.HireAsync(keeps, stop.Token);
            if (keeps)
                terminal.Complain($"kept: {caretaker.Folder}");
            var page = new DemoPage(terminal, quiet: asJson);
            var verdict = await new DemoScript(page, surroundings, caretaker).PlayAsync(stop.Token);
            if (asJson)
                await terminal.Out.WriteLineAsync(JsonSerializer.Serialize(verdict, JsonText.Options));
            return verdict.NothingLost ? ExitCode.Complete : ExitCode.Partial;
        }
        catch (Exception fault)
            when (stop.IsCancellationRequested && fault is (OperationCanceledException or IOException))
        {
            return ExitCode.Interrupted;
        }
    }
}

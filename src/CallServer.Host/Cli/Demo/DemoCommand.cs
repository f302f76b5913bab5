using System.CommandLine;
using System.Text.Json;

namespace CallServer.Host.Cli.Demo;

/// <summary><c>callserver demo</c>: a primary is killed, and its backup has the record, because the gateways are asked.</summary>
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
            "Shows on this machine alone what a killed call server loses: four gateways, one a protocol, a primary and its backup, less than a minute."
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
        var folder = Directory.CreateTempSubdirectory("callserver-demo-");
        try
        {
            var page = new DemoPage(terminal, quiet: asJson);
            var verdict = await new DemoScript(page, surroundings, folder.FullName).PlayAsync(cancel);
            if (asJson)
                await terminal.Out.WriteLineAsync(JsonSerializer.Serialize(verdict, JsonText.Options));
            return verdict.NothingLost ? ExitCode.Complete : ExitCode.Partial;
        }
        finally
        {
            if (keeps)
                terminal.Complain($"kept: {folder.FullName}");
            else
                folder.Delete(recursive: true);
        }
    }
}

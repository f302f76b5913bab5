using System.CommandLine;
using System.Runtime;
using CallServer.Host.Cli.Auditing;
using CallServer.Server;
using CallServer.Server.Configuration;

namespace CallServer.Host.Cli;

/// <summary><c>callserver run --config FILE</c>: keeps the record until it is told to stop.</summary>
public sealed class RunCommand(Surroundings surroundings)
{
    private readonly Option<string> config = new("--config")
    {
        Description = "The configuration: JSON, comments allowed; SIGHUP reads it again",
        HelpName = "FILE",
        Required = true,
    };

    public Command Build()
    {
        var command = new Command(
            "run",
            "Runs the server: audits the gateways, keeps the record, writes CDRs."
        )
        {
            config,
        };
        command.SetAction(
            (parsed, cancel) =>
            {
                var file = parsed.GetValue(config)!;
                var configuration = Load(file);
                Rehearsal.Hold(
                    surroundings.Protocols,
                    surroundings.Clock,
                    configuration.Gateways.Select(gateway => gateway.Uri)
                );
                // All threads would stand for most of a second each time a large heap is compacted at once, and audits be late:
                // memory is taken back beside them, as long as the machine has some.
                GCSettings.LatencyMode = GCLatencyMode.SustainedLowLatency;
                return ServerHost.RunAsync(
                    configuration,
                    cancel,
                    new ServerParts { Protocols = surroundings.Protocols, Reload = () => Load(file) }
                );
            }
        );
        return command;
    }

    private ServerConfiguration Load(string file) =>
        ServerConfiguration.Load(file, ServerConfiguration.ProcessEnvironment(), surroundings.Protocols);
}

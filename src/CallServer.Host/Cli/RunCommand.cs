using System.CommandLine;
using System.Runtime;
using System.Runtime.CompilerServices;
using CallServer.Fleet;
using CallServer.Host.Cli.Auditing;
using CallServer.Host.Cli.Completion;
using CallServer.Server;
using CallServer.Server.Configuration;
using CallServer.Server.Supervision;

namespace CallServer.Host.Cli;

/// <summary><c>callserver run --config FILE</c>: keeps the record until it is told to stop.</summary>
public sealed class RunCommand(Surroundings surroundings)
{
    private readonly Option<string> config = new("--config")
    {
        Description = "The configuration: JSON, comments allowed; SIGHUP reads it again",
        HelpName = "FILE",
        CompletionSources = { Suggestions.OfFiles },
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
                // A blocking collection of a large heap stops all threads for most of a second, and audits would be
                // late. So memory is collected in the background, as long as the machine has some.
                GCSettings.LatencyMode = GCLatencyMode.SustainedLowLatency;
                var parts = new ServerParts
                {
                    Protocols = surroundings.Protocols,
                    Reload = () => Load(file),
                    Manager = ServiceManager.Find(surroundings.Variable, Environment.ProcessId),
                };
                return configuration.Fleet is null
                    ? ServerHost.RunAsync(configuration, cancel, parts)
                    : RunInFleetAsync(configuration, parts, cancel);
            }
        );
        return command;
    }

    /// <summary>Not inlined: what a fleet needs is loaded for a host of a fleet alone.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Task<int> RunInFleetAsync(
        ServerConfiguration configuration,
        ServerParts parts,
        CancellationToken cancel
    ) => FleetServer.RunAsync(configuration, parts, cancel);

    private ServerConfiguration Load(string file) =>
        ServerConfiguration.Load(file, ServerConfiguration.ProcessEnvironment(), surroundings.Protocols);
}

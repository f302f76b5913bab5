using System.CommandLine;
using System.Reactive.Concurrency;
using CallServer.Gateway;
using CallServer.Host.Cli;
using CallServer.Host.Cli.Simulation;
using CallServer.Server;
using CallServer.Server.Net;
using CallServer.Server.Polling;

namespace CallServer.Bench.Start;

/// <summary>
/// <c>carry</c>: many simulated gateways in one process on one event loop, each with its own port and truth file.
/// <see cref="CarriedFleet"/> starts it.
/// </summary>
internal static class CarryCommand
{
    // How late the truth may be written: a thousand gateways write it, so no oftener than this.
    private static readonly TimeSpan Granularity = TimeSpan.FromMilliseconds(100);

    public static Command Build()
    {
        var names = new Option<string[]>("--gateway")
        {
            Description = "ID:KIND, each its own",
            AllowMultipleArgumentsPerToken = true,
        };
        var connections = new Option<int>("--connections");
        var churn = new Option<double>("--churn");
        var folder = new Option<string>("--truth") { Required = true };
        var life = Options.Duration("--stop-after", "End by itself after this time");
        var command = new Command("carry", "Carries many gateways in this process.")
        {
            names,
            connections,
            churn,
            folder,
            life,
        };
        command.Hidden = true;
        command.SetAction(
            async (parsed, cancel) =>
            {
                using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
                if (parsed.GetValue(life) is { } wait)
                    stop.CancelAfter(wait);
                await CarryAsync(
                    parsed.GetValue(names)!,
                    parsed.GetValue(connections),
                    parsed.GetValue(churn),
                    parsed.GetValue(folder)!,
                    stop.Token
                );
                return ExitCode.Complete;
            }
        );
        return command;
    }

    private static async Task CarryAsync(
        string[] names,
        int connections,
        double churn,
        string folder,
        CancellationToken cancel
    )
    {
        var clock = new SystemClock();
        using var shared = new LoopScheduler("gateways");
        var carried = new List<(GatewayLoop Loop, GatewayPort Port, StreamWriter Truth)>();
        try
        {
            foreach (var name in names)
            {
                var at = name.IndexOf(':', StringComparison.Ordinal);
                var (id, kind) = (name[..at], CarriedKind.Of(name[(at + 1)..]));
                var settings = new GatewaySettings
                {
                    Protocols = [kind.Protocol],
                    Profile = kind.Profile ?? "cisco-voice",
                    Connections = connections,
                    Churn = churn,
                    Seed = Phase.Hash(id),
                };
                if (
                    !SimulatedGateway.TryCreate(settings, clock.Now.Steady, out var gateway, out var mistakes)
                )
                    throw new CommandFailedException(ExitCode.Usage, [.. mistakes]);
                var port = GatewayPort.Open(kind.Protocol, 0, SimulatedGateway.UsesStreams(kind.Protocol));
                var truth = new StreamWriter(CarriedFleet.TruthFile(folder, id))
                {
                    AutoFlush = true,
                    NewLine = "\n",
                };
                var path = new PathSettings(TimeSpan.Zero, 0, 1);
                carried.Add(
                    (new GatewayLoop(gateway, [port], clock, path, truth, shared, Granularity), port, truth)
                );
                Console.WriteLine($"gateway {id} {kind.Uri(port.Address.ToString())}");
            }
            foreach (var (loop, _, _) in carried)
                loop.Start();
            Console.WriteLine("ready");
            await Task.WhenAll(carried.Select(each => each.Loop.ServeAsync(cancel)));
        }
        finally
        {
            foreach (var (loop, port, truth) in carried)
            {
                loop.Dispose();
                port.Dispose();
                await truth.DisposeAsync();
            }
        }
    }
}

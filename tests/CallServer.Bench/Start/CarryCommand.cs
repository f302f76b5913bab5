using System.CommandLine;
using System.Net;
using System.Reactive.Concurrency;
using CallServer.Gateway;
using CallServer.Host.Cli;
using CallServer.Host.Cli.Simulation;
using CallServer.Server;
using CallServer.Server.Net;
using CallServer.Server.Polling;

namespace CallServer.Bench.Start;

/// <summary>
/// <c>carry</c>: many simulated gateways in one process on one event loop, each with its own port.
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
        var truth = new Option<string>("--truth")
        {
            Description = "A file for what truly happens",
            Required = true,
        };
        var life = Options.Duration("--stop-after", "End by itself after this time");
        var at = new Option<string?>("--at") { Description = "The address; loopback unless given" };
        var asked = new Option<string?>("--asked") { Description = "A file for who asks which gateway when" };
        var command = new Command("carry", "Carries many gateways in this process.")
        {
            names,
            connections,
            churn,
            truth,
            life,
            at,
            asked,
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
                    parsed.GetValue(truth)!,
                    parsed.GetValue(at) is { } address ? IPAddress.Parse(address) : null,
                    parsed.GetValue(asked),
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
        string file,
        IPAddress? address,
        string? asked,
        CancellationToken cancel
    )
    {
        var clock = new SystemClock();
        await using var log = asked is null ? null : AskedLog.Create(asked, clock);
        await using var truth = TruthLog.Create(file);
        using var shared = new LoopScheduler("gateways");
        var carried = new List<(GatewayLoop Loop, GatewayPort Port)>();
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
                var port = GatewayPort.Open(
                    kind.Protocol,
                    0,
                    SimulatedGateway.UsesStreams(kind.Protocol),
                    address
                );
                var path = new PathSettings(TimeSpan.Zero, 0, 1);
                var loop = new GatewayLoop(gateway, [port], clock, path, truth.Of(id), shared, Granularity)
                {
                    Asked = log is null ? null : by => log.Write(id, by),
                };
                carried.Add((loop, port));
                Console.WriteLine($"gateway {id} {kind.Uri(port.Address.ToString())}");
            }
            foreach (var (loop, _) in carried)
                loop.Start();
            Console.WriteLine("ready");
            await Task.WhenAll(carried.Select(each => each.Loop.ServeAsync(cancel)));
        }
        finally
        {
            foreach (var (loop, port) in carried)
            {
                loop.Dispose();
                port.Dispose();
            }
        }
    }
}

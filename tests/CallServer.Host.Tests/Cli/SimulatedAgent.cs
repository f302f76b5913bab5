using CallServer.Gateway;
using CallServer.Host.Cli.Simulation;
using CallServer.Server.Net;
using NUnit.Framework;

namespace CallServer.Host.Tests.Cli;

/// <summary>A simulated gateway on a port that the system picks, for as long as a test needs it.</summary>
internal sealed class SimulatedAgent : IAsyncDisposable
{
    private readonly CancellationTokenSource stop = new();
    private readonly List<GatewayPort> ports;
    private readonly GatewayLoop loop;
    private readonly Task serving;

    public SimulatedAgent(GatewaySettings settings, TimeSpan delay = default)
    {
        var clock = new SystemClock();
        Assert.That(
            SimulatedGateway.TryCreate(settings, clock.Now.Steady, out var gateway, out var mistakes),
            string.Join('\n', mistakes)
        );
        Present = gateway.Present;
        ports =
        [
            .. settings.Protocols.Select(protocol =>
                GatewayPort.Open(protocol, 0, SimulatedGateway.UsesStreams(protocol))
            ),
        ];
        loop = new GatewayLoop(gateway, ports, clock, new PathSettings(delay, 0, 1), null);
        loop.Start();
        serving = loop.ServeAsync(stop.Token);
    }

    /// <summary>What it carried at the beginning, as lines of its truth file.</summary>
    public IReadOnlyList<string> Present { get; }

    /// <summary>The port of its first protocol.</summary>
    public int Port => ports[0].Address.Port;

    public int PortOf(string protocol) => ports.Single(port => port.Protocol == protocol).Address.Port;

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await serving;
        loop.Dispose();
        ports.ForEach(port => port.Dispose());
        stop.Dispose();
    }
}

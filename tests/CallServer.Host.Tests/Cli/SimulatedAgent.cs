using System.Net;
using System.Net.Sockets;
using CallServer.Gateway;
using CallServer.Host.Cli.Simulation;
using CallServer.Host.Net;
using NUnit.Framework;

namespace CallServer.Host.Tests.Cli;

/// <summary>A simulated gateway on a port of the system's choice, for as long as a test needs it.</summary>
internal sealed class SimulatedAgent : IAsyncDisposable
{
    private readonly CancellationTokenSource stop = new();
    private readonly Socket socket;
    private readonly GatewayLoop loop;
    private readonly Task serving;

    public SimulatedAgent(GatewaySettings settings)
    {
        var clock = new SystemClock();
        Assert.That(
            SimulatedGateway.TryCreate(settings, clock.Now.Steady, out var gateway, out var mistakes),
            string.Join('\n', mistakes)
        );
        socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        loop = new GatewayLoop(gateway, socket, clock, new PathSettings(TimeSpan.Zero, 0, 1), null);
        loop.Start();
        serving = loop.ServeAsync(stop.Token);
    }

    public int Port => ((IPEndPoint)socket.LocalEndPoint!).Port;

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await serving;
        loop.Dispose();
        socket.Dispose();
        stop.Dispose();
    }
}

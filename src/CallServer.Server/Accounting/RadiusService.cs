using System.Net.Sockets;
using System.Reactive.Concurrency;
using System.Security.Cryptography;
using CallServer.Server.Configuration;
using CallServer.Server.Net;
using CallServer.Storage;

namespace CallServer.Server.Accounting;

/// <summary>Accounting to a RADIUS server, on its own thread and socket.</summary>
public sealed class RadiusService : IAsyncDisposable
{
    // Shutdown does not wait for an unreachable server: the outbox keeps whatever it has not acknowledged.
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(500);

    private readonly UdpFleet socket;
    private readonly EventLoopScheduler loop;
    private readonly ILogger logger;

    private RadiusService(
        RadiusConfiguration configuration,
        ILedgerStore store,
        IClock clock,
        UdpFleet socket,
        ILogger logger
    )
    {
        this.socket = socket;
        this.logger = logger;
        loop = new EventLoopScheduler(start => new Thread(start)
        {
            Name = "callserver radius",
            IsBackground = true,
        });
        Sink = new RadiusSink(
            configuration,
            store,
            clock,
            loop,
            receiver => socket.Open(configuration.Server, receiver),
            RandomNumberGenerator.GetBytes(1)[0],
            logger
        );
    }

    /// <summary>The sink that runs on this thread.</summary>
    public RadiusSink Sink { get; }

    /// <summary>
    /// Opens the socket but sends nothing yet; null if no server is configured. Throws ConfigurationException if the
    /// source address is not available.
    /// </summary>
    public static RadiusService? Open(
        ServerConfiguration configuration,
        ILedgerStore store,
        IClock clock,
        ILoggerFactory loggers
    )
    {
        ArgumentNullException.ThrowIfNull(configuration);
        if (configuration.Radius is not { } radius)
            return null;
        try
        {
            // One port for the whole run: the server recognises repeats by their source port.
            var socket = new UdpFleet(clock, loggers.CreateLogger<UdpFleet>(), radius.Source);
            return new RadiusService(radius, store, clock, socket, loggers.CreateLogger("CallServer.Radius"));
        }
        catch (SocketException fault)
        {
            throw new ConfigurationException([
                new ConfigurationMistake(
                    configuration.Source ?? "configuration",
                    0,
                    "radius.source",
                    $"cannot send from {radius.Source}: {fault.Message}"
                ),
            ]);
        }
    }

    /// <summary>
    /// Completes when the server has acknowledged everything, or when the short time allowed has passed.
    /// </summary>
    public async Task FlushAsync()
    {
        try
        {
            await Sink.FlushAsync().WaitAsync(Patience);
        }
        catch (TimeoutException)
        {
            logger.LogInformation(
                "stopped before the RADIUS server answered for everything: the store keeps it"
            );
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        Sink.Dispose();
        await socket.DisposeAsync();
        loop.Dispose();
    }
}

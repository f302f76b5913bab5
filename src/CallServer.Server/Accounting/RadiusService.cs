using System.Net.Sockets;
using System.Reactive.Concurrency;
using System.Security.Cryptography;
using CallServer.Server.Configuration;
using CallServer.Server.Net;
using CallServer.Storage;

namespace CallServer.Server.Accounting;

/// <summary>The telling of a RADIUS server, with a thread and a socket of its own.</summary>
public sealed class RadiusService : IAsyncDisposable
{
    // Stopping is not to wait for a server that is away: the outbox keeps what it has not taken.
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

    /// <summary>What runs on it.</summary>
    public RadiusSink Sink { get; }

    /// <summary>
    /// Opens the socket, and sends nothing yet; null where no server is configured. Throws
    /// ConfigurationException where the source address cannot be had.
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
            // One port for as long as it runs: a server knows repeats by where they come from.
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

    /// <summary>Ends when the server has answered for everything, or does not in the little time there is.</summary>
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

using System.Net.Sockets;
using System.Security.Cryptography;
using CallServer.Server.Configuration;
using CallServer.Server.Net;
using CallServer.Storage;

namespace CallServer.Server.Accounting;

/// <summary>Accounting to a RADIUS server, on its own thread and socket.</summary>
public sealed class RadiusService : SinkService
{
    private readonly UdpFleet socket;

    private RadiusService(
        RadiusConfiguration configuration,
        ILedgerStore store,
        IClock clock,
        UdpFleet socket,
        ILogger logger
    )
        : base(RadiusSink.Reader, "the RADIUS server", logger)
    {
        this.socket = socket;
        Sink = new RadiusSink(
            configuration,
            store,
            clock,
            Loop,
            receiver => socket.Open(configuration.Server, receiver),
            RandomNumberGenerator.GetBytes(1)[0],
            logger
        );
    }

    /// <summary>The sink that runs on this thread.</summary>
    public RadiusSink Sink { get; }

    /// <inheritdoc/>
    protected override IOutboxSink Any => Sink;

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

    /// <inheritdoc/>
    protected override ValueTask CloseAsync() => socket.DisposeAsync();
}

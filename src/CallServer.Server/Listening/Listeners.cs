using System.Net;
using System.Net.Sockets;
using System.Reactive.Concurrency;
using CallServer.Model;
using CallServer.Server.Configuration;
using CallServer.Server.Net;
using CallServer.Server.Polling;

namespace CallServer.Server.Listening;

/// <summary>The ports on which gateways speak unasked; each is open only if it is configured.</summary>
public sealed class Listeners : IAsyncDisposable
{
    private Listeners() { }

    /// <summary>The port for RSIP; null if it is off.</summary>
    public UdpPort? Mgcp { get; private set; }

    /// <summary>The port for SNMP notifications; null if it is off.</summary>
    public UdpPort? Traps { get; private set; }

    /// <summary>Counts what arrives at the MGCP port.</summary>
    public ListenerCounters MgcpCounters { get; } = new();

    /// <summary>Counts what arrives at the port for SNMP notifications.</summary>
    public ListenerCounters TrapCounters { get; } = new();

    /// <summary>Opens the configured ports. Throws ConfigurationException if a port is not available.</summary>
    internal static async Task<Listeners> OpenAsync(
        ServerConfiguration configuration,
        PollingService polling,
        Action<string, Instant> noteRestart,
        IClock clock,
        IScheduler scheduler,
        ILogger logger
    )
    {
        var listeners = new Listeners();
        try
        {
            listeners.Mgcp = Open(
                "mgcp",
                configuration.MgcpListener,
                new MgcpHearing(
                    polling.Addresses,
                    noteRestart,
                    Ask,
                    listeners.MgcpCounters,
                    Pace(),
                    Pace(),
                    logger
                ),
                listeners.MgcpCounters
            );
            listeners.Traps = Open(
                "traps",
                configuration.TrapListener,
                new TrapHearing(polling.Addresses, Ask, listeners.TrapCounters, Pace(), logger),
                listeners.TrapCounters
            );
            return listeners;
        }
        catch
        {
            await listeners.DisposeAsync();
            throw;
        }

        NoticePace Pace() => new(clock, scheduler);

        void Ask(string gateway, AuditCause cause) => polling.Trigger(gateway, cause);

        UdpPort? Open(string name, IPEndPoint? at, IUdpListener listener, ListenerCounters counters)
        {
            if (at is null)
                return null;
            try
            {
                var port = new UdpPort(at, listener, clock, counters, logger);
                logger.LogInformation("listens for {What} on {Address}", name, port.Local);
                return port;
            }
            catch (SocketException fault)
            {
                throw new ConfigurationException([
                    new ConfigurationMistake(
                        configuration.Source ?? "configuration",
                        0,
                        $"listeners.{name}",
                        $"cannot listen on {at}: {fault.Message}"
                    ),
                ]);
            }
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Mgcp is not null)
            await Mgcp.DisposeAsync();
        if (Traps is not null)
            await Traps.DisposeAsync();
    }
}

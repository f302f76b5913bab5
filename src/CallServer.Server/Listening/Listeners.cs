using System.Net;
using System.Net.Sockets;
using System.Reactive.Concurrency;
using CallServer.Model;
using CallServer.Server.Configuration;
using CallServer.Server.Net;
using CallServer.Server.Polling;

namespace CallServer.Server.Listening;

/// <summary>The ports on which gateways speak by themselves; each is open only where it is configured.</summary>
public sealed class Listeners : IAsyncDisposable
{
    private Listeners() { }

    /// <summary>For RSIP; null where it is off.</summary>
    public UdpPort? Mgcp { get; private set; }

    /// <summary>For SNMP notifications; null where it is off.</summary>
    public UdpPort? Traps { get; private set; }

    /// <summary>What came to the MGCP port.</summary>
    public ListenerCounters MgcpCounters { get; } = new();

    /// <summary>What came to the port for SNMP notifications.</summary>
    public ListenerCounters TrapCounters { get; } = new();

    /// <summary>Opens what is configured. Throws ConfigurationException where a port cannot be had.</summary>
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

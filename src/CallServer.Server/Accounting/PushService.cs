using System.Security.Cryptography;
using CallServer.Server.Configuration;
using CallServer.Server.Net;
using CallServer.Server.Recording;
using CallServer.Storage;

namespace CallServer.Server.Accounting;

/// <summary>The posting of CDRs to another system over HTTP, on its own thread.</summary>
public sealed class PushService : SinkService
{
    private const int Steps = 1024;

    private PushService(
        PushConfiguration configuration,
        string server,
        Masking masking,
        ILedgerStore store,
        IClock clock,
        ILogger logger
    )
        : base(PushSink.Reader, configuration.Shown, logger) =>
        Sink = new PushSink(
            configuration,
            server,
            masking,
            store,
            clock,
            Loop,
            () => RandomNumberGenerator.GetInt32(Steps) / (double)Steps,
            logger
        );

    /// <summary>The sink that runs on this thread.</summary>
    public PushSink Sink { get; }

    /// <inheritdoc/>
    protected override IOutboxSink Any => Sink;

    /// <summary>Opens no connection yet; null if no receiver is configured.</summary>
    public static PushService? Open(
        ServerConfiguration configuration,
        Masking masking,
        ILedgerStore store,
        IClock clock,
        ILoggerFactory loggers
    )
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return configuration.CdrHttp is { } push
            ? new PushService(
                push,
                configuration.Name,
                masking,
                store,
                clock,
                loggers.CreateLogger("CallServer.Push")
            )
            : null;
    }

    /// <inheritdoc/>
    protected override async ValueTask CloseAsync()
    {
        // A request that begins just now is given up too.
        await Loop.PassAsync();
        await Sink.Exchange;
    }
}

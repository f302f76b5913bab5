using Orleans.Runtime;

namespace CallServer.Fleet;

/// <summary>
/// What happens when Orleans cannot go on, such as when the others have declared this host dead: the process ends in order, and
/// whoever started it starts it again. Orleans' own way would wait two seconds and crash.
/// </summary>
internal sealed partial class FleetEnd(
    FleetGate gate,
    IHostApplicationLifetime lifetime,
    ILogger<FleetEnd> logger
) : IFatalErrorHandler
{
    private int ended;

    /// <summary>Whether this host could not stay in the fleet.</summary>
    public bool HasCome => Volatile.Read(ref ended) != 0;

    /// <inheritdoc/>
    public bool IsUnexpected(Exception exception) => exception is not OperationCanceledException;

    /// <inheritdoc/>
    public void OnFatalException(object? sender = null, string? context = null, Exception? exception = null)
    {
        if (Interlocked.Exchange(ref ended, 1) != 0)
            return;
        gate.End();
        LogEnd(exception);
        lifetime.StopApplication();
    }

    [LoggerMessage(
        Level = LogLevel.Critical,
        Message = "this host cannot stay in the fleet, and ends: what Orleans says of it stands above"
    )]
    private partial void LogEnd(Exception? fault);
}

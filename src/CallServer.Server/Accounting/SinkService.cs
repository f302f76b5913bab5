using System.Reactive.Concurrency;

namespace CallServer.Server.Accounting;

/// <summary>A sink of the outbox on a thread of its own.</summary>
public abstract class SinkService : IAsyncDisposable
{
    // Shutdown does not wait for an unreachable system: the outbox keeps whatever it has not acknowledged.
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(500);

    private readonly string whom;
    private readonly ILogger logger;

    /// <param name="reader">The sink's name among the readers of the store's outbox.</param>
    /// <param name="whom">The system, in log lines.</param>
    /// <param name="logger">Reports what the system has not acknowledged at the end.</param>
    protected SinkService(string reader, string whom, ILogger logger)
    {
        Reader = reader;
        this.whom = whom;
        this.logger = logger;
        Loop = new LoopScheduler("callserver " + reader);
    }

    /// <summary>The sink's name among the readers of the store's outbox.</summary>
    public string Reader { get; }

    /// <summary>The sink, on this thread.</summary>
    protected abstract IOutboxSink Any { get; }

    /// <summary>The thread.</summary>
    protected LoopScheduler Loop { get; }

    /// <summary>Says that there may be new records. Callable from any thread.</summary>
    public void Nudge() => Any.Nudge();

    /// <summary>
    /// Completes when the system has acknowledged everything, or when the short time allowed has passed.
    /// </summary>
    public async Task FlushAsync()
    {
        try
        {
            await Any.FlushAsync().WaitAsync(Patience);
        }
        catch (TimeoutException)
        {
            logger.LogInformation("stopped before {Whom} answered for everything: the store keeps it", whom);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        Any.Dispose();
        await CloseAsync();
        Loop.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Closes what the sink used, after it and before its thread.</summary>
    protected abstract ValueTask CloseAsync();
}

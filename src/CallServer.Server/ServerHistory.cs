using System.Reactive.Concurrency;
using System.Reactive.Linq;
using CallServer.Model;

namespace CallServer.Server;

/// <summary>A server's figures at one moment.</summary>
/// <param name="At">When, on the record's timeline.</param>
/// <param name="Connections">Active connections in the record.</param>
/// <param name="Unconfirmed">Those that the newest audit of their gateway did not confirm.</param>
/// <param name="Cdrs">CDRs of connections that ended since the server started.</param>
/// <param name="Waiting">Records in the outbox that the slowest of its readers has not passed, with those that the store
/// has not taken yet; null if the store cannot be read.</param>
internal sealed record ServerSample(Instant At, int Connections, int Unconfirmed, long Cdrs, long? Waiting);

/// <summary>
/// The figures of the last hour, in memory. It begins one step after the server, when most gateways have been heard.
/// </summary>
internal sealed class ServerHistory : IDisposable
{
    /// <summary>The time between two samples.</summary>
    public static readonly TimeSpan Step = TimeSpan.FromSeconds(10);

    /// <summary>An hour of samples, with both of its ends.</summary>
    public const int Most = 361;

    private readonly Lock guard = new();
    private readonly Queue<ServerSample> samples = new(Most);
    private readonly IDisposable sampling;

    /// <param name="take">Takes a sample; it may block.</param>
    /// <param name="scheduler">Runs one action at a time.</param>
    public ServerHistory(Func<ServerSample> take, IScheduler scheduler) =>
        sampling = Observable.Interval(Step, scheduler).Subscribe(_ => Add(take()));

    /// <summary>The samples, oldest first.</summary>
    public IReadOnlyList<ServerSample> Samples
    {
        get
        {
            lock (guard)
                return [.. samples];
        }
    }

    /// <summary>Takes no more samples.</summary>
    public void Dispose() => sampling.Dispose();

    private void Add(ServerSample sample)
    {
        lock (guard)
        {
            if (samples.Count == Most)
                samples.Dequeue();
            samples.Enqueue(sample);
        }
    }
}

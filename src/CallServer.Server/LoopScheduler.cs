using System.Reactive.Concurrency;

namespace CallServer.Server;

/// <summary>
/// Runs one action at a time, in the order in which they are due, on a thread of its own. Rx's EventLoopScheduler does
/// the same, but its thread spins before each wait. A server's loops wait thousands of times a second, and on few cores
/// what they spin is taken from the gateways' answers and from each other.
/// </summary>
public sealed class LoopScheduler : LocalScheduler, IDisposable
{
    /// <summary>A wait this long is begun again.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromDays(1);

    private readonly object gate = new();
    private readonly PriorityQueue<ScheduledItem<TimeSpan>, (TimeSpan Due, long Number)> queue = new();
    private readonly IStopwatch watch;
    private long number;
    private bool waits;
    private bool ended;

    /// <param name="name">The name of the thread. It does not keep the process alive.</param>
    public LoopScheduler(string name)
    {
        watch = StartStopwatch();
        new Thread(Run) { Name = name, IsBackground = true }.Start();
    }

    /// <inheritdoc/>
    /// <exception cref="ObjectDisposedException">The loop has ended.</exception>
    public override IDisposable Schedule<TState>(
        TState state,
        TimeSpan dueTime,
        Func<IScheduler, TState, IDisposable> action
    )
    {
        ArgumentNullException.ThrowIfNull(action);
        var due = watch.Elapsed + Scheduler.Normalize(dueTime);
        var item = new ScheduledItem<TimeSpan, TState>(this, state, action, due);
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(ended, this);
            queue.Enqueue(item, (due, number++));
            // A busy loop looks by itself.
            if (waits && ReferenceEquals(queue.Peek(), item))
                Monitor.Pulse(gate);
        }
        return item;
    }

    /// <summary>Ends the loop after the action that runs; what waits is never run. Callable from any thread.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            ended = true;
            queue.Clear();
            Monitor.Pulse(gate);
        }
    }

    private void Run()
    {
        while (Next() is { } item)
            if (!item.IsCanceled)
                item.Invoke();
    }

    /// <summary>Waits for the next action that is due; null when the loop has ended.</summary>
    private ScheduledItem<TimeSpan>? Next()
    {
        lock (gate)
        {
            while (!ended)
            {
                if (!queue.TryPeek(out var item, out var at))
                    Wait(Timeout.InfiniteTimeSpan);
                else if (at.Due - watch.Elapsed is { Ticks: > 0 } rest)
                    Wait(rest < Longest ? rest : Longest);
                else
                    return queue.Dequeue();
            }
        }
        return null;
    }

    /// <param name="most">How long to wait; whole milliseconds, so what is left of one is waited for too.</param>
    private void Wait(TimeSpan most)
    {
        waits = true;
        Monitor.Wait(gate, (int)Math.Ceiling(most.TotalMilliseconds));
        waits = false;
    }
}

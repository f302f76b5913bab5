using System.Reactive.Concurrency;

namespace CallServer.Host.Tests.Accounting;

/// <summary>Virtual time to which other threads may hand actions: they run when the test lets time pass.</summary>
internal sealed class SharedTime(DateTimeOffset start) : IScheduler
{
    private readonly HistoricalScheduler inner = new(start);
    private readonly Lock guard = new();

    public DateTimeOffset Now
    {
        get
        {
            lock (guard)
                return inner.Now;
        }
    }

    public void AdvanceBy(TimeSpan time)
    {
        lock (guard)
            inner.AdvanceBy(time);
    }

    public IDisposable Schedule<TState>(TState state, Func<IScheduler, TState, IDisposable> action)
    {
        lock (guard)
            return inner.Schedule(state, action);
    }

    public IDisposable Schedule<TState>(
        TState state,
        TimeSpan dueTime,
        Func<IScheduler, TState, IDisposable> action
    )
    {
        lock (guard)
            return inner.Schedule(state, dueTime, action);
    }

    public IDisposable Schedule<TState>(
        TState state,
        DateTimeOffset dueTime,
        Func<IScheduler, TState, IDisposable> action
    )
    {
        lock (guard)
            return inner.Schedule(state, dueTime, action);
    }
}

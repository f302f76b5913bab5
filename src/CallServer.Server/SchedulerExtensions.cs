using System.Reactive.Concurrency;
using System.Reactive.Disposables;

namespace CallServer.Server;

/// <summary>What Rx lacks for schedulers that run one action at a time.</summary>
internal static class SchedulerExtensions
{
    /// <summary>
    /// Runs work in its turn. Whoever awaits the result gets its exception, and continues elsewhere, because the
    /// scheduler's thread belongs to the scheduler.
    /// </summary>
    public static Task<T> RunAsync<T>(this IScheduler scheduler, Func<T> work)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        scheduler.Schedule(() =>
        {
            try
            {
                done.TrySetResult(work());
            }
#pragma warning disable CA1031 // whoever waits for it is told
            catch (Exception fault)
#pragma warning restore CA1031
            {
                done.TrySetException(fault);
            }
        });
        return done.Task;
    }

    /// <summary>Runs work in its turn, with the same handling of exceptions.</summary>
    public static Task RunAsync(this IScheduler scheduler, Action work) =>
        scheduler.RunAsync(() =>
        {
            work();
            return true;
        });

    /// <summary>Completes when everything scheduled so far for now is done.</summary>
    public static Task PassAsync(this IScheduler scheduler) => scheduler.RunAsync(() => { });

    /// <summary>
    /// Schedules an action and releases it as soon as it is cancelled. An event loop keeps its items until they are
    /// due, cancelled or not: a deadline of minutes would keep alive everything that a finished audit had read.
    /// </summary>
    public static IDisposable ScheduleLightly(this IScheduler scheduler, TimeSpan due, Action action)
    {
        var light = new Light(action);
        return StableCompositeDisposable.Create(light, scheduler.Schedule(due, light.Run));
    }

    private sealed class Light(Action action) : IDisposable
    {
        private Action? action = action;

        public void Run() => Interlocked.Exchange(ref action, null)?.Invoke();

        public void Dispose() => Volatile.Write(ref action, null);
    }
}

using System.Reactive.Concurrency;
using System.Reactive.Disposables;

namespace CallServer.Server;

/// <summary>What Rx's schedulers lack for one that does one thing at a time.</summary>
internal static class SchedulerExtensions
{
    /// <summary>
    /// Does this in its turn; whoever waits for the result is told of a fault, and goes on elsewhere: the scheduler's thread
    /// belongs to the scheduler.
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

    /// <summary>Does this in its turn.</summary>
    public static Task RunAsync(this IScheduler scheduler, Action work) =>
        scheduler.RunAsync(() =>
        {
            work();
            return true;
        });

    /// <summary>Ends when everything that was scheduled so far, for now, is done.</summary>
    public static Task PassAsync(this IScheduler scheduler) => scheduler.RunAsync(() => { });

    /// <summary>
    /// Schedules an action that is let go at once when it is cancelled. An event loop keeps what it was given until it is
    /// due, cancelled or not: a deadline of minutes would keep all that a finished audit had read.
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

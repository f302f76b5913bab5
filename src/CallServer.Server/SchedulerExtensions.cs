using System.Reactive.Concurrency;
using System.Reactive.Disposables;

namespace CallServer.Server;

/// <summary>What Rx lacks for schedulers that run one action at a time.</summary>
internal static class SchedulerExtensions
{
    /// <summary>Completes when everything scheduled so far for now is done.</summary>
    public static Task PassAsync(this IScheduler scheduler)
    {
        var passed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        scheduler.Schedule(() => passed.TrySetResult());
        return passed.Task;
    }

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

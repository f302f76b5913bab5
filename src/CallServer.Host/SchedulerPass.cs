using System.Reactive.Concurrency;

namespace CallServer.Host;

/// <summary>Waiting for one that does one thing at a time.</summary>
internal static class SchedulerPass
{
    /// <summary>Ends when everything that was scheduled so far, for now, is done.</summary>
    public static Task PassAsync(this IScheduler scheduler)
    {
        var passed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        scheduler.Schedule(() => passed.TrySetResult());
        return passed.Task;
    }
}

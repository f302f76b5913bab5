using System.Reactive.Concurrency;
using System.Reactive.Linq;

namespace CallServer.Server.Net;

/// <summary>Looks every second whether the wall clock was stepped.</summary>
public static class ClockWatch
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    /// <summary>By how much it was stepped, each time it was.</summary>
    public static IObservable<TimeSpan> Steps(SystemClock clock, IScheduler scheduler) =>
        Observable
            .Interval(Period, scheduler)
            .Select(_ => clock.CheckForStep())
            .Where(step => step != TimeSpan.Zero);
}

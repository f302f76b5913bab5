using System.Reactive.Concurrency;
using System.Reactive.Linq;

namespace CallServer.Server.Net;

/// <summary>Checks every second whether the wall clock was stepped.</summary>
public static class ClockWatch
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    /// <summary>Emits the size of each step as it is detected.</summary>
    public static IObservable<TimeSpan> Steps(SystemClock clock, IScheduler scheduler) =>
        Observable
            .Interval(Period, scheduler)
            .Select(_ => clock.CheckForStep())
            .Where(step => step != TimeSpan.Zero);
}

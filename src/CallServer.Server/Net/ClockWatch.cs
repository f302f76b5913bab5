using System.Reactive.Concurrency;
using System.Reactive.Linq;
using CallServer.Model;

namespace CallServer.Server.Net;

/// <summary>Checks every second whether the clock by which times are shown was stepped.</summary>
public static class ClockWatch
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    /// <summary>Emits the size of each step as it is detected.</summary>
    /// <param name="clock">This server's.</param>
    /// <param name="common">What a clock tells that several servers share; null for the machine's wall clock.</param>
    /// <param name="scheduler">When to look.</param>
    public static IObservable<TimeSpan> Steps(
        SystemClock clock,
        Func<ClockReading?>? common,
        IScheduler scheduler
    ) =>
        Observable
            .Interval(Period, scheduler)
            .Select(_ =>
                common is null ? clock.CheckForStep()
                : common() is { } reading ? clock.CheckForStep(reading)
                : TimeSpan.Zero
            )
            .Where(step => step != TimeSpan.Zero);
}

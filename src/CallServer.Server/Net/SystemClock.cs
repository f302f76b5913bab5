using CallServer.Model;
using CallServer.Surface;

namespace CallServer.Server.Net;

/// <summary>
/// The steady clock reads UTC once at the start and then follows the machine's monotonic counter: it never goes back
/// or jumps, whatever happens to the wall clock. This is the one place that reads the machine's clocks.
/// </summary>
public sealed class SystemClock : IClock
{
    /// <summary>How far the wall clock must be from the steady one to count as stepped.</summary>
    public static readonly TimeSpan StepThreshold = TimeSpan.FromMilliseconds(50);

    /// <summary>
    /// How many of the latest steps are kept; a clock that is stepped more often is not worth listing.
    /// </summary>
    public const int StepsKept = 100;

    // Two readings this far apart were interrupted and say nothing about a step.
    private static readonly TimeSpan TooFarApart = TimeSpan.FromMilliseconds(10);

    private static readonly TimeSpan CloseTogether = TimeSpan.FromMicroseconds(5);

    private readonly TimeProvider time;
    private readonly long anchorTicks;
    private readonly long anchorStamp;
    private long correctionTicks;
    private IReadOnlyList<ClockStep> steps;

#pragma warning disable RS0030 // the one place that may
    /// <summary>Uses the machine's clocks, anchored now.</summary>
    public SystemClock()
        : this(TimeProvider.System) { }
#pragma warning restore RS0030

    /// <summary>Uses the given clocks, anchored now.</summary>
    public SystemClock(TimeProvider time)
        : this(time, TimeSpan.Zero, []) { }

    /// <summary>
    /// Continues a timeline that was anchored earlier, so that what a store already holds keeps its place. The wall
    /// clock has been stepped by <paramref name="correction"/> since then; <paramref name="steps"/> are the latest of
    /// those steps.
    /// </summary>
    public SystemClock(TimeProvider time, TimeSpan correction, IReadOnlyList<ClockStep> steps)
    {
        ArgumentNullException.ThrowIfNull(time);
        this.time = time;
        this.steps = steps;
        correctionTicks = correction.Ticks;
        (anchorStamp, var wall) = ReadTogether(time);
        anchorTicks = wall - correctionTicks;
    }

#pragma warning disable RS0030 // the one place that may
    /// <summary>The machine's timers, for time-outs that no audit waits for.</summary>
    public static TimeProvider Timers => TimeProvider.System;

    /// <summary>Continues an earlier timeline with the machine's clocks.</summary>
    public static SystemClock Continue(TimeSpan correction, IReadOnlyList<ClockStep> steps) =>
        new(TimeProvider.System, correction, steps);
#pragma warning restore RS0030

    /// <inheritdoc/>
    public Moment Now => new(ToInstant(SteadyTicks()), ToInstant(time.GetUtcNow().UtcTicks));

    /// <inheritdoc/>
    public TimeSpan Correction => TimeSpan.FromTicks(Volatile.Read(ref correctionTicks));

    /// <inheritdoc/>
    public IReadOnlyList<ClockStep> Steps => Volatile.Read(ref steps);

    /// <summary>
    /// Compares the clocks. If the wall clock was stepped, adopts the new correction and returns the size of the
    /// step; else returns zero.
    /// </summary>
    public TimeSpan CheckForStep()
    {
        var before = SteadyTicks();
        var wall = time.GetUtcNow().UtcTicks;
        var after = SteadyTicks();
        if (after - before > TooFarApart.Ticks)
            return TimeSpan.Zero;

        var step = TimeSpan.FromTicks(wall - after) - Correction;
        return step.Duration() <= StepThreshold ? TimeSpan.Zero : Adopt(step, after);
    }

    /// <summary>
    /// Compares the timeline with a clock that others can ask as well, in place of the machine's wall clock: where several
    /// machines show times of one record, none of their own clocks may move them.
    /// </summary>
    public TimeSpan CheckForStep(ClockReading common)
    {
        if (common.Least - StepThreshold <= Correction && Correction <= common.Most + StepThreshold)
            return TimeSpan.Zero;
        return Adopt((common.Least + common.Most) / 2 - Correction, SteadyTicks());
    }

    private TimeSpan Adopt(TimeSpan step, long at)
    {
        var known = Steps;
        Volatile.Write(
            ref steps,
            [.. known.Skip(known.Count + 1 - StepsKept), new ClockStep(ToInstant(at), step)]
        );
        Volatile.Write(ref correctionTicks, (Correction + step).Ticks);
        return step;
    }

    /// <summary>
    /// Reads both clocks as closely together as possible. If the thread were interrupted between the two readings,
    /// the timeline would be wrong by that much for the whole run.
    /// </summary>
    private static (long Stamp, long WallTicks) ReadTogether(TimeProvider time)
    {
        const int Tries = 20;
        var best = (Stamp: 0L, WallTicks: 0L, Apart: TimeSpan.MaxValue);
        for (var n = 0; n < Tries && best.Apart > CloseTogether; n++)
        {
            var before = time.GetTimestamp();
            var wall = time.GetUtcNow().UtcTicks;
            var apart = time.GetElapsedTime(before);
            if (apart < best.Apart)
                best = (before, wall, apart);
        }

        return (best.Stamp, best.WallTicks);
    }

    private long SteadyTicks() => anchorTicks + time.GetElapsedTime(anchorStamp).Ticks;

    private static Instant ToInstant(long utcTicks) =>
        new((utcTicks - DateTimeOffset.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond);
}

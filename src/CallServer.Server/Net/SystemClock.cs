using CallServer.Model;
using CallServer.Surface;

namespace CallServer.Server.Net;

/// <summary>
/// The steady clock is UTC, read once at the start, and the machine's monotonic counter from then on: it
/// neither goes back nor jumps, whatever is done to the wall clock. The one place that reads the machine's
/// clocks.
/// </summary>
public sealed class SystemClock : IClock
{
    /// <summary>A wall clock that strays further than this from the steady one was stepped.</summary>
    public static readonly TimeSpan StepThreshold = TimeSpan.FromMilliseconds(50);

    /// <summary>As many of the latest steps are known; a clock that is stepped more often is not worth telling of.</summary>
    public const int StepsKept = 100;

    // Two readings this far apart were interrupted in between and say nothing about a step.
    private static readonly TimeSpan TooFarApart = TimeSpan.FromMilliseconds(10);

    private static readonly TimeSpan CloseTogether = TimeSpan.FromMicroseconds(5);

    private readonly TimeProvider time;
    private readonly long anchorTicks;
    private readonly long anchorStamp;
    private long correctionTicks;
    private IReadOnlyList<ClockStep> steps;

#pragma warning disable RS0030 // the one place that may
    /// <summary>The machine's clocks, anchored now.</summary>
    public SystemClock()
        : this(TimeProvider.System) { }
#pragma warning restore RS0030

    /// <summary>Any clocks, anchored now.</summary>
    public SystemClock(TimeProvider time)
        : this(time, TimeSpan.Zero, []) { }

    /// <summary>
    /// Goes on with a timeline that was anchored earlier and from which the wall clock has since been stepped
    /// by the correction, the latest steps of which are these, so that what a store holds from before keeps its place.
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
    /// <summary>Timers of the machine, for time-outs of what no audit waits for.</summary>
    public static TimeProvider Timers => TimeProvider.System;

    /// <summary>The machine's clocks, going on with an earlier timeline.</summary>
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
    /// Compares the clocks; where the wall clock was stepped, takes the new correction and returns by how
    /// much it was stepped, else zero.
    /// </summary>
    public TimeSpan CheckForStep()
    {
        var before = SteadyTicks();
        var wall = time.GetUtcNow().UtcTicks;
        var after = SteadyTicks();
        if (after - before > TooFarApart.Ticks)
            return TimeSpan.Zero;

        var step = TimeSpan.FromTicks(wall - after - Volatile.Read(ref correctionTicks));
        if (step.Duration() <= StepThreshold)
            return TimeSpan.Zero;

        var known = Steps;
        var noted = new ClockStep(ToInstant(after), step);
        Volatile.Write(ref steps, [.. known.Skip(known.Count + 1 - StepsKept), noted]);
        Volatile.Write(ref correctionTicks, wall - after);
        return step;
    }

    /// <summary>
    /// Both clocks at one instant, as nearly as they can be read: a thread that is interrupted between the
    /// two readings would anchor the timeline wrong by as much for as long as the server runs.
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

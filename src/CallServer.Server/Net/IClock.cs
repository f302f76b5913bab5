using CallServer.Model;
using CallServer.Surface;

namespace CallServer.Server.Net;

/// <summary>
/// The only source of time. Waits and records use the steady clock; the wall clock is what people read.
/// </summary>
public interface IClock
{
    /// <summary>What both clocks say now.</summary>
    Moment Now { get; }

    /// <summary>
    /// How far the wall clock has been stepped since the steady one was anchored to it: added to every time
    /// that is shown. It changes only when a step is detected, so that the same instant is shown the same way
    /// until then.
    /// </summary>
    TimeSpan Correction { get; }

    /// <summary>The latest of the steps that make it up, oldest first.</summary>
    IReadOnlyList<ClockStep> Steps { get; }
}

using CallServer.Model;
using CallServer.Surface;

namespace CallServer.Server.Net;

/// <summary>The only source of time. Waits and records use the steady clock; people read the wall clock.</summary>
public interface IClock
{
    /// <summary>The time on both clocks.</summary>
    Moment Now { get; }

    /// <summary>
    /// How far the wall clock has been stepped since the steady clock was anchored to it. It is added to every time
    /// that is shown. It changes only when a step is detected, so that the same instant is shown the same way until
    /// then.
    /// </summary>
    TimeSpan Correction { get; }

    /// <summary>The latest steps that make up the correction, oldest first.</summary>
    IReadOnlyList<ClockStep> Steps { get; }
}

namespace CallServer.Host.Tests.Fleet;

/// <summary>A monotonic clock that moves when the test says so.</summary>
internal sealed class HandTime : TimeProvider
{
    public TimeSpan Now { get; set; }

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Now.Ticks;
}

using CallServer.Surface;

namespace CallServer.Bench.Performance.InProcess;

/// <summary>The server in whose name records are made here.</summary>
internal static class Stamps
{
    public static ServerStamp Bench { get; } = new("bench", 1, TimeSpan.Zero, []);
}

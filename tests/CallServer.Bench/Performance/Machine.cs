using System.Globalization;
using System.Runtime.InteropServices;

namespace CallServer.Bench.Performance;

/// <summary>Where and when something was measured.</summary>
internal static class Machine
{
    /// <summary>Cores, processor, memory, runtime and date in one line.</summary>
    public static string Words(DateTimeOffset now)
    {
        var memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 1e9;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{Environment.ProcessorCount} cores ({Processor()}), {memory:0} GB, {RuntimeInformation.FrameworkDescription}, {now:yyyy-MM-dd}"
        );
    }

    private static string Processor()
    {
        const string file = "/proc/cpuinfo";
        var line = File.Exists(file)
            ? File.ReadLines(file)
                .FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))
            : null;
        return line?[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim()
            ?? RuntimeInformation.ProcessArchitecture.ToString();
    }
}

using System.Globalization;

namespace CallServer.Bench.Performance.Tools;

/// <summary>CPU time of a process and everything that it started, from /proc.</summary>
internal static class ProcessTree
{
    // Linux tells it in hundredths of a second, whatever its own clock is (USER_HZ).
    private const double Hz = 100;

    /// <summary>Seconds, user and system.</summary>
    public static double Cpu(int process)
    {
        var all = Directory
            .EnumerateDirectories("/proc")
            .Select(folder => Read(Path.Combine(folder, "stat")))
            .OfType<(int Id, int Parent, double Cpu)>()
            .ToLookup(each => each.Parent);
        double Below(int parent) => all[parent].Sum(child => child.Cpu + Below(child.Id));
        return (Read($"/proc/{process}/stat")?.Cpu ?? 0) + Below(process);
    }

    private static (int Id, int Parent, double Cpu)? Read(string file)
    {
        try
        {
            var text = File.ReadAllText(file);
            // The name, in brackets, may hold anything.
            var rest = text[(text.LastIndexOf(')') + 2)..].Split(' ');
            int Number(string word) => int.Parse(word, CultureInfo.InvariantCulture);
            return (
                Number(text[..text.IndexOf(' ', StringComparison.Ordinal)]),
                Number(rest[1]),
                (Number(rest[11]) + Number(rest[12])) / Hz
            );
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // It is no process, or has ended.
            return null;
        }
    }
}

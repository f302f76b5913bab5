using System.Globalization;

namespace CallServer.Bench.Performance.Tools;

/// <summary>What a process and everything that it started take, from /proc.</summary>
internal static class ProcessTree
{
    // Linux tells it in hundredths of a second, whatever its own clock is (USER_HZ).
    private const double Hz = 100;

    /// <summary>Seconds, user and system.</summary>
    public static double Cpu(int process) => All(process).Sum(each => each.Cpu);

    /// <summary>Resident octets; what several of them share counts once.</summary>
    public static long Memory(int process) => All(process).Sum(each => Share(each.Id));

    private static List<(int Id, double Cpu)> All(int process)
    {
        var children = Directory
            .EnumerateDirectories("/proc")
            .Select(folder => Read(Path.Combine(folder, "stat")))
            .OfType<(int Id, int Parent, double Cpu)>()
            .ToLookup(each => each.Parent);
        IEnumerable<(int, double)> Below(int parent) =>
            children[parent].SelectMany(child => Below(child.Id).Prepend((child.Id, child.Cpu)));
        return [(process, Read($"/proc/{process}/stat")?.Cpu ?? 0), .. Below(process)];
    }

    private static long Share(int process)
    {
        try
        {
            var line = File.ReadLines($"/proc/{process}/smaps_rollup")
                .First(line => line.StartsWith("Pss:", StringComparison.Ordinal));
            return 1024
                * long.Parse(
                    line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
                    CultureInfo.InvariantCulture
                );
        }
        catch (Exception fault)
            when (fault is IOException or UnauthorizedAccessException or InvalidOperationException)
        {
            // It has ended, or is another user's.
            return 0;
        }
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
                // Of itself, and of children that have ended: user and system.
                (Number(rest[11]) + Number(rest[12]) + Number(rest[13]) + Number(rest[14])) / Hz
            );
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // It is no process, or has ended.
            return null;
        }
    }
}

using System.Globalization;

namespace CallServer.Bench.Start;

/// <summary>CPU time of a process by thread name, as Linux reports it; empty on other systems.</summary>
internal static class ThreadTimes
{
    // USER_HZ, which is 100 for every program on Linux.
    private const double Ticks = 100;

    /// <summary>Seconds by thread name, busiest first.</summary>
    public static string Of(int process)
    {
        var tasks = $"/proc/{process}/task";
        if (!Directory.Exists(tasks))
            return "";
        var times = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (var task in Directory.GetDirectories(tasks))
        {
            try
            {
                var stat = File.ReadAllText(Path.Combine(task, "stat"));
                var end = stat.LastIndexOf(')');
                var name = stat[(stat.IndexOf('(', StringComparison.Ordinal) + 1)..end];
                // utime and stime are the 14th and 15th fields; the state after the name is the 3rd.
                var fields = stat[(end + 2)..].Split(' ');
                var ticks =
                    long.Parse(fields[11], CultureInfo.InvariantCulture)
                    + long.Parse(fields[12], CultureInfo.InvariantCulture);
                times[name] = times.GetValueOrDefault(name) + ticks / Ticks;
            }
            catch (IOException)
            {
                // The process has just ended.
            }
        }
        return string.Join(
            ", ",
            times
                .Where(each => each.Value >= 0.05)
                .OrderByDescending(each => each.Value)
                .Select(each => FormattableString.Invariant($"{each.Key} {each.Value:0.00}"))
        );
    }
}

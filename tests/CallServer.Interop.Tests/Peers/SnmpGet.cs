using System.Globalization;

namespace CallServer.Interop.Peers;

/// <summary>net-snmp's own client, which asks an agent apart from the program under test.</summary>
internal static class SnmpGet
{
    public const string SysUpTime = "1.3.6.1.2.1.1.3.0";

    /// <summary>sysUpTime when the agent loaded its table, in centiseconds.</summary>
    public const string Load = "1.3.6.1.4.1.8072.9999.9999.1.0";

    /// <summary>The version of the file that the agent serves.</summary>
    public const string Version = "1.3.6.1.4.1.8072.9999.9999.2.0";

    // Numbers only, and no MIB files: the tests know their objects.
    private static readonly Dictionary<string, string?> Environment = new() { ["MIBS"] = "" };

    /// <summary>The values as numbers; null where the agent does not answer, or not with numbers.</summary>
    public static async Task<uint[]?> TryAsync(int port, params string[] objects)
    {
        string[] arguments = ["-v2c", "-c", "public", "-t", "0.5", "-r", "0", "-Oqvt"];
        await using var child = ChildProcess.Start(
            Programs.Find("snmpget"),
            [.. arguments, $"127.0.0.1:{port}", .. objects],
            Environment
        );
        var finished = await child.FinishAsync(TimeSpan.FromSeconds(20));
        var values = new List<uint>();
        foreach (var line in finished.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries))
            if (uint.TryParse(line, NumberStyles.None, CultureInfo.InvariantCulture, out var value))
                values.Add(value);
        return finished.ExitCode == 0 && values.Count == objects.Length ? [.. values] : null;
    }
}

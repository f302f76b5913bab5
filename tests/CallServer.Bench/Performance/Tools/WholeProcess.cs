using System.Globalization;
using CallServer.Interop.Peers;

namespace CallServer.Bench.Performance.Tools;

/// <summary>A program that ran from its start to its end.</summary>
/// <param name="ExitCode">Its exit status.</param>
/// <param name="Seconds">From start to end.</param>
/// <param name="Cpu">Seconds of CPU, with everything that it started itself.</param>
/// <param name="Megabytes">Resident at most.</param>
/// <param name="Output">What it wrote to standard output.</param>
internal sealed record WholeProcess(int ExitCode, double Seconds, double Cpu, double Megabytes, string Output)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    // The user's own settings are meant for the user's own server; MIB files would only be read.
    private static readonly Dictionary<string, string?> Variables = Environment
        .GetEnvironmentVariables()
        .Keys.Cast<string>()
        .Where(name => name.StartsWith("CALLSERVER_", StringComparison.OrdinalIgnoreCase))
        .Append("MIBS")
        .ToDictionary(name => name, name => name == "MIBS" ? "" : null);

    /// <summary>Runs a command. The system itself counts; see measured.py.</summary>
    public static async Task<WholeProcess> RunAsync(Scope scope, params IEnumerable<string> command)
    {
        var output = Path.Combine(scope.NewFolder("output"), "output");
        string[] words =
        [
            Path.Combine(AppContext.BaseDirectory, "Performance", "Tools", "measured.py"),
            output,
            .. command,
        ];
        var told = await scope.Start(Programs.Find("python3"), words, Variables).FinishAsync(Limit);
        var figures = told.Output.Split(' ', StringSplitOptions.TrimEntries);
        if (told.ExitCode != 0 || figures.Length != 4)
            throw Trouble.Failed(told.ToString());
        double Figure(int at) => double.Parse(figures[at], CultureInfo.InvariantCulture);
        return new WholeProcess(
            (int)Figure(0),
            Figure(1),
            Figure(2),
            Figure(3) * 1024 / 1e6,
            await File.ReadAllTextAsync(output)
        );
    }

    /// <summary>Runs <c>callserver</c>.</summary>
    public static Task<WholeProcess> CallServerAsync(Scope scope, params IEnumerable<string> words) =>
        RunAsync(scope, [.. Child.CallServer, .. words]);
}

namespace CallServer.Host.Cli;

/// <summary>What the process tells its caller; the command line's contract.</summary>
public static class ExitCode
{
    /// <summary>All that was asked for was told.</summary>
    public const int Complete = 0;

    /// <summary>A gateway was reached, but did not tell everything.</summary>
    public const int Partial = 1;

    /// <summary>A gateway is silent or refuses; no server answers.</summary>
    public const int Unavailable = 2;

    /// <summary>The command line or the configuration is wrong.</summary>
    public const int Usage = 64;

    /// <summary>A fault of our own.</summary>
    public const int Fault = 70;

    /// <summary>Ctrl-C before there was a result: 128 + SIGINT, as shells have it.</summary>
    public const int Interrupted = 130;
}

/// <summary>A command cannot go on, for a reason that is told in one line a message; no fault of our own.</summary>
public sealed class CommandFailedException(int exitCode, params IReadOnlyList<string> lines)
    : Exception(string.Join('\n', lines))
{
    public int ExitCode { get; } = exitCode;

    /// <summary>What to print on standard error.</summary>
    public IReadOnlyList<string> Lines { get; } = lines;
}

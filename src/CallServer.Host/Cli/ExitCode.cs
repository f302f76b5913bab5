namespace CallServer.Host.Cli;

/// <summary>The exit statuses, part of the command line's contract.</summary>
public static class ExitCode
{
    /// <summary>Everything asked for was reported.</summary>
    public const int Complete = 0;

    /// <summary>A gateway was reached but did not report everything.</summary>
    public const int Partial = 1;

    /// <summary>A gateway is silent or refuses, or no server answers.</summary>
    public const int Unavailable = 2;

    /// <summary>The command line or the configuration is wrong.</summary>
    public const int Usage = 64;

    /// <summary>A fault of our own.</summary>
    public const int Fault = 70;

    /// <summary>Ctrl-C before there was a result: 128 + SIGINT, as shells use.</summary>
    public const int Interrupted = 130;
}

/// <summary>A command cannot go on for a reason that is no fault of our own; each message is one line.</summary>
public sealed class CommandFailedException(int exitCode, params IReadOnlyList<string> lines)
    : Exception(string.Join('\n', lines))
{
    public int ExitCode { get; } = exitCode;

    /// <summary>The lines for standard error.</summary>
    public IReadOnlyList<string> Lines { get; } = lines;
}

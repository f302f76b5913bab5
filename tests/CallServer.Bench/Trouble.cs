using CallServer.Host.Cli;

namespace CallServer.Interop.Peers;

/// <summary>What a peer's failure means here, where no test runs: the command ends.</summary>
internal static class Trouble
{
    /// <summary>A peer does not do what it must.</summary>
    public static Exception Failed(string message) => new CommandFailedException(ExitCode.Partial, message);

    /// <summary>Something this machine lacks.</summary>
    public static Exception Missing(string message) =>
        new CommandFailedException(ExitCode.Unavailable, message);
}

using CallServer.Host.Cli;
using CallServer.Interop.Peers;

namespace CallServer.Bench.Performance.Tools;

/// <summary>Rivals that may be missing: the table then says so.</summary>
internal static class Optional
{
    /// <summary>The program's path; null if it is not installed.</summary>
    public static string? Find(string program)
    {
        try
        {
            return Programs.Find(program);
        }
        catch (CommandFailedException missing) when (missing.ExitCode == ExitCode.Unavailable)
        {
            return null;
        }
    }

    /// <summary>What stands in place of its figure.</summary>
    public static string Missing(string program) => $"{program} is not installed: sudo scripts/peers.sh";
}

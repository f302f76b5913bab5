using CallServer.Host.Configuration;
using CallServer.Surface;

namespace CallServer.Host.Cli.Auditing;

/// <summary>What to try where a gateway is silent or refuses.</summary>
public static class Advice
{
    /// <summary>One line: which gateway, why, and what to try.</summary>
    public static string Of(GatewayUri uri, AuditView view, bool portClosed)
    {
        ArgumentNullException.ThrowIfNull(uri);
        ArgumentNullException.ThrowIfNull(view);
        if (portClosed)
        {
            return $"{uri.Authority}: nothing listens on that UDP port; "
                + "try whether the agent runs, on which port, and whether it listens on this address";
        }

        // That the time was over is told by the silence.
        var why = string.Join("; ", view.Reasons.Where(reason => reason != "cancelled"));
        var what =
            view.Reasons.Any(reason => reason.StartsWith("refused", StringComparison.Ordinal)) ? Refused(why)
            : uri.User is null ? "try --community-from, the agent's access list, or a longer --timeout"
            : "try whether it speaks SNMPv3, its access list, or a longer --timeout";
        return $"{uri.Authority}: {why}; {what}";
    }

    /// <summary>It was telling when the time was over.</summary>
    public static string OutOfTime(GatewayUri uri, TimeSpan within)
    {
        ArgumentNullException.ThrowIfNull(uri);
        return $"{uri.Authority}: not finished within {Durations.Format(within)}; try a longer --timeout";
    }

    /// <summary>By what the refusal says.</summary>
    private static string Refused(string why)
    {
        bool Says(string word) => why.Contains(word, StringComparison.OrdinalIgnoreCase);
        return Says("digest") ? "try --auth-from, and auth= as the agent has it for that user"
            : Says("privacy") ? "try --priv-from, and priv= as the agent has it for that user"
            : Says("security level") ? "try auth= and priv= in the URI as the agent wants them of that user"
            : Says("know user") ? "try the user's name in the URI"
            : Says("may not read") ? "try what the agent's access rules (views) let it see"
            : "try again, and see what the agent's log says of it";
    }
}

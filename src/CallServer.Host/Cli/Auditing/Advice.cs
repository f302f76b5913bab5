using CallServer.Host.Configuration;
using CallServer.Surface;

namespace CallServer.Host.Cli.Auditing;

/// <summary>What to try where a gateway is silent or refuses.</summary>
public static class Advice
{
    /// <summary>One line: which gateway, why, and what to try.</summary>
    /// <param name="uri">The gateway.</param>
    /// <param name="view">What the audit came to.</param>
    /// <param name="fault">What another look at its port found, in words; null where nothing.</param>
    public static string Of(GatewayUri uri, AuditView view, string? fault)
    {
        ArgumentNullException.ThrowIfNull(uri);
        ArgumentNullException.ThrowIfNull(view);
        if (fault is not null)
        {
            return $"{uri.Authority}: {fault}; "
                + $"try whether {Who(uri)} runs, on which port, and whether it listens on this address";
        }

        // That the time was over is told by the silence.
        var why = string.Join("; ", view.Reasons.Where(reason => reason != "cancelled"));
        var what = view.Reasons.Any(reason => reason.StartsWith("refused", StringComparison.Ordinal))
            ? Refused(uri, why)
            : Silent(uri);
        return $"{uri.Authority}: {why}; {what}";
    }

    /// <summary>It was telling when the time was over.</summary>
    public static string OutOfTime(GatewayUri uri, TimeSpan within)
    {
        ArgumentNullException.ThrowIfNull(uri);
        return $"{uri.Authority}: not finished within {Durations.Format(within)}; try a longer --timeout";
    }

    private static string Who(GatewayUri uri) =>
        uri.Scheme switch
        {
            "snmp" => "the agent",
            "mgcp" => "its MGCP",
            "sip" => "its SIP",
            _ => "rtpengine",
        };

    private static string Silent(GatewayUri uri) =>
        uri.Scheme switch
        {
            "snmp" when uri.User is null =>
                "try --community-from, the agent's access list, or a longer --timeout",
            "snmp" => "try whether it speaks SNMPv3, its access list, or a longer --timeout",
            "mgcp" => "try the port, which call agents it answers, or a longer --timeout",
            "sip" when uri.Transport is null => "try the port, whom it answers, or a longer --timeout",
            "sip" => "try the other ;transport=, the port, whom it answers, or a longer --timeout",
            "ng" => "try its listen-ng port, or ng+tcp:// or ng+http:// on theirs, or a longer --timeout",
            "ng+tcp" => "try its listen-tcp-ng port, or a longer --timeout",
            _ => "try its listen-http port, or a longer --timeout",
        };

    private static string Refused(GatewayUri uri, string why) =>
        uri.Scheme switch
        {
            "snmp" => RefusedBySnmp(why),
            "sip" => RefusedBySip(uri, why),
            "mgcp" => "try endpoints= in the URI with names as the gateway has them",
            _ => "try what rtpengine's log says of it",
        };

    /// <summary>By what the refusal says.</summary>
    private static string RefusedBySnmp(string why)
    {
        bool Says(string word) => why.Contains(word, StringComparison.OrdinalIgnoreCase);
        return Says("digest") ? "try --auth-from, and auth= as the agent has it for that user"
            : Says("privacy") ? "try --priv-from, and priv= as the agent has it for that user"
            : Says("security level") ? "try auth= and priv= in the URI as the agent wants them of that user"
            : Says("know user") ? "try the user's name in the URI"
            : Says("may not read") ? "try what the agent's access rules (views) let it see"
            : "try again, and see what the agent's log says of it";
    }

    /// <summary>By the status that it answered (RFC 3261 §21, RFC 6665 §4.2).</summary>
    private static string RefusedBySip(GatewayUri uri, string why)
    {
        bool Says(string word) => why.Contains(word, StringComparison.OrdinalIgnoreCase);
        return Says("password") && uri.From is null
                ? "try ?from=sip:WHO@DOMAIN in the URI, and --auth-from with that one's password"
            : Says("password") ? "try --auth-from, and the user in from="
            : Says("may not watch") || Says("allowed") || Says("rejected")
                ? "try another user in from=, or let this one watch"
            : Says("no such user") ? "try the user before the @"
            : Says("dialog event package") ? "try whether the gateway offers dialog-info to subscribers"
            : Says("redirects") ? "try the address that it names"
            : "try again, and see what the gateway's log says of it";
    }
}

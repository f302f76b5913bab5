using System.Globalization;
using System.Text.RegularExpressions;
using CallServer.Host.Configuration;
using CallServer.Surface;

namespace CallServer.Host.Cli.Auditing;

/// <summary>What to try where a gateway is silent or refuses.</summary>
public static partial class Advice
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
        var why = Why(view);
        var what =
            view.Reasons.Any(reason => reason.StartsWith("refused", StringComparison.Ordinal))
                ? Refused(uri, why)
            : view.Reasons.Any(reason => reason.StartsWith("elsewhere", StringComparison.Ordinal))
                ? "try that replies= in the URI, where the gateway is known to answer from there"
            : Silent(uri);
        return $"{uri.Authority}: {why}; {what}";
    }

    /// <summary>It was telling when the time was over.</summary>
    public static string OutOfTime(GatewayUri uri, AuditView view, TimeSpan within)
    {
        ArgumentNullException.ThrowIfNull(uri);
        ArgumentNullException.ThrowIfNull(view);
        var why = Why(view) is { Length: > 0 } words ? $" ({words})" : "";
        return $"{uri.Authority}: not finished within {Durations.Format(within)}{why}; try a longer --timeout";
    }

    private static string Why(AuditView view) =>
        string.Join("; ", view.Reasons.Where(reason => reason != "cancelled"));

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
            "mgcp" => RefusedByMgcp(why),
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
            : Says("boots counter") ? "try to configure the agent's SNMPv3 engine anew"
            : Says("context") ? "try context= in the URI as the agent has it"
            : Says("may not read") ? "try what the agent's access rules (views) let it see"
            : "try again, and see what the agent's log says of it";
    }

    /// <summary>By the return code that it answered (RFC 3435 §2.4).</summary>
    private static string RefusedByMgcp(string why)
    {
        bool Says(string code) => why.Contains($": {code} ", StringComparison.Ordinal);
        return Says("500") ? "try endpoints= in the URI with names as the gateway has them"
            : Says("528") || Says("510")
                ? "try version=0.1, version=ncs or version=tgcp, or see which one it speaks"
            : Says("521") ? "try the address of the gateway itself, and see which call agent controls it"
            : "try again, and see whether the gateway takes commands of this call agent";
    }

    /// <summary>By the status that it answered (RFC 3261 §21, RFC 6665 §4.2).</summary>
    private static string RefusedBySip(GatewayUri uri, string why)
    {
        var status = SipStatus().Match(why) is { Success: true } told
            ? int.Parse(told.Groups[1].Value, CultureInfo.InvariantCulture)
            : 0;
        return status switch
        {
            401 or 407 when uri.From is null =>
                "try ?from=sip:WHO@DOMAIN in the URI, and --auth-from with that one's password",
            401 or 407 => "try --auth-from, and the user in from=",
            403 => "try another user in from=, or let this one watch",
            404 or 410 or 604 => "try the user before the @",
            405 or 501 => "it takes no SUBSCRIBE there: try the address and port of its presence server",
            489 => "try whether the gateway offers dialog-info to subscribers",
            >= 300 and < 400 => "try the address that it names",
            // A notification that refuses.
            0 => "try the user before the @, another user in from=, or let this one watch",
            _ => "try again, and see what the gateway's log says of it",
        };
    }

    /// <summary>The status that a refusal begins with.</summary>
    [GeneratedRegex(@"refused: (?:the gateway redirects with )?([3-6][0-9]{2})\b")]
    private static partial Regex SipStatus();
}

using CallServer.Server.Configuration;
using CallServer.Surface;

namespace CallServer.Host.Cli.Auditing;

/// <summary>One line of advice when a gateway reported nothing, or not in time.</summary>
public static class Advice
{
    /// <summary>Says which gateway it was, why it failed, and what to try.</summary>
    /// <param name="uri">The gateway.</param>
    /// <param name="result">The audit's result.</param>
    /// <param name="fault">What a second look at its port found, in words; null if nothing.</param>
    public static string Of(GatewayUri uri, AuditResult result, string? fault)
    {
        ArgumentNullException.ThrowIfNull(uri);
        ArgumentNullException.ThrowIfNull(result);
        return fault is null
            // The silence already says that the time was over.
            ? $"{uri.Authority}: {string.Join("; ", result.ReasonsInTime)}; {uri.Advice(result)}"
            : $"{uri.Authority}: {fault}; "
                + $"try whether {uri.Speaker} runs, on which port, and whether it listens on this address";
    }

    /// <summary>Advice for a gateway that was still reporting when the time was over.</summary>
    public static string OutOfTime(GatewayUri uri, AuditResult result, TimeSpan within)
    {
        ArgumentNullException.ThrowIfNull(uri);
        ArgumentNullException.ThrowIfNull(result);
        var why = result.ReasonsInTime is { Count: > 0 } words ? $" ({string.Join("; ", words)})" : "";
        return $"{uri.Authority}: not finished within {Durations.Format(within)}{why}; try a longer --timeout";
    }
}

using CallServer.Server.Configuration;
using CallServer.Surface;

namespace CallServer.Host.Cli.Auditing;

/// <summary>One line for a person whose gateway told nothing, or not in time.</summary>
public static class Advice
{
    /// <summary>Which gateway, why, and what to try.</summary>
    /// <param name="uri">The gateway.</param>
    /// <param name="result">What the audit came to.</param>
    /// <param name="fault">What another look at its port found, in words; null where nothing.</param>
    public static string Of(GatewayUri uri, AuditResult result, string? fault)
    {
        ArgumentNullException.ThrowIfNull(uri);
        ArgumentNullException.ThrowIfNull(result);
        return fault is null
            // That the time was over is told by the silence.
            ? $"{uri.Authority}: {string.Join("; ", result.ReasonsInTime)}; {uri.Advice(result)}"
            : $"{uri.Authority}: {fault}; "
                + $"try whether {uri.Speaker} runs, on which port, and whether it listens on this address";
    }

    /// <summary>It was telling when the time was over.</summary>
    public static string OutOfTime(GatewayUri uri, AuditResult result, TimeSpan within)
    {
        ArgumentNullException.ThrowIfNull(uri);
        ArgumentNullException.ThrowIfNull(result);
        var why = result.ReasonsInTime is { Count: > 0 } words ? $" ({string.Join("; ", words)})" : "";
        return $"{uri.Authority}: not finished within {Durations.Format(within)}{why}; try a longer --timeout";
    }
}

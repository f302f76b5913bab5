using System.Globalization;
using CallServer.Server.Net;
using CallServer.Server.Polling;
using Spectre.Console;

namespace CallServer.Host.Cli.Auditing;

/// <summary>
/// Shows on a terminal, while an audit runs, how far it has come, how quickly, and how long the rest will take. Shows
/// nothing in a pipe, or to a reader of JSON.
/// </summary>
internal sealed class Waiting(Terminal terminal, IClock clock, bool asJson)
{
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(200);

    /// <summary>The audit's outcome.</summary>
    /// <param name="audit">The audit that is waited for.</param>
    /// <param name="gateway">Its gateway, as people name it.</param>
    /// <param name="progress">How far it has come.</param>
    /// <param name="others">How many other audits are under way.</param>
    public async Task<T> ForAsync<T>(Task<T> audit, string gateway, AuditProgress progress, int others = 0)
    {
        if (terminal.Screen is not { } screen || asJson || audit.IsCompleted)
            return await audit;
        var began = clock.Now.Steady;
        return await screen
            .Status()
            .StartAsync(
                Markup.Escape($"asking {gateway}"),
                async status =>
                {
                    using var timer = new PeriodicTimer(Glance);
                    while (await Task.WhenAny(audit, timer.WaitForNextTickAsync().AsTask()) != audit)
                    {
                        var line = Words(
                            gateway,
                            progress.Requests,
                            progress.Rows,
                            clock.Now.Steady - began,
                            others
                        );
                        status.Status(Markup.Escape(line));
                    }
                    return await audit;
                }
            );
    }

    /// <summary>
    /// For example <c>asking 192.0.2.1:161: 340 of 1,000 rows, 1,700 a second, 0.4 s left (12 requests)</c>.
    /// </summary>
    internal static string Words(
        string gateway,
        int requests,
        (int Told, int? Expected) rows,
        TimeSpan elapsed,
        int others
    )
    {
        var culture = CultureInfo.InvariantCulture;
        var also = others > 0 ? string.Create(culture, $", and {others} more") : "";
        var effort = string.Create(culture, $"({requests:N0} {(requests == 1 ? "request" : "requests")})");
        if (rows.Told == 0)
            return $"asking {gateway}{also} {effort}";

        var rate = rows.Told / Math.Max(elapsed.TotalSeconds, 0.001);
        // A gateway may list more than it counted when it was asked.
        var all = rows.Expected is { } expected && expected >= rows.Told ? expected : (int?)null;
        var told = all is { } most
            ? string.Create(culture, $"{rows.Told:N0} of {most:N0} rows")
            : string.Create(culture, $"{rows.Told:N0} rows");
        var left = all is { } end ? $", {Left((end - rows.Told) / rate)} left" : "";
        return string.Create(culture, $"asking {gateway}{also}: {told}, {rate:N0} a second{left} {effort}");
    }

    private static string Left(double seconds) =>
        seconds < 10
            ? string.Create(CultureInfo.InvariantCulture, $"{seconds:0.0} s")
            : ConnectionColumns.Length(seconds);
}

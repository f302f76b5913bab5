using System.Text.Json;
using CallServer.Server.Net;

namespace CallServer.Server.Web;

/// <summary>
/// <c>POST /v1/csp-reports</c>: counts browsers' reports of what a content policy has stopped, and logs one a minute.
/// Anybody can send them, so they are believed for nothing else.
/// </summary>
internal sealed class CspReports(IClock clock, ILogger logger)
{
    /// <summary>The path below the server's address.</summary>
    public const string Path = "v1/csp-reports";

    private const int PerSecond = 10;
    private const int Longest = 200;

    private readonly RateLimit rate = new(PerSecond, clock);
    private readonly Seldom<string> seldom = new(clock, 1);
    private long count;

    /// <summary>Reports since the start, those that came too fast included.</summary>
    public long Count => Volatile.Read(ref count);

    public async Task<IResult> ServeAsync(HttpContext http)
    {
        Interlocked.Increment(ref count);
        if (!rate.TryTake(out _))
            return Results.StatusCode(StatusCodes.Status429TooManyRequests);
        var what = await WhatAsync(http.Request);
        if (seldom.Tells(Path, out var more))
            logger.LogWarning(
                "a browser reports that a page broke its content policy: {What}{More}",
                what,
                more == 0 ? "" : $" (and {more} more since the last such line)"
            );
        return Results.NoContent();
    }

    /// <summary>Either form of a report: that of report-uri, or a list as that of report-to.</summary>
    private static async Task<string> WhatAsync(HttpRequest request)
    {
        try
        {
            using var body = await JsonDocument.ParseAsync(
                request.Body,
                cancellationToken: request.HttpContext.RequestAborted
            );
            var report = body.RootElement;
            if (report.ValueKind == JsonValueKind.Array && report.GetArrayLength() > 0)
                report = Member(report[0], "body");
            else
                report = Member(report, "csp-report");
            var directive = Text(report, "effective-directive", "effectiveDirective", "violated-directive");
            return $"{directive} stopped {Text(report, "blocked-uri", "blockedURL")}";
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            return "it does not say how";
        }
    }

    private static JsonElement Member(JsonElement of, string name) =>
        of.ValueKind == JsonValueKind.Object && of.TryGetProperty(name, out var member) ? member : default;

    private static string Text(JsonElement report, params string[] names)
    {
        var text = names
            .Select(name => Member(report, name))
            .Where(member => member.ValueKind == JsonValueKind.String)
            .Select(member => member.GetString()!)
            .FirstOrDefault("something");
        return text.Length <= Longest ? text : text[..Longest] + "…";
    }
}

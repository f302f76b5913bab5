using Microsoft.Net.Http.Headers;

namespace CallServer.Server.Web.Reading;

/// <summary>Which form of CDRs a client wants, by its header Accept (RFC 9110 §12.5.1).</summary>
internal static class CdrAccept
{
    private static readonly (string Type, string Name)[] Forms =
    [
        ("application/json", "json"),
        ("application/x-ndjson", "ndjson"),
        ("text/csv", "csv"),
    ];

    /// <summary><c>json</c>, <c>ndjson</c> or <c>csv</c>; null if the client wants none of them.</summary>
    public static string? Wanted(HttpRequest request)
    {
        if (request.Headers.Accept.Count == 0)
            return "json";
        if (!MediaTypeHeaderValue.TryParseList(request.Headers.Accept, out var ranges))
            return null;
        return Forms
            .Select(form => (form.Name, Quality: Quality(form.Type, ranges)))
            .Where(form => form.Quality > 0)
            // Sorting is stable: of two that are wanted alike, the first one is taken.
            .OrderByDescending(form => form.Quality)
            .FirstOrDefault()
            .Name;
    }

    /// <summary>The quality that the most specific range gives to a type; 0 if none fits.</summary>
    private static double Quality(string type, IEnumerable<MediaTypeHeaderValue> ranges)
    {
        var wanted = new MediaTypeHeaderValue(type);
        var best = ranges
            .Where(range => Fits(wanted, range))
            .OrderBy(range =>
                range.MatchesAllTypes ? 2
                : range.MatchesAllSubTypes ? 1
                : 0
            )
            .FirstOrDefault();
        return best is null ? 0 : best.Quality ?? 1;
    }

    private static bool Fits(MediaTypeHeaderValue type, MediaTypeHeaderValue range) =>
        range.MatchesAllTypes
        || (
            range.Type.Equals(type.Type, StringComparison.OrdinalIgnoreCase)
            && (
                range.MatchesAllSubTypes
                || range.SubType.Equals(type.SubType, StringComparison.OrdinalIgnoreCase)
            )
        );
}

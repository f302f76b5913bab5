using System.Text.Json;
using System.Text.Json.Serialization;

namespace CallServer.Host.Web;

/// <summary>What is answered where a request cannot be: application/problem+json, RFC 9457.</summary>
internal static class Problems
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    private sealed record Problem(
        string Type,
        string Title,
        int Status,
        string? Detail,
        IReadOnlyDictionary<string, string>? Parameters
    );

    public static IResult Of(
        int status,
        string title,
        string? detail = null,
        IReadOnlyDictionary<string, string>? parameters = null
    ) =>
        Results.Text(
            JsonSerializer.Serialize(new Problem("about:blank", title, status, detail, parameters), Json),
            "application/problem+json",
            statusCode: status
        );
}

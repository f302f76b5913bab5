using System.Text.Json;
using System.Text.Json.Serialization;

namespace CallServer.Server.Web;

/// <summary>What is answered where a request cannot be: application/problem+json, RFC 9457.</summary>
internal static class Problems
{
    /// <summary>RFC 9457 §6.1.</summary>
    public const string ContentType = "application/problem+json";

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
    ) => Results.Text(Text(status, title, detail, parameters), ContentType, statusCode: status);

    /// <summary>The body alone.</summary>
    public static string Text(
        int status,
        string title,
        string? detail = null,
        IReadOnlyDictionary<string, string>? parameters = null
    ) => JsonSerializer.Serialize(new Problem("about:blank", title, status, detail, parameters), Json);
}

using System.Text.Json;
using System.Text.Json.Serialization;
using CallServer.Server.Web.Contract;
using CallServer.Storage;

namespace CallServer.Server.Web;

/// <summary>Answers to requests that cannot be served: application/problem+json, RFC 9457.</summary>
internal static class Problems
{
    /// <summary>The media type, RFC 9457 §6.1.</summary>
    public const string ContentType = "application/problem+json";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = LegibleJson.Encoder,
    };

    /// <summary>The whole answer.</summary>
    public static IResult Of(
        int status,
        string title,
        string? detail = null,
        IReadOnlyDictionary<string, string>? parameters = null
    ) => Results.Text(Text(status, title, detail, parameters), ContentType, statusCode: status);

    /// <summary>The problem's JSON body.</summary>
    public static string Text(
        int status,
        string title,
        string? detail = null,
        IReadOnlyDictionary<string, string>? parameters = null
    ) => JsonSerializer.Serialize(new Problem("about:blank", title, status, detail, parameters), Json);
}

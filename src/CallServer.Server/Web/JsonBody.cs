using System.Text.Json;

namespace CallServer.Server.Web;

/// <summary>The JSON object that an order's body is.</summary>
internal static class JsonBody
{
    /// <summary>
    /// Its members in their order; null where it is none: no JSON, no object, or text that is no UTF-8 (RFC 8259 §8.1) or
    /// half a surrogate pair, which the parser lets pass and whoever reads the text stumbles over.
    /// </summary>
    public static async Task<IReadOnlyList<(string Name, JsonElement Value)>?> MembersAsync(
        Stream content,
        CancellationToken cancel
    )
    {
        try
        {
            using var body = await JsonDocument.ParseAsync(content, cancellationToken: cancel);
            return body.RootElement.ValueKind == JsonValueKind.Object
                ?
                [
                    .. body
                        .RootElement.EnumerateObject()
                        .Select(member => (member.Name, Legible(member.Value))),
                ]
                : null;
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    private static JsonElement Legible(JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.String)
            _ = value.GetString();
        return value.Clone();
    }
}

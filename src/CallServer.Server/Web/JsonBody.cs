using System.Text.Json;

namespace CallServer.Server.Web;

/// <summary>The JSON object in the body of a control request.</summary>
internal static class JsonBody
{
    /// <summary>
    /// Its members in order. Null if it is not JSON, not an object, or has text that is not UTF-8 (RFC 8259 §8.1) or
    /// half a surrogate pair, which the parser accepts but which breaks whoever reads the text.
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

using System.Text.Json;
using CallServer.Storage;

namespace CallServer.Host.Cli.Output;

/// <summary>
/// Reads our own JSON without binding it to types, so that a field this version does not know is not lost.
/// </summary>
public static class JsonText
{
    /// <summary>The contract's names with every key present, and as little escaping as a console allows.</summary>
    public static JsonSerializerOptions Options { get; } =
        new(JsonSerializerDefaults.Web) { Encoder = LegibleJson.Encoder };

    /// <summary>The value on one line, as it was sent.</summary>
    public static string Line(JsonElement element)
    {
        var text = element.GetRawText();
        // A line break can only be between tokens.
        return text.AsSpan().ContainsAny('\n', '\r') ? JsonSerializer.Serialize(element, Options) : text;
    }

    /// <summary>A member; an undefined element if there is none.</summary>
    public static JsonElement Member(this JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value)
            ? value
            : default;

    /// <summary>
    /// A member as text: strings as they are, numbers and booleans as written, arrays joined; null otherwise.
    /// </summary>
    public static string? Text(this JsonElement element, string name) => AsText(element.Member(name));

    public static bool? Flag(this JsonElement element, string name) =>
        element.Member(name).ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => null,
        };

    public static double? Number(this JsonElement element, string name) =>
        element.Member(name) is { ValueKind: JsonValueKind.Number } value ? value.GetDouble() : null;

    /// <summary>The items of an array member; none if it is absent.</summary>
    public static IEnumerable<JsonElement> Items(this JsonElement element, string name) =>
        element.Member(name) is { ValueKind: JsonValueKind.Array } array ? array.EnumerateArray() : [];

    public static string? AsText(JsonElement value) =>
        value.ValueKind switch
        {
            JsonValueKind.String => value.GetString(),
            JsonValueKind.Number => value.GetRawText(),
            JsonValueKind.True => "yes",
            JsonValueKind.False => "no",
            JsonValueKind.Array => string.Join(", ", value.EnumerateArray().Select(AsText)),
            JsonValueKind.Object => string.Join(
                ", ",
                value.EnumerateObject().Select(member => $"{member.Name} {AsText(member.Value) ?? "-"}")
            ),
            _ => null,
        };
}

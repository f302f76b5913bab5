using System.Globalization;
using System.Text.Json;

namespace CallServer.Host.Tests.Web.Api;

/// <summary>
/// Checks JSON against the schemas of an OpenAPI document: the part of JSON Schema 2020-12 that the document uses, and
/// besides that an object has no member that its schema does not name.
/// </summary>
internal sealed class SchemaCheck(JsonElement document)
{
    private static readonly HashSet<string> known =
    [
        "type",
        "format",
        "properties",
        "required",
        "items",
        "additionalProperties",
        "oneOf",
        "enum",
        "minimum",
        "maximum",
        "pattern",
        "description",
        "$ref",
    ];

    /// <summary>What does not fit, each with its place; empty if everything does.</summary>
    public IEnumerable<string> Faults(JsonElement schema, JsonElement value, string place = "$")
    {
        foreach (var keyword in schema.EnumerateObject().Where(keyword => !known.Contains(keyword.Name)))
            yield return $"{place}: the checker does not know {keyword.Name}";
        if (schema.TryGetProperty("$ref", out var reference))
        {
            foreach (var fault in Faults(Resolve(reference.GetString()!), value, place))
                yield return fault;
            yield break;
        }

        if (schema.TryGetProperty("oneOf", out var choices))
        {
            var fits = choices.EnumerateArray().Count(choice => !Faults(choice, value, place).Any());
            if (fits != 1)
                yield return $"{place}: {value} fits {fits} of {choices.GetArrayLength()} schemas";
            yield break;
        }

        if (schema.TryGetProperty("type", out var types) && !Types(types).Any(type => Is(type, value)))
        {
            yield return $"{place}: {value.GetRawText()} is not {types}";
            yield break;
        }

        if (
            schema.TryGetProperty("enum", out var words)
            && !words.EnumerateArray().Any(word => JsonElement.DeepEquals(word, value))
        )
            yield return $"{place}: {value} is none of {words}";
        if (schema.TryGetProperty("format", out var format) && !HasFormat(format.GetString()!, value))
            yield return $"{place}: {value} is no {format}";
        foreach (var fault in Parts(schema, value, place))
            yield return fault;
    }

    /// <summary>What a <c>$ref</c> points to.</summary>
    public JsonElement Resolve(string reference)
    {
        var found = document;
        foreach (var step in reference.Split('/').Skip(1))
            found = found.GetProperty(step.Replace("~1", "/", StringComparison.Ordinal));
        return found;
    }

    private IEnumerable<string> Parts(JsonElement schema, JsonElement value, string place) =>
        value.ValueKind switch
        {
            JsonValueKind.Array when schema.TryGetProperty("items", out var items) => value
                .EnumerateArray()
                .SelectMany((item, index) => Faults(items, item, $"{place}[{index}]")),
            JsonValueKind.Object => Members(schema, value, place),
            _ => [],
        };

    private IEnumerable<string> Members(JsonElement schema, JsonElement value, string place)
    {
        if (schema.TryGetProperty("required", out var required))
        {
            foreach (
                var name in required
                    .EnumerateArray()
                    .Where(name => !value.TryGetProperty(name.GetString()!, out _))
            )
                yield return $"{place}: {name} is missing";
        }

        var properties = schema.TryGetProperty("properties", out var named) ? named : default;
        var others = schema.TryGetProperty("additionalProperties", out var rest) ? rest : default;
        foreach (var member in value.EnumerateObject())
        {
            var declared =
                properties.ValueKind == JsonValueKind.Object
                && properties.TryGetProperty(member.Name, out var own)
                    ? own
                    : others;
            if (declared.ValueKind != JsonValueKind.Object)
                yield return $"{place}: {member.Name} is not declared";
            else
            {
                foreach (var fault in Faults(declared, member.Value, $"{place}.{member.Name}"))
                    yield return fault;
            }
        }
    }

    private static IEnumerable<string> Types(JsonElement types) =>
        types.ValueKind == JsonValueKind.Array
            ? types.EnumerateArray().Select(type => type.GetString()!)
            : [types.GetString()!];

    private static bool Is(string type, JsonElement value) =>
        type switch
        {
            "null" => value.ValueKind == JsonValueKind.Null,
            "string" => value.ValueKind == JsonValueKind.String,
            "boolean" => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
            "array" => value.ValueKind == JsonValueKind.Array,
            "object" => value.ValueKind == JsonValueKind.Object,
            "number" => value.ValueKind == JsonValueKind.Number,
            "integer" => value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out _),
            _ => false,
        };

    private static bool HasFormat(string format, JsonElement value) =>
        value.ValueKind == JsonValueKind.Null
        || format switch
        {
            "date-time" => DateTimeOffset.TryParse(value.GetString(), CultureInfo.InvariantCulture, out _)
                && value.GetString()!.EndsWith('Z'),
            "int32" => value.TryGetInt32(out _),
            "int64" => value.TryGetInt64(out _),
            "double" => value.TryGetDouble(out _),
            _ => false,
        };
}

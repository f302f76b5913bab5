using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace CallServer.Server.Configuration;

/// <summary>
/// The configuration as a JSON schema (draft 2020-12), for editors. It refuses unknown names, wrong kinds of value,
/// numbers out of range and words that are none; what depends on several values, on secrets or on the machine is left
/// to the reader.
/// </summary>
public static class ConfigurationSchema
{
    private const string DurationPattern = "^([0-9]+\\.?[0-9]*|\\.[0-9]+)(ms|s|m|h|d)$";
    private const string SizePattern = "^[0-9]+(kB|MB|GB)$";
    private const string SecretPattern = "^(env|file):.+$";
    private const string EndPointPattern = "^(\\[[0-9a-fA-F:.]+\\]|[0-9.]+):[0-9]+$";

    private static readonly JsonSerializerOptions Legible = new()
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>The schema, indented.</summary>
    public static string Text()
    {
        var schema = new JsonObject
        {
            ["$schema"] = "https://json-schema.org/draft/2020-12/schema",
            ["title"] = "CallServer",
        };
        foreach (var (name, value) in Of(Shape.Root))
            schema[name] = value?.DeepClone();
        // A file may name its schema, which the reader passes over.
        ((JsonObject)schema["properties"]!).Insert(0, Shape.SchemaName, Kind("string"));
        return schema.ToJsonString(Legible);
    }

    private static JsonObject Of(Shape shape)
    {
        if (shape.Key is { } key)
            return Of(key);
        if (shape.IsOpen)
            return Described(Kind("object"), shape.Means);
        if (shape.Item is { } item)
        {
            var list = Described(Kind("array"), shape.Means);
            list["items"] = Of(item);
            return list;
        }

        var members = new JsonObject();
        foreach (var (name, member) in shape.Members)
            members[name] = Of(member);
        var schema = Described(Kind("object"), shape.Means);
        schema["properties"] = members;
        if (shape.Required.Count > 0)
            schema["required"] = new JsonArray([.. shape.Required.Select(name => JsonValue.Create(name))]);
        schema["additionalProperties"] = false;
        return schema;
    }

    private static JsonObject Of(Key key)
    {
        var schema = key switch
        {
            IntegerKey number => new JsonObject
            {
                ["type"] = "integer",
                ["minimum"] = number.Low,
                ["maximum"] = number.High,
            },
            SwitchKey => Kind("boolean"),
            TextsKey { Words: { } words } => new JsonObject
            {
                ["type"] = "array",
                ["items"] = OneOf(words),
                ["minItems"] = 1,
            },
            TextsKey => new JsonObject { ["type"] = "array", ["items"] = Matching(".") },
            WordKey word => OneOf(word.Words),
            DurationKey => Matching(DurationPattern),
            SizeKey => Matching(SizePattern),
            SecretKey => Matching(SecretPattern),
            EndPointKey => Matching(EndPointPattern),
            TextKey text => Matching(text.Pattern ?? "."),
            _ => throw new InvalidOperationException($"a key of an unknown kind: {key}"),
        };
        return Described(schema, $"{key.Means}{Range(key)}{Usual(key)}");
    }

    private static string Range(Key key) =>
        key switch
        {
            DurationKey { Low: var low, High: var high } =>
                $" {Durations.Format(low)} to {Durations.Format(high)}.",
            SizeKey { Low: var low, High: var high } => $" {Sizes.Format(low)} to {Sizes.Format(high)}.",
            _ => "",
        };

    private static string Usual(Key key) => key.Usual is { } usual ? $" Default: {usual}." : "";

    private static JsonObject Kind(string type) => new() { ["type"] = type };

    private static JsonObject OneOf(string[] words) =>
        new() { ["enum"] = new JsonArray([.. words.Select(each => JsonValue.Create(each))]) };

    private static JsonObject Matching(string pattern) =>
        new() { ["type"] = "string", ["pattern"] = pattern };

    private static JsonObject Described(JsonObject schema, string means)
    {
        if (means.Length > 0)
            schema["description"] = means;
        return schema;
    }
}

using System.Globalization;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using CallServer.Server.Web.Reading;
using CallServer.Storage;
using CallServer.Surface;
using Microsoft.OpenApi;

namespace CallServer.Server.Web.Contract;

/// <summary>
/// The JSON schemas (2020-12, as OpenAPI 3.1 has them) of what the API answers. They are made from the serialiser's own
/// contract, so that names and types are those that are written, and CDRs have the names of their files.
/// </summary>
internal static class Schemas
{
    private static readonly Dictionary<Type, string> names = new()
    {
        [typeof(FindingItem)] = "CallFinding",
        [typeof(AuditSummary)] = "Audit",
        [typeof(ReleaseEntry)] = "ReleaseAttempt",
    };

    // F# says of no reference whether it may be null. These never are.
    private static readonly HashSet<string> neverNull = new(StringComparer.Ordinal)
    {
        "Id",
        "Uuid",
        "Gateway",
        "Kind",
        "Time",
        "Status",
        "FirstHeard",
        "LastConfirmed",
        "Qos",
        "AgeSeconds",
        "Evidence",
        "Sources",
        "Connections",
        "Findings",
        "Legs",
        "Ended",
        "Text",
        "Fact",
        "Server",
        "Role",
        "Cause",
        "Decided",
        "Outcome",
        "Reasons",
        "Gateways",
        "Starts",
        "AtRisk",
        "ByGateway",
        "StartEvidence",
        "At",
    };

    private static readonly HashSet<string> times = new(StringComparer.OrdinalIgnoreCase)
    {
        "asOf",
        "time",
        "since",
        "asked",
        "answered",
        "earliest",
        "latest",
        "firstHeard",
        "lastHeard",
        "decided",
        "at",
        "last_confirmed",
        "start_stamp",
        "answer_stamp",
        "answer_stamp_min",
        "answer_stamp_max",
        "end_stamp",
        "end_stamp_min",
        "end_stamp_max",
    };

    /// <summary>A schema with a name, or one by itself where a name would say no more.</summary>
    private readonly record struct Shape(Type Type, bool IsSnake)
    {
        public JsonSerializerOptions Options => IsSnake ? RecordJson.Snake : RecordJson.Camel;
    }

    /// <summary>A reference to the schema of a type.</summary>
    public static IOpenApiSchema Reference(Type type, OpenApiDocument document) =>
        Use(ShapeOf(type), isNullable: false, document, _ => { });

    /// <summary>A text.</summary>
    public static IOpenApiSchema Text() => new OpenApiSchema { Type = JsonSchemaType.String };

    /// <summary>The schemas of these types and of all that they are made of, by name.</summary>
    public static IDictionary<string, IOpenApiSchema> Components(
        IEnumerable<Type> types,
        OpenApiDocument document
    )
    {
        var made = new SortedDictionary<string, IOpenApiSchema>(StringComparer.Ordinal);
        var open = new Queue<Shape>();
        foreach (var type in types)
            Use(ShapeOf(type), false, document, open.Enqueue);
        while (open.TryDequeue(out var shape))
        {
            if (made.ContainsKey(Name(shape)))
                continue;
            // Named before it is filled: a schema may refer to itself.
            made[Name(shape)] = new OpenApiSchema();
            made[Name(shape)] = ObjectOf(shape, document, open.Enqueue);
        }

        return made;
    }

    /// <summary>The schema of a parameter.</summary>
    public static IOpenApiSchema Of(Parameter parameter) =>
        parameter.Kind switch
        {
            ParameterKind.Word => new OpenApiSchema
            {
                Type = JsonSchemaType.String,
                Enum = [.. parameter.Words.Select(word => (JsonNode)JsonValue.Create(word)!)],
            },
            ParameterKind.Number => new OpenApiSchema
            {
                Type = JsonSchemaType.Integer,
                Format = "int64",
                Minimum = parameter.Least.ToString(CultureInfo.InvariantCulture),
                Maximum =
                    parameter.Most == long.MaxValue
                        ? null
                        : parameter.Most.ToString(CultureInfo.InvariantCulture),
            },
            ParameterKind.Time => new OpenApiSchema { Type = JsonSchemaType.String, Format = "date-time" },
            ParameterKind.Duration => new OpenApiSchema
            {
                Type = JsonSchemaType.String,
                Pattern = @"^\d+(\.\d+)?(ms|s|m|h|d)$",
            },
            ParameterKind.Text or ParameterKind.Pattern => Text(),
            var kind => throw new ArgumentOutOfRangeException(nameof(parameter), kind, "no such kind"),
        };

    /// <summary>The example of a parameter, as its schema has it.</summary>
    public static JsonNode ExampleOf(Parameter parameter) =>
        parameter.Kind == ParameterKind.Number
            ? JsonValue.Create(long.Parse(parameter.Example, CultureInfo.InvariantCulture))
            : JsonValue.Create(parameter.Example)!;

    private static Shape ShapeOf(Type type) => new(type, IsSnake: type == typeof(CdrView));

    /// <summary>The schema of a value where it is used; what has a name of its own is passed on to be made.</summary>
    private static IOpenApiSchema Use(
        Shape shape,
        bool isNullable,
        OpenApiDocument document,
        Action<Shape> make
    )
    {
        var type = shape.Type;
        if (Nullable.GetUnderlyingType(type) is { } inner)
            return Use(shape with { Type = inner }, true, document, make);
        if (Simple(type) is { } simple)
        {
            if (isNullable)
                simple.Type |= JsonSchemaType.Null;
            return simple;
        }

        if (!type.IsGenericType || type.GetGenericTypeDefinition() == typeof(ListOf<>))
        {
            make(shape);
            var reference = new OpenApiSchemaReference(Name(shape), document);
            return isNullable
                ? new OpenApiSchema { OneOf = [reference, new OpenApiSchema { Type = JsonSchemaType.Null }] }
                : reference;
        }

        var values = type.GetGenericArguments();
        var isList = values.Length == 1;
        var schema = new OpenApiSchema { Type = isList ? JsonSchemaType.Array : JsonSchemaType.Object };
        if (isList)
            schema.Items = Use(shape with { Type = values[0] }, false, document, make);
        else
            schema.AdditionalProperties = Use(shape with { Type = values[1] }, false, document, make);
        if (isNullable)
            schema.Type |= JsonSchemaType.Null;
        return schema;
    }

    private static OpenApiSchema? Simple(Type type) =>
        type == typeof(string) ? new OpenApiSchema { Type = JsonSchemaType.String }
        : type == typeof(bool) ? new OpenApiSchema { Type = JsonSchemaType.Boolean }
        : type == typeof(int) ? new OpenApiSchema { Type = JsonSchemaType.Integer, Format = "int32" }
        : type == typeof(long) ? new OpenApiSchema { Type = JsonSchemaType.Integer, Format = "int64" }
        : type == typeof(double) ? new OpenApiSchema { Type = JsonSchemaType.Number, Format = "double" }
        : null;

    private static OpenApiSchema ObjectOf(Shape shape, OpenApiDocument document, Action<Shape> make)
    {
        var made = new OpenApiSchema
        {
            Type = JsonSchemaType.Object,
            Description = XmlDocs.Of(shape.Type),
            Properties = new Dictionary<string, IOpenApiSchema>(StringComparer.Ordinal),
            Required = new HashSet<string>(StringComparer.Ordinal),
        };
        foreach (var property in shape.Options.GetTypeInfo(shape.Type).Properties)
        {
            if (property.AttributeProvider is not PropertyInfo declared)
                continue;
            made.Properties[property.Name] = Described(property, declared, shape, document, make);
            if (declared.GetCustomAttribute<JsonIgnoreAttribute>() is null)
                made.Required.Add(property.Name);
        }

        return made;
    }

    private static IOpenApiSchema Described(
        JsonPropertyInfo property,
        PropertyInfo declared,
        Shape owner,
        OpenApiDocument document,
        Action<Shape> make
    )
    {
        var of =
            declared.PropertyType == typeof(JsonNode)
                ? ShapeOf(typeof(CdrView))
                : new Shape(
                    declared.PropertyType,
                    owner.IsSnake || ItemOf(declared.PropertyType) == typeof(CdrView)
                );
        var schema = Use(of, IsNullable(declared), document, make);
        var description = XmlDocs.Of(declared);
        switch (schema)
        {
            case OpenApiSchema own:
                own.Description = description;
                if (declared.PropertyType == typeof(string) && times.Contains(property.Name))
                    own.Format = "date-time";
                break;
            case OpenApiSchemaReference reference:
                reference.Description = description;
                break;
        }

        return schema;
    }

    private static bool IsNullable(PropertyInfo property) =>
        !property.PropertyType.IsValueType
        && new NullabilityInfoContext().Create(property).ReadState switch
        {
            NullabilityState.NotNull => false,
            NullabilityState.Nullable => true,
            _ => !neverNull.Contains(property.Name),
        };

    private static Type? ItemOf(Type type) => type.IsGenericType ? type.GetGenericArguments()[0] : null;

    private static string Name(Shape shape)
    {
        if (shape.Type.IsGenericType)
            return Name(shape with { Type = ItemOf(shape.Type)! }) + "List";
        if (names.TryGetValue(shape.Type, out var given))
            return given;
        var plain = shape.Type.Name;
        foreach (var ending in (string[])["View", "Item"])
        {
            if (plain.EndsWith(ending, StringComparison.Ordinal))
                plain = plain[..^ending.Length];
        }

        return shape.IsSnake && HasTwoNames(shape.Type) ? "Cdr" + plain : plain;
    }

    /// <summary>Whether a type within a CDR has other names there than elsewhere.</summary>
    private static bool HasTwoNames(Type type) =>
        type != typeof(CdrView)
        && !RecordJson
            .Snake.GetTypeInfo(type)
            .Properties.Select(property => property.Name)
            .SequenceEqual(RecordJson.Camel.GetTypeInfo(type).Properties.Select(property => property.Name));
}

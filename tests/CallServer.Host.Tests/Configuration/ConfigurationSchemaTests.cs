using System.Text.Json;
using System.Text.RegularExpressions;
using CallServer.Server.Configuration;
using CallServer.Surface;

namespace CallServer.Host.Tests.Configuration;

/// <summary>
/// The schema accepts what the reader accepts, and refuses what the reader refuses for its structure. A secret that
/// cannot be read, an id that stands twice or a duration out of range are beyond it.
/// </summary>
public sealed class ConfigurationSchemaTests
{
    private static readonly JsonElement Schema = JsonDocument.Parse(ConfigurationSchema.Text()).RootElement;

    private static readonly JsonDocumentOptions Lenient = new()
    {
        CommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
    };

    [Test]
    public void ItSaysWhichDraftItIsOf() =>
        Assert.That(
            Schema.GetProperty("$schema").GetString(),
            Is.EqualTo("https://json-schema.org/draft/2020-12/schema")
        );

    [Test]
    public void EveryKeyIsDescribed() => Assert.That(Undescribed(Schema, "$"), Is.Empty);

    [TestCase("docs/operating.md")]
    [TestCase("docs/recovery.md")]
    [TestCase("docs/quick-start.md")]
    [TestCase("README.md")]
    public void TheExamplesOfTheDocumentsAreAccepted(string file)
    {
        var examples = Examples(File.ReadAllText(Path.Combine(Root(), file))).ToList();
        Assert.That(examples, Is.Not.Empty);
        foreach (var example in examples)
            Assert.That(Mistakes(example), Is.Empty, example);
    }

    [Test]
    public void WhatTheReaderAcceptsIsAccepted([ValueSource(nameof(Accepted))] string configuration)
    {
        Assert.That(() => Read(configuration), Throws.Nothing);
        Assert.That(Mistakes(configuration), Is.Empty);
    }

    [Test]
    public void WhatTheReaderRefusesForItsStructureIsRefused(
        [ValueSource(nameof(Refused))] string configuration
    )
    {
        Assert.That(() => Read(configuration), Throws.TypeOf<ConfigurationException>());
        Assert.That(Mistakes(configuration), Is.Not.Empty);
    }

    private static readonly string[] Accepted =
    [
        """{ "gateways": [] }""",
        """{ "$schema": "./callserver.schema.json", "gateways": [] }""",
        """{ "gateways": [ { "id": "a", "uri": "snmp://h", "interval": "1.5s", "history": false, "attempts": 20 } ] }""",
        """{ "gateways": [ { "id": "a", "uri": "sip:u@h", "complete": "never", "replyOctets": "1MB" } ] }""",
        """{ "gateways": [], "server": { "hosts": [ "cs.example.net" ], "umask": "077", "eventReaders": 0 } }""",
        """{ "gateways": [], "listeners": { "mgcp": "[::1]:2727", "traps": "127.0.0.1:1162" } }""",
        """{ "gateways": [], "pair": { "secret": "env:PATH" }, "backup": { "of": "http://h:1", "standby": "cold" } }""",
        """{ "gateways": [], "mode": "fleet", "store": "postgres://h/d", "fleet": { "listen": "[::1]:1", "units": 16 } }""",
        """{ "gateways": [], "cdr": { "http": { "url": "https://h/cdrs", "batch": 1, "records": [ "stop", "start" ] } } }""",
        """{ "gateways": [], "profiles": { } }""",
    ];

    private static readonly string[] Refused =
    [
        """{ }""",
        """[ ]""",
        """{ "gateways": { } }""",
        """{ "gateways": [ 1 ] }""",
        """{ "gateways": [ { "id": "a" } ] }""",
        """{ "gateways": [ { "uri": "ng://h" } ] }""",
        """{ "gateways": [ { "id": "a b", "uri": "ng://h" } ] }""",
        """{ "gateways": [ { "id": "a", "uri": "h" } ] }""",
        """{ "gateways": [ { "id": "a", "uri": "ng://h", "colour": "red" } ] }""",
        """{ "gateways": [ { "id": "a", "uri": "ng://h", "attempts": 21 } ] }""",
        """{ "gateways": [ { "id": "a", "uri": "ng://h", "attempts": 1.5 } ] }""",
        """{ "gateways": [ { "id": "a", "uri": "ng://h", "interval": 10 } ] }""",
        """{ "gateways": [ { "id": "a", "uri": "ng://h", "interval": "10" } ] }""",
        """{ "gateways": [ { "id": "a", "uri": "ng://h", "complete": "always" } ] }""",
        """{ "gateways": [ { "id": "a", "uri": "snmp://h", "community": "public" } ] }""",
        """{ "gateways": [], "server": { "umask": "0022" } }""",
        """{ "gateways": [], "server": { "listen": "127.0.0.1:8080" } }""",
        """{ "gateways": [], "server": { "hosts": "h" } }""",
        """{ "gateways": [], "cdr": { "followLinks": "yes" } }""",
        """{ "gateways": [], "cdr": { "rotateSize": "1TB" } }""",
        """{ "gateways": [], "cdr": { "http": { "batch": 1 } } }""",
        """{ "gateways": [], "cdr": { "http": { "url": "https://me@h/" } } }""",
        """{ "gateways": [], "cdr": { "http": { "url": "https://h/", "records": [ "stops" ] } } }""",
        """{ "gateways": [], "cdr": { "http": { "url": "https://h/", "records": [ ] } } }""",
        """{ "gateways": [], "listeners": { "traps": "1162" } }""",
        """{ "gateways": [], "radius": { "server": "127.0.0.1:1813" } }""",
        """{ "gateways": [], "backup": { "standby": "warm" }, "pair": { "secret": "env:PATH" } }""",
        """{ "gateways": [], "pair": { "peer": "http://h:1" } }""",
        """{ "gateways": [], "mode": "cluster" }""",
        """{ "gateways": [], "mode": "fleet", "store": "postgres://h/d", "fleet": { "units": 16 } }""",
        """{ "gateways": [], "gatways": [] }""",
    ];

    private static void Read(string configuration) =>
        ConfigurationLoader.Read(
            System.Text.Encoding.UTF8.GetBytes(configuration),
            "test.json",
            new Dictionary<string, string>(),
            GatewayProtocols.BuiltIn
        );

    /// <summary>The configurations in a document: blocks of JSON that have gateways.</summary>
    private static IEnumerable<string> Examples(string text) =>
        Regex
            .Matches(text, "^```jsonc?\n(.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)
            .Select(block => block.Groups[1].Value.Replace("[ … ]", "[ ]", StringComparison.Ordinal))
            .Where(block =>
                block.StartsWith('{') && block.Contains("\"gateways\"", StringComparison.Ordinal)
            );

    private static string Root()
    {
        var folder = new DirectoryInfo(TestContext.CurrentContext.TestDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "CallServer.slnx")))
            folder = folder.Parent!;
        return folder.FullName;
    }

    private static IEnumerable<string> Undescribed(JsonElement schema, string path)
    {
        if (!schema.TryGetProperty("properties", out var members))
            yield break;
        foreach (var member in members.EnumerateObject().Where(member => member.Name != "$schema"))
        {
            if (!member.Value.TryGetProperty("description", out _))
                yield return $"{path}.{member.Name}";
            var inner = member.Value.TryGetProperty("items", out var items) ? items : member.Value;
            foreach (var other in Undescribed(inner, $"{path}.{member.Name}"))
                yield return other;
        }
    }

    private static List<string> Mistakes(string configuration)
    {
        using var document = JsonDocument.Parse(configuration, Lenient);
        return [.. Mistakes(Schema, document.RootElement, "$")];
    }

    /// <summary>The part of JSON schema (2020-12) that our schema uses; any other word fails the test.</summary>
    private static IEnumerable<string> Mistakes(JsonElement schema, JsonElement value, string path)
    {
        foreach (var rule in schema.EnumerateObject())
        {
            IEnumerable<string> wrong = rule.Name switch
            {
                "$schema" or "title" or "description" => [],
                "type" => IsOfType(rule.Value.GetString()!, value) ? [] : [path],
                "enum" => rule.Value.EnumerateArray().Any(word => JsonElement.DeepEquals(word, value))
                    ? []
                    : [path],
                "minimum" => value.ValueKind != JsonValueKind.Number
                || value.GetDouble() >= rule.Value.GetDouble()
                    ? []
                    : [path],
                "maximum" => value.ValueKind != JsonValueKind.Number
                || value.GetDouble() <= rule.Value.GetDouble()
                    ? []
                    : [path],
                "pattern" => value.ValueKind != JsonValueKind.String
                || Regex.IsMatch(value.GetString()!, rule.Value.GetString()!, RegexOptions.ECMAScript)
                    ? []
                    : [path],
                "required" => rule
                    .Value.EnumerateArray()
                    .Where(name =>
                        value.ValueKind == JsonValueKind.Object
                        && !value.TryGetProperty(name.GetString()!, out _)
                    )
                    .Select(name => $"{path}.{name}"),
                "items" => value.ValueKind == JsonValueKind.Array
                    ? value.EnumerateArray().SelectMany(item => Mistakes(rule.Value, item, path + "[]"))
                    : [],
                "minItems" => value.ValueKind != JsonValueKind.Array
                || value.GetArrayLength() >= rule.Value.GetInt32()
                    ? []
                    : [path],
                "properties" => value.ValueKind == JsonValueKind.Object
                    ? value
                        .EnumerateObject()
                        .Where(member => rule.Value.TryGetProperty(member.Name, out _))
                        .SelectMany(member =>
                            Mistakes(
                                rule.Value.GetProperty(member.Name),
                                member.Value,
                                $"{path}.{member.Name}"
                            )
                        )
                    : [],
                "additionalProperties" when rule.Value.ValueKind == JsonValueKind.False => value.ValueKind
                == JsonValueKind.Object
                    ? value
                        .EnumerateObject()
                        .Where(member => !schema.GetProperty("properties").TryGetProperty(member.Name, out _))
                        .Select(member => $"{path}.{member.Name}")
                    : [],
                _ => throw new InvalidOperationException($"the test does not know {rule.Name}"),
            };
            foreach (var mistake in wrong)
                yield return mistake;
        }
    }

    private static bool IsOfType(string type, JsonElement value) =>
        type switch
        {
            "object" => value.ValueKind == JsonValueKind.Object,
            "array" => value.ValueKind == JsonValueKind.Array,
            "string" => value.ValueKind == JsonValueKind.String,
            "boolean" => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
            "integer" => value.ValueKind == JsonValueKind.Number
                && value.GetDouble() == Math.Floor(value.GetDouble()),
            _ => throw new InvalidOperationException($"the test does not know the type {type}"),
        };
}

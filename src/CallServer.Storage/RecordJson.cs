using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using CallServer.Surface;

namespace CallServer.Storage;

/// <summary>
/// How the record is written as JSON in files, over HTTP and on the command line: on one line, with nulls, and with
/// text beyond ASCII as it is (see <see cref="LegibleJson"/> for the exceptions).
/// </summary>
public static class RecordJson
{
    /// <summary>Options for connections, audits, calls, changes and status: camelCase.</summary>
    public static JsonSerializerOptions Camel { get; } = Options(JsonNamingPolicy.CamelCase);

    /// <summary>Options for CDRs: snake_case, the names that billing knows.</summary>
    public static JsonSerializerOptions Snake { get; } = Options(JsonNamingPolicy.SnakeCaseLower);

    /// <summary>A CDR, as files and the API show it.</summary>
    public static string Cdr(CdrView cdr) => Written(cdr, GeneratedSnake.Default.CdrView);

    /// <summary>A change, as the event stream shows it.</summary>
    public static string Change(ChangeView change) => Written(change, GeneratedCamel.Default.ChangeView);

    /// <summary>An audit with its connections, as <c>audit --json</c> shows it.</summary>
    public static string Audit(AuditView audit) => Written(audit, GeneratedCamel.Default.AuditView);

    /// <summary>An audit without its connections.</summary>
    public static string Audit(AuditSummary audit) => JsonSerializer.Serialize(audit, Camel);

    /// <summary>An attempt to release.</summary>
    public static string Release(ReleaseEntry release) => JsonSerializer.Serialize(release, Camel);

    /// <summary>The report of a takeover.</summary>
    public static string Recovery(RecoveryView report) => JsonSerializer.Serialize(report, Camel);

    /// <summary>An entry of the control log.</summary>
    public static string Control(ControlEntry control) => JsonSerializer.Serialize(control, Camel);

    /// <summary>
    /// A takeover writes a change for every connection and an audit lists all of them, and generated code is faster than
    /// reflection. The serializer itself would not use that code, because our encoder is not its own.
    /// </summary>
    private static string Written<T>(T value, JsonTypeInfo<T> type)
    {
        var (text, json) = writer ??= NewWriter();
        text.ResetWrittenCount();
        json.Reset();
        type.SerializeHandler!(json, value);
        json.Flush();
        return Encoding.UTF8.GetString(text.WrittenSpan);
    }

    [ThreadStatic]
    private static (ArrayBufferWriter<byte> Text, Utf8JsonWriter Json)? writer;

    private static (ArrayBufferWriter<byte> Text, Utf8JsonWriter Json) NewWriter()
    {
        var text = new ArrayBufferWriter<byte>(1024);
        return (text, new Utf8JsonWriter(text, new JsonWriterOptions { Encoder = LegibleJson.Encoder }));
    }

    private static JsonSerializerOptions Options(JsonNamingPolicy naming)
    {
        var options = new JsonSerializerOptions
        {
            PropertyNamingPolicy = naming,
            Encoder = LegibleJson.Encoder,
            WriteIndented = false,
        };
        options.MakeReadOnly(populateMissingResolver: true);
        return options;
    }
}

/// <summary>Generated code that writes CDRs with the names of <see cref="RecordJson.Snake"/>.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    GenerationMode = JsonSourceGenerationMode.Serialization
)]
[JsonSerializable(typeof(CdrView))]
internal sealed partial class GeneratedSnake : JsonSerializerContext;

/// <summary>Generated code that writes changes and audits with the names of <see cref="RecordJson.Camel"/>.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    GenerationMode = JsonSourceGenerationMode.Serialization
)]
[JsonSerializable(typeof(ChangeView))]
[JsonSerializable(typeof(AuditView))]
internal sealed partial class GeneratedCamel : JsonSerializerContext;

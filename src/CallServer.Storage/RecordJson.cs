using System.Text.Json;
using CallServer.Surface;

namespace CallServer.Storage;

/// <summary>
/// How the record is written as JSON, in files, over HTTP and on the command line alike: one line, nulls
/// written, text beyond ASCII as it is where it reads as it stands.
/// </summary>
public static class RecordJson
{
    /// <summary>Connections, audits, calls, changes, status: camelCase.</summary>
    public static JsonSerializerOptions Camel { get; } = Options(JsonNamingPolicy.CamelCase);

    /// <summary>CDRs: snake_case, the names that billing knows.</summary>
    public static JsonSerializerOptions Snake { get; } = Options(JsonNamingPolicy.SnakeCaseLower);

    public static string Cdr(CdrView cdr) => JsonSerializer.Serialize(cdr, Snake);

    public static string Change(ChangeView change) => JsonSerializer.Serialize(change, Camel);

    public static string Audit(AuditSummary audit) => JsonSerializer.Serialize(audit, Camel);

    public static string Release(ReleaseEntry release) => JsonSerializer.Serialize(release, Camel);

    public static string Recovery(RecoveryView report) => JsonSerializer.Serialize(report, Camel);

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

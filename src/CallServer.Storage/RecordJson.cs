using System.Text.Json;
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
    public static string Cdr(CdrView cdr) => JsonSerializer.Serialize(cdr, Snake);

    /// <summary>A change, as the event stream shows it.</summary>
    public static string Change(ChangeView change) => JsonSerializer.Serialize(change, Camel);

    /// <summary>An audit without its connections.</summary>
    public static string Audit(AuditSummary audit) => JsonSerializer.Serialize(audit, Camel);

    /// <summary>An attempt to release.</summary>
    public static string Release(ReleaseEntry release) => JsonSerializer.Serialize(release, Camel);

    /// <summary>The report of a takeover.</summary>
    public static string Recovery(RecoveryView report) => JsonSerializer.Serialize(report, Camel);

    /// <summary>An entry of the control log.</summary>
    public static string Control(ControlEntry control) => JsonSerializer.Serialize(control, Camel);

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

namespace CallServer.Server.Recording.Cdrs;

/// <summary>How CDRs are written in a file, one a line.</summary>
/// <param name="Reader">The file's name among the readers of the store's outbox; each reader has its own mark.</param>
/// <param name="Header">The first line of each file; null for none.</param>
/// <param name="Line">Turns a CDR's JSON into its line, without line end; the line contains no line break.</param>
public sealed record CdrFormat(string Reader, string? Header, Func<string, string> Line)
{
    /// <summary>One JSON object a line, as the API shows it.</summary>
    public static CdrFormat Ndjson { get; } = new("cdr-file", null, json => json);

    /// <summary>Comma-separated values; see <see cref="CdrCsv"/>.</summary>
    public static CdrFormat Csv { get; } = new("cdr-csv", CdrCsv.Header, CdrCsv.Line);
}

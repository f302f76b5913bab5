namespace CallServer.Server.Recording.Cdrs;

/// <summary>How CDRs stand in a file: one a line.</summary>
/// <param name="Reader">The file's name among the readers of the store's outbox: each has its own mark.</param>
/// <param name="Header">The first line of each file; null where there is none.</param>
/// <param name="Line">A CDR's line without its end, from its JSON; it holds no line break.</param>
public sealed record CdrFormat(string Reader, string? Header, Func<string, string> Line)
{
    /// <summary>One JSON object a line, as the API shows it.</summary>
    public static CdrFormat Ndjson { get; } = new("cdr-file", null, json => json);

    /// <summary>As <see cref="CdrCsv"/> has it.</summary>
    public static CdrFormat Csv { get; } = new("cdr-csv", CdrCsv.Header, CdrCsv.Line);
}

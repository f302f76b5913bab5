using System.Text.Json;
using CallServer.Host.Cli.Output;
using CallServer.Server.Recording.Cdrs;

namespace CallServer.Host.Cli.Server;

/// <summary>A list for programs: one line an object.</summary>
/// <param name="Header">The line above the objects; null if there is none.</param>
/// <param name="Line">Formats an object's line.</param>
public sealed record LineFormat(string? Header, Func<JsonElement, string> Line)
{
    /// <summary>The objects as the server sends them.</summary>
    public static LineFormat Json { get; } = new(null, JsonText.Line);

    /// <summary>CDRs as in their CSV file.</summary>
    public static LineFormat Csv { get; } = new(CdrCsv.Header, CdrCsv.Line);
}

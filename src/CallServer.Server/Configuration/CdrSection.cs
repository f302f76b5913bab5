using CallServer.Server.Recording.Cdrs;
using CallServer.Surface;

namespace CallServer.Server.Configuration;

/// <summary>The <c>cdr</c> section of the configuration.</summary>
internal sealed record CdrSection(
    string? File,
    string? Csv,
    CdrRotation Rotation,
    TimeSpan? Interim,
    bool FollowsLinks
)
{
    // RFC 2869 §2.1: an interim interval must not be below 60 s and should not be below 600 s.
    private static readonly TimeSpan ShortestInterim = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan ModestInterim = TimeSpan.FromSeconds(600);
    private static readonly TimeSpan Longest = TimeSpan.FromDays(366);

    /// <summary>
    /// Reads the section; mistakes go to the reader, doubtful settings to <paramref name="warn"/>.
    /// </summary>
    public static CdrSection Read(Document? node, DocumentReader read, Action<Document, string> warn)
    {
        var file = read.Text(DocumentReader.Member(node, "file"));
        var csvNode = DocumentReader.Member(node, "csv");
        var csv = read.Text(csvNode);
        if (csv is not null && csv == file)
            read.Fail(csvNode!, "is the same file as cdr.file");

        var interimNode = DocumentReader.Member(node, "interim");
        var interim = read.Duration(interimNode, ShortestInterim, Longest);
        if (interim < ModestInterim)
            warn(interimNode!, "interim records more often than every 10m load whoever reads them");

        var rotation = new CdrRotation(
            read.Duration(DocumentReader.Member(node, "rotate"), TimeSpan.FromMinutes(1), Longest),
            read.Size(DocumentReader.Member(node, "rotateSize"), 1_000, 1_000_000_000_000)
        );
        var linksNode = DocumentReader.Member(node, "followLinks");
        if (linksNode is { Kind: not DocumentKind.Boolean })
            read.Fail(linksNode, $"true or false is expected here, not {linksNode.KindInWords}");
        return new CdrSection(file, csv, rotation, interim, linksNode?.Scalar == "true");
    }
}

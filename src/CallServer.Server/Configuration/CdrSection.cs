using CallServer.Server.Recording.Cdrs;
using CallServer.Surface;

namespace CallServer.Server.Configuration;

/// <summary>The <c>cdr</c> section of the configuration.</summary>
internal sealed record CdrSection(
    string? File,
    string? Csv,
    CdrRotation Rotation,
    TimeSpan? Interim,
    bool FollowsLinks,
    PushConfiguration? Http
)
{
    // RFC 2869 §2.1: an interim interval should not be below 600 s.
    private static readonly TimeSpan ModestInterim = TimeSpan.FromSeconds(600);

    /// <summary>
    /// Reads the section; mistakes go to the reader, doubtful settings to <paramref name="warn"/>.
    /// </summary>
    public static CdrSection Read(Document? node, DocumentReader read, Action<Document, string> warn)
    {
        var file = read.Text(node, Keys.Cdr.File);
        var csv = read.Text(node, Keys.Cdr.Csv);
        if (csv is not null && csv == file)
            read.Fail(Keys.Cdr.Csv.In(node)!, "is the same file as cdr.file");

        var interim = read.Duration(node, Keys.Cdr.Interim);
        if (interim < ModestInterim)
            warn(
                Keys.Cdr.Interim.In(node)!,
                "interim records more often than every 10m are a burden on whatever reads them"
            );

        var rotation = new CdrRotation(
            read.Duration(node, Keys.Cdr.Rotate),
            read.Size(node, Keys.Cdr.RotateSize)
        );
        return new CdrSection(
            file,
            csv,
            rotation,
            interim,
            read.Switch(node, Keys.Cdr.FollowLinks) ?? false,
            PushReader.Read(read, node)
        );
    }
}

using CallServer.Surface;

namespace CallServer.Server.Configuration;

/// <summary>What the file of the record keeps of the past. The connections that are active, and what waits to be told, it
/// keeps whatever this says.</summary>
public sealed record Keeping
{
    /// <summary>How long a CDR after its connection's end; an hour to ten years.</summary>
    public TimeSpan Cdrs { get; init; } = TimeSpan.FromDays(90);

    /// <summary>How many CDRs, the newest: 1,000 to 2^31 - 1.</summary>
    public int CdrsAtMost { get; init; } = 10_000_000;

    /// <summary>How many changes, over all gateways, for clients that follow them: 1,000 to 10^8.</summary>
    public int Changes { get; init; } = 100_000;

    /// <summary>How many audits of each gateway: 1 to 100,000.</summary>
    public int Audits { get; init; } = 100;

    internal static Keeping Read(Document? node, DocumentReader read)
    {
        var plain = new Keeping();
        return new Keeping
        {
            Cdrs =
                read.Duration(
                    DocumentReader.Member(node, "cdrs"),
                    TimeSpan.FromHours(1),
                    TimeSpan.FromDays(3653)
                ) ?? plain.Cdrs,
            CdrsAtMost =
                read.Integer(DocumentReader.Member(node, "cdrsAtMost"), 1_000, int.MaxValue)
                ?? plain.CdrsAtMost,
            Changes =
                read.Integer(DocumentReader.Member(node, "changes"), 1_000, 100_000_000) ?? plain.Changes,
            Audits = read.Integer(DocumentReader.Member(node, "audits"), 1, 100_000) ?? plain.Audits,
        };
    }
}

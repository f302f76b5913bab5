using CallServer.Surface;

namespace CallServer.Server.Configuration;

/// <summary>What of one gateway is taken at most; what tells more is partial, and names the limit.</summary>
/// <param name="ReplyOctets">One reply.</param>
/// <param name="AuditOctets">What one audit holds until it ends, roughly.</param>
/// <param name="Connections">Active connections in the record.</param>
public sealed record GatewayBounds(long ReplyOctets, long AuditOctets, int Connections)
{
    /// <summary>What is taken where nothing is said.</summary>
    public static GatewayBounds Usual { get; } = new(8_000_000, 512_000_000, 200_000);

    /// <summary>Octets of memory for all gateways together, where nothing is said.</summary>
    public const long UsualMemory = 1_500_000_000;

    internal static readonly string[] Names = ["replyOctets", "auditOctets", "connections"];

    internal static GatewayBounds Read(DocumentReader read, Document? node, GatewayBounds fallback) =>
        new(
            read.Size(DocumentReader.Member(node, Names[0]), 64_000, 1_000_000_000) ?? fallback.ReplyOctets,
            read.Size(DocumentReader.Member(node, Names[1]), 1_000_000, 100_000_000_000)
                ?? fallback.AuditOctets,
            read.Integer(DocumentReader.Member(node, Names[2]), 1, 10_000_000) ?? fallback.Connections
        );
}

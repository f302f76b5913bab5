using CallServer.Surface;

namespace CallServer.Server.Configuration;

/// <summary>
/// How much is accepted from one gateway. An audit that exceeds a limit is partial, and names the limit.
/// </summary>
/// <param name="ReplyOctets">Size of one reply, in octets.</param>
/// <param name="AuditOctets">Approximate size of what one audit holds until it ends, in octets.</param>
/// <param name="Connections">Active connections in the record.</param>
public sealed record GatewayBounds(long ReplyOctets, long AuditOctets, int Connections)
{
    /// <summary>The defaults.</summary>
    public static GatewayBounds Usual { get; } = new(8_000_000, 512_000_000, 200_000);

    /// <summary>Default memory for all gateways together, in octets.</summary>
    public const long UsualMemory = 2_500_000_000;

    internal static readonly string[] Names = ["replyOctets", "auditOctets", "connections"];

    internal static GatewayBounds Read(DocumentReader read, Document? node, GatewayBounds fallback) =>
        new(
            read.Size(DocumentReader.Member(node, Names[0]), 64_000, 1_000_000_000) ?? fallback.ReplyOctets,
            read.Size(DocumentReader.Member(node, Names[1]), 1_000_000, 100_000_000_000)
                ?? fallback.AuditOctets,
            read.Integer(DocumentReader.Member(node, Names[2]), 1, 10_000_000) ?? fallback.Connections
        );
}

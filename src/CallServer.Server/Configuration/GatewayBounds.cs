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

    internal static GatewayBounds Read(DocumentReader read, Document? node, GatewayBounds fallback) =>
        new(
            read.Size(node, Keys.Bounds.ReplyOctets) ?? fallback.ReplyOctets,
            read.Size(node, Keys.Bounds.AuditOctets) ?? fallback.AuditOctets,
            read.Integer(node, Keys.Bounds.Connections) ?? fallback.Connections
        );
}

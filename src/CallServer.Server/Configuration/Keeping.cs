using CallServer.Surface;

namespace CallServer.Server.Configuration;

/// <summary>
/// How much of the past the store keeps. Active connections and entries that wait in the outbox are always kept.
/// </summary>
public sealed record Keeping
{
    /// <summary>How long a CDR is kept after its connection ended: an hour to ten years.</summary>
    public TimeSpan Cdrs { get; init; } = TimeSpan.FromDays(90);

    /// <summary>How many CDRs are kept, newest first: 1,000 to 2^31 - 1.</summary>
    public int CdrsAtMost { get; init; } = 10_000_000;

    /// <summary>How many changes of all gateways are kept for clients that follow them: 1,000 to 10^8.</summary>
    public int Changes { get; init; } = 100_000;

    /// <summary>How many audits of each gateway are kept: 1 to 100,000.</summary>
    public int Audits { get; init; } = 100;

    /// <summary>How long an entry of the control log is kept: an hour to ten years.</summary>
    public TimeSpan Controls { get; init; } = TimeSpan.FromDays(365);

    /// <summary>How many entries of the control log are kept, newest first: 1,000 to 10^8. A tenth of this number is kept
    /// of refused requests besides.</summary>
    public int ControlsAtMost { get; init; } = 100_000;

    internal static Keeping Read(Document? node, DocumentReader read)
    {
        var plain = new Keeping();
        return new Keeping
        {
            Cdrs = read.Duration(node, Keys.Keep.Cdrs) ?? plain.Cdrs,
            CdrsAtMost = read.Integer(node, Keys.Keep.CdrsAtMost) ?? plain.CdrsAtMost,
            Changes = read.Integer(node, Keys.Keep.Changes) ?? plain.Changes,
            Controls = read.Duration(node, Keys.Keep.Controls) ?? plain.Controls,
            ControlsAtMost = read.Integer(node, Keys.Keep.ControlsAtMost) ?? plain.ControlsAtMost,
            Audits = read.Integer(node, Keys.Keep.Audits) ?? plain.Audits,
        };
    }
}

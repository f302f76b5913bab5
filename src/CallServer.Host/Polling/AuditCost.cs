namespace CallServer.Host.Polling;

/// <summary>
/// What one gateway's audits take of the thread that it shares with many others. What takes more than a small part of it
/// is to be audited aside, so that nobody waits for it.
/// </summary>
/// <param name="interval">From audit to audit.</param>
internal sealed class AuditCost(TimeSpan interval)
{
    /// <summary>The part of a core that any gateway may take.</summary>
    public const double Share = 0.05;

    private TimeSpan usual;

    /// <summary>How long the last one kept the thread busy.</summary>
    public TimeSpan Last { get; private set; }

    /// <summary>Its audits usually take more than its part.</summary>
    public bool IsHeavy => usual > interval * Share;

    /// <summary>The part of a core that its audits usually take.</summary>
    public double Part => usual / interval;

    /// <summary>
    /// An audit kept the thread busy for so long. One that took much counts for the next ones too: who takes much in
    /// every other audit takes much. True where that makes it heavy, or no longer heavy.
    /// </summary>
    public bool Count(TimeSpan busy)
    {
        var before = IsHeavy;
        Last = busy;
        usual = (usual + busy) / 2;
        return IsHeavy != before;
    }
}

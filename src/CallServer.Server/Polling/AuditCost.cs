namespace CallServer.Server.Polling;

/// <summary>What an audit cost the thread that it shares with others.</summary>
/// <param name="Busy">Processor time in all.</param>
/// <param name="Longest">The longest of its steps, and so the longest time that others had to wait for it.</param>
public readonly record struct AuditWork(TimeSpan Busy, TimeSpan Longest);

/// <summary>
/// What one gateway's audits cost a thread that many share, averaged over the last few: a gateway that is costly in
/// every other audit counts as costly, one that had a single hiccup does not.
/// </summary>
/// <param name="interval">Time from audit to audit.</param>
internal sealed class AuditCost(TimeSpan interval)
{
    /// <summary>The share of a core that any gateway may take.</summary>
    public const double Share = 0.02;

    /// <summary>The longest time that others may have to wait for one step.</summary>
    public static readonly TimeSpan Step = TimeSpan.FromMilliseconds(25);

    // After one audit that would make a gateway heavy, this many more are looked at before it is forgotten.
    private const int Suspicion = 4;

    private TimeSpan busy;
    private TimeSpan longest;
    private bool isKnown;
    private int suspect;

    /// <summary>What the last audit took.</summary>
    public TimeSpan Last { get; private set; }

    /// <summary>Its audits take more than their share; others in the heavy lane get their turn in between.</summary>
    public bool IsHeavy => busy > interval * Share;

    /// <summary>It is audited on the side loop, where no cheap gateway waits for it.</summary>
    public bool IsAside => IsHeavy || longest > Step;

    /// <summary>The share of a core that its audits take.</summary>
    public double Part => busy / interval;

    /// <summary>Counts an audit. Returns true if that makes the gateway heavy, or no longer heavy.</summary>
    public bool Count(AuditWork work)
    {
        var before = IsHeavy;
        Last = work.Busy;
        longest = (longest + work.Longest) / 2;
        var average = (busy + work.Busy) / 2;
        // The runtime collects garbage on the thread that happens to allocate, whoever made the garbage: one audit of
        // a gateway that is known to be cheap may seem to take a second.
        if (isKnown && !IsHeavy && suspect == 0 && average > interval * Share)
        {
            suspect = Suspicion;
            return false;
        }

        isKnown = true;
        suspect = Math.Max(suspect - 1, 0);
        busy = average;
        return IsHeavy != before;
    }
}

namespace CallServer.Server.Polling;

/// <summary>What an audit took of the thread that it shares with others.</summary>
/// <param name="Busy">Of the processor's time, in all.</param>
/// <param name="Longest">The longest of its steps: so long others waited.</param>
public readonly record struct AuditWork(TimeSpan Busy, TimeSpan Longest);

/// <summary>
/// What one gateway's audits take of a thread that many share, on average over the last few: who takes much in every
/// other audit takes much, and one hiccup is none.
/// </summary>
/// <param name="interval">From audit to audit.</param>
internal sealed class AuditCost(TimeSpan interval)
{
    /// <summary>The part of a core that any gateway may take.</summary>
    public const double Share = 0.02;

    /// <summary>So long others may wait for one step.</summary>
    public static readonly TimeSpan Step = TimeSpan.FromMilliseconds(25);

    // After one audit that would make it heavy, so many more are looked at before it is forgotten.
    private const int Suspicion = 4;

    private TimeSpan busy;
    private TimeSpan longest;
    private bool isKnown;
    private int suspect;

    /// <summary>What the last one took.</summary>
    public TimeSpan Last { get; private set; }

    /// <summary>Its audits take more than their part: others of its kind are to have their turn in between.</summary>
    public bool IsHeavy => busy > interval * Share;

    /// <summary>It is to be audited where nobody waits for it who takes little.</summary>
    public bool IsAside => IsHeavy || longest > Step;

    /// <summary>The part of a core that its audits take.</summary>
    public double Part => busy / interval;

    /// <summary>An audit took so much. True where that makes it heavy, or no longer heavy.</summary>
    public bool Count(AuditWork work)
    {
        var before = IsHeavy;
        Last = work.Busy;
        longest = (longest + work.Longest) / 2;
        var average = (busy + work.Busy) / 2;
        // The runtime takes back memory on the thread that happens to ask for more, whoever made the garbage: one audit of a
        // gateway that is known to take little may seem to take a second.
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

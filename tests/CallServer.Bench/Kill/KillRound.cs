using CallServer.Host.Cli.Demo;

namespace CallServer.Bench.Kill;

/// <summary>One kill and restart of a server, and what became of its record.</summary>
/// <param name="Number">Counted from 1.</param>
/// <param name="After">How long it had been ready when it was killed.</param>
/// <param name="Early">How long after its start it was killed a second time, before it was ready; null if it was
/// not.</param>
/// <param name="File">SQLite's check of the file after each kill.</param>
/// <param name="Start">From the last start until it was ready.</param>
/// <param name="Verdict">The record compared with the truth.</param>
internal sealed record KillRound(
    int Number,
    TimeSpan After,
    TimeSpan? Early,
    string File,
    TimeSpan Start,
    DemoVerdict Verdict
)
{
    public bool IsGood => DataFileCheck.IsSound(File) && Verdict.NothingLost;

    public override string ToString()
    {
        var early = Early is { } wait ? FormattableString.Invariant($"{wait.TotalSeconds, 4:0.00}") : "   -";
        return FormattableString.Invariant(
            $"{Number, 5} {After.TotalSeconds, 6:0.00} {early}  {File, -4} {Start.TotalSeconds, 6:0.00} {Verdict.Alive, 6} {Verdict.Recorded, 7} {Verdict.Missed, 7} {Verdict.Wrong, 6} {Verdict.CdrsDue, 5} {Verdict.CdrsWritten, 8} {Verdict.CdrsWrong, 6} {Verdict.TimesCompared, 7} {Verdict.OutsideBounds, 8}  {(IsGood ? "ok" : "WRONG")}"
        );
    }

    /// <summary>The heading above the rounds.</summary>
    public const string Heading =
        "round  after early file  ready  alive  record  missed  wrong   due  written  false   times  outside";
}

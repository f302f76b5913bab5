using CallServer.Bench.Start;

namespace CallServer.Bench.Takeover;

/// <summary>One run: a primary was killed, and its backup has the record.</summary>
/// <param name="Number">Counted from 1.</param>
/// <param name="Detected">From the kill until the backup acted.</param>
/// <param name="Whole">From the kill until every connection that was alive throughout was in its record and
/// confirmed.</param>
/// <param name="Saved">From the kill until they and the report were in its store.</param>
/// <param name="Cpu">CPU time of the backup from the kill until the record was whole.</param>
/// <param name="FleetCpu">CPU time of the gateways meanwhile.</param>
/// <param name="AtRisk">Seconds at risk, according to the report.</param>
/// <param name="Verdict">The record as soon as it was whole, compared with the truth.</param>
internal sealed record TakeoverRun(
    int Number,
    TimeSpan Detected,
    TimeSpan Whole,
    TimeSpan Saved,
    TimeSpan Cpu,
    TimeSpan FleetCpu,
    double AtRisk,
    FleetVerdict Verdict
)
{
    /// <summary>A takeover must be detected within this time.</summary>
    public static readonly TimeSpan MostDetection = TimeSpan.FromSeconds(1.5);

    /// <summary>The record must be whole within this time after the kill.</summary>
    public static readonly TimeSpan MostRecovery = TimeSpan.FromSeconds(10);

    public bool InTime => Detected <= MostDetection && Whole <= MostRecovery;

    public bool IsGood => InTime && Verdict.NothingLost;

    public override string ToString() =>
        FormattableString.Invariant(
            $"{Number, 3} {Detected.TotalSeconds, 8:0.00} {Whole.TotalSeconds, 6:0.00} {Saved.TotalSeconds, 6:0.00} {Cpu.TotalSeconds, 7:0.00} {FleetCpu.TotalSeconds, 6:0.00} {Verdict.Alive, 7} {Verdict.Missed, 6} {Verdict.Wrong, 5} {Verdict.Outside, 7} {Verdict.WidestMs, 9:0} {AtRisk, 9:0.0}  {(IsGood ? "ok" : InTime ? "WRONG" : "LATE")}"
        );

    /// <summary>The heading above the runs.</summary>
    public const string Heading =
        "run detected  whole  saved  server  fleet   alive missed wrong outside widest/ms at-risk/s";
}

using CallServer.Bench.Start;

namespace CallServer.Bench.Takeover;

/// <summary>A primary was killed, and its backup has the record.</summary>
/// <param name="Number">From 1 on.</param>
/// <param name="Detected">From the kill until the backup acted.</param>
/// <param name="Whole">From the kill until every connection that was alive throughout was in its record, and confirmed.</param>
/// <param name="Saved">From the kill until they were in its store, and its report too.</param>
/// <param name="Cpu">CPU time of the backup from the kill until the record was whole.</param>
/// <param name="FleetCpu">CPU time of the gateways meanwhile.</param>
/// <param name="AtRisk">Seconds at risk, by the report.</param>
/// <param name="Verdict">The record as soon as it was whole, against the truth.</param>
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
    /// <summary>What is asked of a takeover: detected within this time,</summary>
    public static readonly TimeSpan MostDetection = TimeSpan.FromSeconds(1.5);

    /// <summary>and whole within this time of the kill.</summary>
    public static readonly TimeSpan MostRecovery = TimeSpan.FromSeconds(10);

    public bool InTime => Detected <= MostDetection && Whole <= MostRecovery;

    public bool IsGood => InTime && Verdict.NothingLost;

    public override string ToString() =>
        FormattableString.Invariant(
            $"{Number, 3} {Detected.TotalSeconds, 8:0.00} {Whole.TotalSeconds, 6:0.00} {Saved.TotalSeconds, 6:0.00} {Cpu.TotalSeconds, 7:0.00} {FleetCpu.TotalSeconds, 6:0.00} {Verdict.Alive, 7} {Verdict.Missed, 6} {Verdict.Wrong, 5} {Verdict.Outside, 7} {Verdict.WidestMs, 9:0} {AtRisk, 9:0.0}  {(IsGood ? "ok" : InTime ? "WRONG" : "LATE")}"
        );

    /// <summary>Above the runs.</summary>
    public const string Heading =
        "run detected  whole  saved  server  fleet   alive missed wrong outside widest/ms at-risk/s";
}

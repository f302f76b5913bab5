namespace CallServer.Bench.Rtpengine;

/// <summary>
/// One run: a primary was killed, its backup has the record of a real rtpengine, and then rtpengine itself was
/// killed.
/// </summary>
/// <param name="Number">Counted from 1.</param>
/// <param name="Calls">Calls that rtpengine carried, of two tags each.</param>
/// <param name="Detected">From the kill until the backup acted.</param>
/// <param name="Whole">From the kill until the backup's store held a complete audit that began after the kill.</param>
/// <param name="Missed">Tags of calls that are not in the record, not confirmed, or not heard since the kill.</param>
/// <param name="Wrong">Connections that belong to no call.</param>
/// <param name="Outside">Starts whose bounds do not contain what rtpengine reports for the call.</param>
/// <param name="Restore">How long rtpengine's own restore from Redis took, according to its log.</param>
/// <param name="Answers">From the kill of rtpengine until it answered again, its own start included.</param>
/// <param name="Restored">Calls that it has restored.</param>
internal sealed record RtpengineRun(
    int Number,
    int Calls,
    TimeSpan Detected,
    TimeSpan Whole,
    int Missed,
    int Wrong,
    int Outside,
    TimeSpan Restore,
    TimeSpan Answers,
    long Restored
)
{
    /// <summary>The heading above the runs.</summary>
    public const string Heading =
        "run  calls detected  whole missed wrong outside | redis restore  kill to answer  calls restored";

    public bool IsGood => Missed == 0 && Wrong == 0 && Outside == 0;

    public override string ToString() =>
        FormattableString.Invariant(
            $"{Number, 3} {Calls, 6} {Detected.TotalSeconds, 8:0.00} {Whole.TotalSeconds, 6:0.00} {Missed, 6} {Wrong, 5} {Outside, 7} | {Restore.TotalSeconds, 13:0.00} {Answers.TotalSeconds, 15:0.00} {Restored, 15}  {(IsGood ? "ok" : "WRONG")}"
        );
}

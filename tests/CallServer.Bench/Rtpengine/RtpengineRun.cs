namespace CallServer.Bench.Rtpengine;

/// <summary>A primary was killed, and its backup has the record of a real rtpengine, which was then killed itself.</summary>
/// <param name="Number">From 1 on.</param>
/// <param name="Calls">That rtpengine carried, of two tags each.</param>
/// <param name="Detected">From the kill until the backup acted.</param>
/// <param name="Whole">From the kill until an audit that was begun after it, and that told all, was in the backup's store.</param>
/// <param name="Missed">Tags of calls that are not in the record, not confirmed, or not heard of since the kill.</param>
/// <param name="Wrong">Connections that no call has.</param>
/// <param name="Outside">Starts whose bounds do not contain what rtpengine tells of its call.</param>
/// <param name="Restore">How long rtpengine's own restore from Redis took, by its log.</param>
/// <param name="Answers">From the kill of rtpengine until it answered again, its own start included.</param>
/// <param name="Restored">Calls that it has again.</param>
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
    /// <summary>Above the runs.</summary>
    public const string Heading =
        "run  calls detected  whole missed wrong outside | redis restore  kill to answer  calls restored";

    public bool IsGood => Missed == 0 && Wrong == 0 && Outside == 0;

    public override string ToString() =>
        FormattableString.Invariant(
            $"{Number, 3} {Calls, 6} {Detected.TotalSeconds, 8:0.00} {Whole.TotalSeconds, 6:0.00} {Missed, 6} {Wrong, 5} {Outside, 7} | {Restore.TotalSeconds, 13:0.00} {Answers.TotalSeconds, 15:0.00} {Restored, 15}  {(IsGood ? "ok" : "WRONG")}"
        );
}

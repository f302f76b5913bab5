using System.Diagnostics.Metrics;
using CallServer.Server.Accounting;

namespace CallServer.Server.Measuring;

/// <summary>The posting of CDRs over HTTP. What waits is shown with the outbox's other readers.</summary>
internal static class ObservedPush
{
    private static readonly (PushResult Result, string Word)[] Results =
    [
        (PushResult.Taken, "taken"),
        (PushResult.Unreachable, "unreachable"),
        (PushResult.Late, "late"),
        (PushResult.Busy, "busy"),
        (PushResult.Failed, "failed"),
        (PushResult.TooLarge, "too-large"),
        (PushResult.Refused, "refused"),
    ];

    public static void Add(Meter meter, PushSink push)
    {
        meter.Counts(
            "callserver.push_records",
            "Records that the receiver of cdr.http took.",
            () => push.Tally.Records
        );
        meter.Counts(
            "callserver.push_requests",
            "Requests to it, by their result.",
            "result",
            () => Results.Select(one => (one.Word, push.Tally.Requests(one.Result)))
        );
        meter.Shows(
            "callserver.push_failing",
            "1 while it does not take records, by the reason.",
            "why",
            () => [("away", push.IsAway ? 1 : 0), ("refused", push.IsRefused ? 1 : 0)]
        );
    }
}

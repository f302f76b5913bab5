using System.Diagnostics.Metrics;
using CallServer.Server.Accounting;
using CallServer.Surface;

namespace CallServer.Server.Measuring;

/// <summary>Accounting to a RADIUS server.</summary>
internal static class ObservedRadius
{
    public static void Add(Meter meter, RadiusSink radius)
    {
        meter.Counts(
            "callserver.radius_packets",
            "Accounting-Requests that were sent.",
            "kind",
            () => Packets(radius.State)
        );
        meter.Counts(
            "callserver.radius_answered",
            "Records that the RADIUS server acknowledged.",
            () => radius.State.Answered
        );
        meter.Counts(
            "callserver.radius_refused",
            "Datagrams that were no answer, by reason.",
            "why",
            () => Refused(radius.State)
        );
        meter.Shows(
            "callserver.radius_away",
            "1 while the RADIUS server does not answer.",
            () => radius.State.IsAway ? 1 : 0
        );
        meter.Shows(
            "callserver.radius_waiting",
            "Records that it has not acknowledged.",
            () => radius.Health.Waiting ?? double.NaN
        );
        meter.Shows(
            "callserver.radius_oldest",
            "How long the oldest of them has waited.",
            () => radius.Health.OldestSeconds ?? 0,
            "s"
        );
    }

    private static IEnumerable<(string, long)> Packets(RadiusAccounting state) =>
        [("new", state.Sent - state.Repeated), ("repeated", state.Repeated)];

    private static IEnumerable<(string, long)> Refused(RadiusAccounting state) =>
        [("stray", state.Strays), ("forged", state.Forged)];
}

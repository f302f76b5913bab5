using System.Diagnostics.Metrics;
using CallServer.Surface;

namespace CallServer.Server.Measuring;

/// <summary>
/// What is measured when it happens: durations, and what no other part counts. Everything else at <c>/metrics</c> is
/// read from the part that counts it anyway (<see cref="Instruments"/>). docs/metrics.md explains each one.
/// </summary>
public sealed class Measures
{
    /// <summary>The name of the meter. Each server has its own, so that two in one process do not mix.</summary>
    public const string MeterName = "CallServer";

    /// <summary>The names of instruments with a series for each gateway begin with this.</summary>
    internal const string OfGateway = "callserver.gateway.";

    private static readonly double[] auditBounds =
    [
        0.005,
        0.01,
        0.025,
        0.05,
        0.1,
        0.25,
        0.5,
        1,
        2.5,
        5,
        10,
        30,
        60,
        120,
    ];

    private static readonly double[] reconcileBounds =
    [
        0.0001,
        0.00025,
        0.0005,
        0.001,
        0.0025,
        0.005,
        0.01,
        0.025,
        0.05,
        0.1,
        0.25,
        1,
    ];

    private static readonly double[] recoveryBounds = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60, 120, 300];

    private static readonly double[] startBounds =
    [
        0.001,
        0.01,
        0.025,
        0.05,
        0.1,
        0.25,
        0.5,
        1,
        2.5,
        5,
        10,
        30,
        60,
        300,
        3600,
    ];

    private readonly Histogram<double> audits;
    private readonly Histogram<double> reconciles;
    private readonly Histogram<double> recoveries;
    private readonly Histogram<double> starts;
    private readonly Counter<long> partials;

    /// <param name="meters">The server's own: its meters are gone when it is.</param>
    public Measures(IMeterFactory meters)
    {
        ArgumentNullException.ThrowIfNull(meters);
        Meter = meters.Create(MeterName);
        audits = Seconds(
            "callserver.audit",
            "How long audits took, from the first request to the last reply or the end of waiting.",
            auditBounds
        );
        reconciles = Seconds(
            "callserver.reconcile",
            "How long it took to take an audit into the record, up to handing it to the store.",
            reconcileBounds
        );
        recoveries = Seconds(
            "callserver.recovery",
            "From a takeover until every gateway was heard or given up.",
            recoveryBounds
        );
        starts = Seconds(
            "callserver.start.width",
            "How exact the starts of ended connections are: latest minus earliest. Those with one bound are left out.",
            startBounds
        );
        partials = Meter.CreateCounter<long>(
            OfGateway + "partial_audits",
            null,
            "Audits that were not complete, by the kinds of reasons; one audit may have several."
        );
    }

    /// <summary>The server's meter.</summary>
    internal Meter Meter { get; }

    /// <summary>An audit, or a report of a watch, has come into the record.</summary>
    internal void Took(AuditResult audit, RecordStep step, TimeSpan reconciling)
    {
        if (!audit.FromWatch)
            audits.Record(
                (audit.Answered - audit.Asked).TotalSeconds,
                new KeyValuePair<string, object?>("result", Outcome(audit))
            );
        reconciles.Record(reconciling.TotalSeconds);
        foreach (var kind in audit.ReasonKinds)
            partials.Add(1, new("gateway", audit.Gateway), new("reason", kind));
        Ended(step);
    }

    /// <summary>Connections may have ended in this step.</summary>
    internal void Ended(RecordStep step)
    {
        foreach (var width in step.StartWidths)
            starts.Record(width.TotalSeconds);
    }

    /// <summary>A takeover has its whole report.</summary>
    internal void Recovered(RecoveryView report) => recoveries.Record(report.RecoverySeconds);

    private static string Outcome(AuditResult audit) =>
        audit.Complete ? "complete"
        : audit.Silent ? "silent"
        : "partial";

    private Histogram<double> Seconds(string name, string help, double[] bounds) =>
        Meter.CreateHistogram(
            name,
            "s",
            help,
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = bounds }
        );
}

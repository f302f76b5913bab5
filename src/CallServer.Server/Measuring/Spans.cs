using System.Diagnostics;
using System.Runtime.CompilerServices;
using CallServer.Surface;

namespace CallServer.Server.Measuring;

/// <summary>
/// Spans for whoever traces: an <c>audit</c>, and under it each <c>request</c> and <c>reply</c>, how the audit was taken
/// into the record (<c>reconcile</c>), and its <c>commit</c>. While nobody listens, none is made and nothing is kept.
/// </summary>
internal static class Spans
{
    public const string SourceName = "CallServer";

    private static readonly ActivitySource source = new(SourceName);

    // What an audit learnt is the core's, and knows no spans: this says under which span it came.
    private static readonly ConditionalWeakTable<AuditResult, Activity> audits = [];

    /// <summary>
    /// Begins a span; null if nobody listens. The threads of the loops are shared, so the span does not become the
    /// parent of whatever happens there next.
    /// </summary>
    public static Activity? Begin(
        string name,
        ActivityContext parent = default,
        ActivityKind kind = ActivityKind.Internal
    )
    {
        if (!source.HasListeners())
            return null;
        var around = Activity.Current;
        Activity.Current = null;
        try
        {
            return source.StartActivity(name, kind, parent);
        }
        finally
        {
            Activity.Current = around;
        }
    }

    /// <summary>Begins a span under that of an audit; null if that had none.</summary>
    public static Activity? BeginUnder(ActivityContext audit, string name) =>
        audit == default ? null : Begin(name, audit);

    /// <summary>This was learnt under this span.</summary>
    public static void Keep(AuditResult result, Activity audit) => audits.AddOrUpdate(result, audit);

    /// <summary>The span under which this was learnt; default if there was none.</summary>
    public static ActivityContext Of(AuditResult result) =>
        audits.TryGetValue(result, out var audit) ? audit.Context : default;
}

using System.Collections.Concurrent;
using System.Diagnostics;
using CallServer.Host.Tests.Storage;
using CallServer.Host.Tests.Web;
using CallServer.Server.Measuring;

namespace CallServer.Host.Tests.Measuring;

/// <summary>The spans of an audit, as a tracer gets them.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[NonParallelizable]
[CancelAfter(60_000)]
public sealed class SpansTests : IDisposable
{
    private static readonly string[] Parts = ["request", "reply", "reconcile", "commit"];

    private readonly TestDirectory directory = new();
    private readonly TestGateways gateways = new();
    private readonly ConcurrentQueue<Activity> ended = new();

    public void Dispose() => directory.Dispose();

    [Test]
    public async Task AnAuditHasItsRequestReplyReconcileAndCommitUnderIt(CancellationToken cancel)
    {
        gateways.Connections[1] = [1, 2];
        using var listener = Listen();
        await using var server = await TestServer.StartAsync(directory, gateways);
        await server.UntilAskedAsync(cancel);
        await server.UntilAsync(_ => Audit("gw1") is { } audit && Under(audit).Count >= Parts.Length, cancel);

        var answered = Audit("gw1")!;
        var silent = Audit("gw2")!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Under(answered), Is.EqualTo(Parts));
            Assert.That(answered.GetTagItem("callserver.complete"), Is.True);
            Assert.That(answered.GetTagItem("callserver.connections"), Is.EqualTo(2));
            Assert.That(Under(silent), Does.Contain("request").And.Not.Contain("reply"));
            Assert.That(silent.Status, Is.EqualTo(ActivityStatusCode.Error));
            Assert.That(silent.StatusDescription, Is.EqualTo("silent"));
            Assert.That(answered.TraceId, Is.Not.EqualTo(silent.TraceId), "each audit is a trace of its own");
        }
    }

    [Test]
    public void WhileNobodyListensThereIsNone() => Assert.That(Spans.Begin("audit"), Is.Null);

    [Test]
    public void OneThatBeginsIsNoParentOfWhatFollows()
    {
        using var listener = Listen();
        using var span = Spans.Begin("audit");
        Assert.That(span, Is.Not.Null);
        Assert.That(Activity.Current, Is.Null);
    }

    private ActivityListener Listen()
    {
        var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == Spans.SourceName,
            Sample = (ref _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = ended.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        return listener;
    }

    private Activity? Audit(string gateway) =>
        ended.FirstOrDefault(span =>
            span.OperationName == "audit" && gateway.Equals(span.GetTagItem("callserver.gateway"))
        );

    /// <summary>The names of the spans under this one, in the order in which they began.</summary>
    private List<string> Under(Activity audit) =>
        [
            .. ended
                .Where(span => span.ParentSpanId == audit.SpanId && span.TraceId == audit.TraceId)
                .OrderBy(span => span.StartTimeUtc)
                .Select(span => span.OperationName),
        ];
}

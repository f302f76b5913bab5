using System.Diagnostics;
using System.Net;
using CallServer.Surface;

namespace CallServer.Server.Measuring;

/// <summary>
/// The span of one audit, and under it a <c>request</c> from a message that was sent until the next one that came, and
/// a <c>reply</c> for the reading of each message that came. Only a machine knows which reply answers which request,
/// so that a request that is sent while another waits has no span of its own.
/// </summary>
internal sealed class AuditTrace : IDisposable
{
    // An audit of a large table has thousands of messages.
    private const int MostParts = 200;

    private readonly Activity audit;
    private Activity? request;
    private int parts;
    private int sent;
    private int received;

    private AuditTrace(Activity audit) => this.audit = audit;

    /// <summary>Begins one; null if nobody listens.</summary>
    public static AuditTrace? Begin(IPEndPoint gateway)
    {
        if (Spans.Begin("audit", kind: ActivityKind.Client) is not { } audit)
            return null;
        audit.SetTag("server.address", gateway.Address.ToString());
        audit.SetTag("server.port", gateway.Port);
        return new AuditTrace(audit);
    }

    /// <summary>A message is sent.</summary>
    public void Sent()
    {
        sent++;
        request ??= Part("request");
    }

    /// <summary>A message has come; the span of its reading ends when it is disposed.</summary>
    public Activity? Received()
    {
        received++;
        request?.Dispose();
        request = null;
        return Part("reply");
    }

    /// <summary>The audit is over, with this result.</summary>
    public void End(AuditResult result)
    {
        audit.SetTag("callserver.gateway", result.Gateway);
        audit.SetTag("callserver.protocol", result.Protocol);
        audit.SetTag("callserver.complete", result.Complete);
        audit.SetTag("callserver.connections", result.Count);
        if (!result.Complete)
            audit.SetStatus(ActivityStatusCode.Error, string.Join(", ", result.ReasonKinds));
        Spans.Keep(result, audit);
        Dispose();
    }

    /// <summary>Ends what has not ended: an audit that was dropped has no result.</summary>
    public void Dispose()
    {
        if (audit.IsStopped)
            return;
        request?.Dispose();
        audit.SetTag("callserver.messages.sent", sent);
        audit.SetTag("callserver.messages.received", received);
        audit.Dispose();
    }

    private Activity? Part(string name) => ++parts > MostParts ? null : Spans.BeginUnder(audit.Context, name);
}

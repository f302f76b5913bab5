using CallServer.Model;
using CallServer.Surface;

namespace CallServer.Bench.Performance.InProcess;

/// <summary>
/// An audit as it went, to be played again: the gateway's replies at their times, so that nothing but the audit itself
/// runs.
/// </summary>
internal sealed class Tape
{
    private readonly List<(Instant At, byte[]? Reply)> events = [];
    private readonly Func<GatewayExchange<AuditResult>> start;

    /// <param name="start">Begins the same audit again.</param>
    public Tape(Func<GatewayExchange<AuditResult>> start) => this.start = start;

    /// <summary>What the audit learnt.</summary>
    public AuditResult Result { get; set; } = null!;

    /// <summary>Requests that reached the gateway.</summary>
    public int Requests { get; set; }

    /// <summary>Variable bindings in the gateway's replies.</summary>
    public int Varbinds { get; set; }

    /// <summary>Octets of the gateway's replies.</summary>
    public long Octets { get; set; }

    /// <summary>From the first request to the last reply, in the audit's own time.</summary>
    public TimeSpan Took => Result.Answered - Result.Asked;

    /// <summary>Keeps a reply, or for null that the audit was woken.</summary>
    public void Keep(Instant at, byte[]? reply) => events.Add((at, reply));

    /// <summary>Runs the same audit again on what was kept. Throws if it does not end the same way.</summary>
    public AuditResult Play()
    {
        var sink = new Listening();
        var exchange = start();
        exchange.Dispatch(sink);
        foreach (var (at, reply) in events)
        {
            var now = MomentModule.at(at);
            exchange = reply is null ? exchange.Tick(now) : exchange.Receive(now, reply);
            exchange.Dispatch(sink);
        }
        if (sink.Result is not { } result || result.Count != Result.Count || sink.Sent != Requests)
            throw new InvalidOperationException("an audit that was played again went another way");
        return result;
    }

    private sealed class Listening : IExchangeSink<AuditResult>
    {
        public AuditResult? Result { get; private set; }

        public int Sent { get; private set; }

        public void Send(byte[] message) => Sent++;

        public void Reply(byte[] message) => Sent++;

        public void Connect() { }

        public void Write(byte[] octets) { }

        public void WakeAt(Instant instant) { }

        public void Told(AuditResult result) { }

        public void Finished(AuditResult result) => Result = result;
    }
}

using CallServer.Gateway;
using CallServer.Host.Configuration;
using CallServer.Host.Net;
using CallServer.Surface;

namespace CallServer.Host.Cli.Auditing;

/// <summary>
/// One audit of a simulated gateway in memory, before the first real one. A program compiles what it runs for the first time,
/// and that time would stand between a request and its reply: every start would be known less exactly by it.
/// </summary>
internal sealed class Rehearsal : IAuditSink, IGatewayHost
{
    private const int Connections = 40;

    private readonly Queue<byte[]> sent = new();
    private readonly Queue<byte[]> answered = new();
    private bool over;

    private Rehearsal() { }

    public static void Hold(IAuditTargetFactory targets, IClock clock)
    {
        var settings = new GatewaySettings { Connections = Connections };
        if (
            !GatewayUri.TryParse($"snmp://127.0.0.1?profile={settings.Profile}", out var uri, out _)
            || !SimulatedGateway.TryCreate(settings, clock.Now.Steady, out var gateway, out _)
        )
            return;

        var target = targets.Create("rehearsal", uri, GatewaySecrets.None, TimeSpan.FromSeconds(1), 1);
        var stage = new Rehearsal();
        var audit = target.Start(null, clock.Now, 1, "", null);
        audit.Dispatch(stage);
        while (!stage.over && stage.sent.TryDequeue(out var message))
        {
            var step = gateway.Receive(clock.Now.Steady, "snmp", "rehearsal", message);
            gateway = step.Next;
            step.Dispatch(stage);
            while (stage.answered.TryDequeue(out var reply))
            {
                audit = audit.Receive(clock.Now, reply);
                audit.Dispatch(stage);
            }
        }
    }

    void IGatewayHost.Send(string protocol, string peer, TimeSpan after, byte[] datagram) =>
        answered.Enqueue(datagram);

    void IGatewayHost.Write(int stream, TimeSpan after, byte[] octets) { }

    void IGatewayHost.HangUp(int stream) { }

    void IAuditSink.Send(byte[] message) => sent.Enqueue(message);

    void IAuditSink.Connect() { }

    void IAuditSink.Write(byte[] octets) { }

    void IAuditSink.Told(AuditResult result) { }

    void IAuditSink.Released(ReleaseResult result) => over = true;

    void IAuditSink.WakeAt(Model.Instant instant) { }

    void IAuditSink.Finished(AuditResult result, AuditMemory memory) => over = true;
}

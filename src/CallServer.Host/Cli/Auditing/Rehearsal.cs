using CallServer.Gateway;
using CallServer.Host.Configuration;
using CallServer.Host.Net;
using CallServer.Model;
using CallServer.Surface;

namespace CallServer.Host.Cli.Auditing;

/// <summary>
/// One audit of a simulated gateway in memory for each protocol that is about to be spoken, before the first real one. A program
/// compiles what it runs for the first time, and that time would stand between a request and its reply: every start would be
/// known less exactly by it. Time passes only here: nothing is waited for.
/// </summary>
internal sealed class Rehearsal : IAuditSink, IGatewayHost
{
    private const int Connections = 40;
    private const string Us = "127.0.0.1:9";

    // An audit of so few connections takes some hundred events: one that takes more is not worth it.
    private const int MostEvents = 10_000;

    private readonly string protocol;
    private readonly Queue<Action> pending = new();
    private SimulatedGateway gateway;
    private GatewayAudit? audit;
    private AuditResult? result;
    private Moment now;
    private Instant? due;
    private int stream;

    private Rehearsal(string protocol, SimulatedGateway gateway, Moment now)
    {
        this.protocol = protocol;
        this.gateway = gateway;
        this.now = now;
    }

    /// <summary>Audits in each way in which one of these gateways will be asked; what they came to.</summary>
    public static IReadOnlyList<AuditResult> Hold(
        IAuditTargetFactory targets,
        IClock clock,
        IEnumerable<GatewayUri> uris
    ) =>
        [
            .. uris.Select(uri => (uri.Protocol, uri.Transport))
                .Distinct()
                .Select(way => HoldOne(targets, clock, way.Protocol, way.Transport))
                .OfType<AuditResult>(),
        ];

    private static AuditResult? HoldOne(
        IAuditTargetFactory targets,
        IClock clock,
        string protocol,
        string? transport
    )
    {
        var settings = new GatewaySettings { Connections = Connections, Protocols = [protocol] };
        var text = (protocol, transport) switch
        {
            ("snmp", _) => $"snmp://127.0.0.1?profile={settings.Profile}",
            ("sip", null) => "sip:all@127.0.0.1",
            ("sip", _) => $"sip:all@127.0.0.1;transport={transport}",
            ("ng", "tcp" or "http") => $"ng+{transport}://127.0.0.1",
            _ => $"{protocol}://127.0.0.1",
        };
        var now = clock.Now;
        if (
            !GatewayUri.TryParse(text, out var uri, out _)
            || !SimulatedGateway.TryCreate(settings, now.Steady, out var gateway, out _)
        )
            return null;

        var target = targets.Create("rehearsal", uri, GatewaySecrets.None, TimeSpan.FromSeconds(1), 1);
        return new Rehearsal(protocol, gateway, now).Run(target);
    }

    private AuditResult? Run(AuditTarget target)
    {
        Apply(target.Start(null, now, 1, Us, null));
        for (var events = 0; result is null && events < MostEvents; events++)
        {
            if (pending.TryDequeue(out var next))
                next();
            else if (due is { } instant)
                Wait(instant);
            else
                break;
        }

        return result;
    }

    private void Wait(Instant instant)
    {
        due = null;
        if (instant > now.Steady)
            now = new Moment(instant, now.Wall + (instant - now.Steady));
        Apply(gateway.Advance(now.Steady));
        Apply(audit!.Tick(now));
    }

    private void Apply(GatewayAudit next)
    {
        audit = next;
        next.Dispatch(this);
    }

    private void Apply(GatewayStep step)
    {
        gateway = step.Next;
        step.Dispatch(this);
    }

    void IGatewayHost.Send(string protocol, string peer, TimeSpan after, byte[] datagram) =>
        pending.Enqueue(() => Apply(audit!.Receive(now, datagram)));

    void IGatewayHost.Write(int stream, TimeSpan after, byte[] octets) =>
        pending.Enqueue(() => Apply(audit!.Arrived(now, octets)));

    void IGatewayHost.HangUp(int stream) =>
        pending.Enqueue(() => Apply(audit!.Broken(now, "closed by the gateway")));

    void IAuditSink.Send(byte[] message) =>
        pending.Enqueue(() => Apply(gateway.Receive(now.Steady, protocol, Us, message)));

    void IAuditSink.Reply(byte[] message) => ((IAuditSink)this).Send(message);

    void IAuditSink.Connect()
    {
        stream++;
        pending.Enqueue(() =>
        {
            Apply(gateway.Open(now.Steady, protocol, stream));
            Apply(audit!.Connected(now, Us));
        });
    }

    void IAuditSink.Write(byte[] octets) =>
        pending.Enqueue(() => Apply(gateway.Read(now.Steady, stream, octets)));

    void IAuditSink.WakeAt(Instant instant) => due = instant;

    void IAuditSink.Told(AuditResult result, AuditMemory memory) { }

    void IAuditSink.Released(ReleaseResult result) { }

    void IAuditSink.Controlled(ControllerResult result) { }

    void IAuditSink.Finished(AuditResult result, AuditMemory memory) => this.result = result;
}
